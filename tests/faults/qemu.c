// SPDX-License-Identifier: GPL-2.0-or-later
/* fake-qemu fails to start, sends nonsense, or dies. */
#include "faults.h"

static const struct fault rows[] = {
	/*
	 * Nothing goes wrong in these runs of fake-qemu. They show that other rows fail for the
	 * reason that they name.
	 */
	{ "normal-none", "run selftest/none", "", 0, "PASS",
	  "^PASS  selftest/none \\(1 tests, 1 checks", .kind = "none" },
	{ "normal-pause", "run selftest/pause", "", 0, "PASS",
	  "^PASS  selftest/pause .* 1 pause, " },
	{ "normal-precopy", "run selftest/precopy", "", 0, "PASS",
	  "^PASS  selftest/precopy .* 1 migration, " },
	{ "normal-reset", "run selftest/reset", "", 0, "PASS",
	  "^PASS  selftest/reset \\(1 tests, 2 checks; 1 reset, back after " },
	{ "normal-storm", "run selftest/storm --moves 50", "", 0, "PASS",
	  "^PASS  selftest/storm .* 5\\d migrations, " },

	/* The monitor. */
	{ "too-old", "run selftest/none", "too-old", 1, "ERROR",
	  "^ERROR selftest/none: QEMU 4.2.0 is too old: Ferry needs 6.0 or newer \\(--qemu BINARY\\)",
	  .kind = "vmm-start" },
	{ "nonsense", "run selftest/none", "nonsense", 1, "ERROR",
	  "^ERROR selftest/none: QMP answered with nonsense: Welcome to ", .kind = "vmm-start" },
	{ "nonsense-later", "run selftest/precopy", "nonsense-later", 1, "ERROR",
	  "^ERROR selftest/precopy: QMP answered with nonsense: \\{\"return\":  in test fake on CPU 0; last line: " },
	{ "two-answers", "run selftest/precopy", "two-answers", 1, "ERROR",
	  "^ERROR selftest/precopy: a QMP answer that no command waits for" },
	{ "refuses-capabilities", "run selftest/none", "refuses-capabilities", 1, "ERROR",
	  "^ERROR selftest/none: QMP command 'migrate-set-capabilities' failed: No such capability" },

	/* Processes that die. */
	{ "dies-at-start", "run selftest/none", "dies-at-start", 1, "ERROR",
	  "^ERROR selftest/none: qemu did not start \\(exit status 1: fake-qemu: -machine: no machine today\\)",
	  .kind = "vmm-start" },
	{ "dies-by-signal", "run selftest/none", "dies-by-signal", 1, "ERROR",
	  "^ERROR selftest/none: qemu died.*\\(killed by signal 11 \\(Segmentation fault\\)\\)",
	  .kind = "vmm-start" },
	{ "internal-error", "run selftest/none", "internal-error", 1, "ERROR",
	  "^ERROR selftest/none: QEMU has stopped the guest \\(internal-error; its stderr says why\\)" },
	{ "exits-under-the-guest", "run selftest/precopy", "exits-under-the-guest", 1, "ERROR",
	  "^ERROR selftest/precopy: qemu failed \\(exit status 1: fake-qemu: lost my way\\)" },
	{ "source-dies", "run selftest/precopy", "source-dies", 1, "ERROR",
	  "^ERROR selftest/precopy: the source died in mid-migration \\(killed by signal 9 \\(Killed\\)\\)",
	  .kind = "vmm" },
	{ "destination-dies-at-start", "run selftest/precopy", "destination-dies-at-start", 1,
	  "ERROR",
	  "^ERROR selftest/precopy: the destination died before the migration \\(exit status 1: fake-qemu: no more room\\)" },
	{ "destination-dies-in-move", "run selftest/precopy", "destination-dies-in-move", 1,
	  "ERROR",
	  "^ERROR selftest/precopy: the destination died in mid-migration \\(exit status 1: fake-qemu: bad section\\)",
	  .kind = "plan" },
	{ "destination-killed-in-move", "run selftest/storm", "destination-killed-in-move", 1,
	  "ERROR",
	  "^ERROR selftest/storm: the destination died in mid-migration \\(killed by signal 9 \\(Killed\\)\\)",
	  .kind = "vmm" },
	{ "destination-dies-later", "run selftest/precopy", "destination-dies-later", 1, "ERROR",
	  "^ERROR selftest/precopy: (qemu died|the destination died in mid-migration).*\\(killed by signal 6 \\(Aborted\\)\\)" },
	{ "dies-on-quit", "run selftest/precopy", "dies-on-quit", 1, "ERROR",
	  "^ERROR selftest/precopy: after the guest had left it, the source died instead of quitting \\(killed by signal 11",
	  .kind = "vmm" },
};

const struct fault_table qemu_faults = { rows, G_N_ELEMENTS(rows) };
