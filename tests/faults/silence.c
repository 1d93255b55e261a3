// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * fake-qemu does not answer, or does not carry out a command, until a deadline of the runner
 * passes.
 */
#include "faults.h"

static const struct fault rows[] = {
	{ "migration-hangs", "run selftest/precopy", "migration-hangs", 1, "ERROR",
	  "^ERROR selftest/precopy: the migration did not end in time; source: migration active, destination: setup" },
	{ "no-greeting", "run selftest/precopy", "no-greeting", 1, "ERROR",
	  "^ERROR selftest/precopy: no QMP greeting within 15 s" },
	{ "no-answer", "run selftest/precopy", "no-answer", 1, "ERROR",
	  "^ERROR selftest/precopy: no answer to QMP command '[a-z-]+' within 15 s" },
	{ "no-answer-to-incoming", "run selftest/precopy", "no-answer-to-incoming", 1, "ERROR",
	  "^ERROR selftest/precopy: destination: no answer to QMP command 'migrate-incoming' within" },
	{ "closes-monitor", "run selftest/pause", "closes-monitor", 1, "ERROR",
	  "^ERROR selftest/pause: no answer to QMP command 'stop' within 15 s" },
	{ "no-reset", "run selftest/reset", "no-reset", 1, "ERROR",
	  "^ERROR selftest/reset: QEMU did not reset the machine in time" },
	{ "save-hangs", "run selftest --plan snapshot", "save-hangs", 1, "ERROR",
	  "^ERROR selftest/snapshot: QEMU did not save the guest in time \\(migration active\\)" },
	{ "restore-hangs", "run selftest --plan snapshot", "restore-hangs", 1, "ERROR",
	  "^ERROR selftest/snapshot: (destination: )?no answer to QMP command 'cont' within 15 s" },
	{ "ignores-quit", "run selftest/precopy", "ignores-quit", 1, "ERROR",
	  "^ERROR selftest/precopy: source: QEMU did not end when it was told to quit" },
};

const struct fault_table silence_faults = { rows, G_N_ELEMENTS(rows) };
