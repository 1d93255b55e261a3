// SPDX-License-Identifier: GPL-2.0-or-later
/* Post-copy migrations by fake-qemu. */
#include "faults.h"

static const struct fault rows[] = {
	/* Migrations that cannot be made, or that turn out not to be post-copy. */
	{ "normal-postcopy", "run selftest/postcopy --plan postcopy", "", 0, "PASS",
	  "^PASS  selftest/postcopy .* 1 migration, " },
	{ "postcopy-not-here", "run selftest/postcopy --plan postcopy", "refuses-use", 0, "SKIP",
	  "^SKIP  selftest/postcopy: plan postcopy needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
	{ "refuses-postcopy", "run selftest/postcopy --plan postcopy", "refuses-postcopy", 1,
	  "ERROR",
	  "^ERROR selftest/postcopy: QMP command 'migrate-start-postcopy' failed: Too early" },
	{ "not-early", "run selftest/postcopy --plan postcopy", "not-early", 1, "ERROR",
	  "^ERROR selftest/postcopy: the migration was not a post-copy one: in 4 attempts all memory was sent before the guest went" },
	{ "nothing-late", "run selftest/postcopy --plan postcopy", "nothing-late", 1, "ERROR",
	  "^ERROR selftest/postcopy: the migration was not a post-copy one: in 4 attempts no memory was left to send when the guest went" },
	{ "destination-killed-late", "run selftest/postcopy --plan postcopy",
	  "destination-killed-late", 1, "ERROR",
	  "^ERROR selftest/postcopy: the destination died in mid-migration \\(killed by signal 9 \\(Killed\\)\\)" },
	{ "loses-a-byte-late", "run selftest/postcopy --plan postcopy", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/postcopy: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },

	/* Migrations whose stream is cut, and then recovered or not. */
	{ "normal-recover", "run selftest --plan postcopy-recover", "", 0, "PASS",
	  "^PASS  selftest/postcopy-recover .* 1 migration, " },
	{ "refuses-pause", "run selftest --plan postcopy-recover", "refuses-pause", 1, "ERROR",
	  "^ERROR selftest/postcopy-recover: QMP command 'migrate-pause' failed: Not in the mood" },
	{ "refuses-recover", "run selftest --plan postcopy-recover", "refuses-recover", 1, "ERROR",
	  "^ERROR selftest/postcopy-recover: the destination would not go on after the cut: QMP command 'migrate-recover' failed: Incoming is busy" },
	{ "refuses-resume", "run selftest --plan postcopy-recover", "refuses-resume", 1, "ERROR",
	  "^ERROR selftest/postcopy-recover: the source would not go on after the cut: QMP command 'migrate' failed: Cannot resume" },
	{ "nothing-left-to-cut", "run selftest --plan postcopy-recover", "nothing-late", 1, "ERROR",
	  "^ERROR selftest/postcopy-recover: the stream was not cut in mid-flight: in 5 attempts no memory was left to send at the cut" },
	{ "dies-when-recovered", "run selftest --plan postcopy-recover", "dies-when-recovered", 1,
	  "ERROR",
	  "^ERROR selftest/postcopy-recover: the destination died in mid-migration \\(killed by signal 9 \\(Killed\\)\\)" },
};

const struct fault_table postcopy_faults = { rows, G_N_ELEMENTS(rows) };
