// SPDX-License-Identifier: GPL-2.0-or-later
/* Snapshots that cannot be made, that cannot be read, or that are wrong. */
#include "faults.h"

static const struct fault rows[] = {
	{ "normal-snapshot", "run selftest --plan snapshot", "", 0, "PASS",
	  "^PASS  selftest/snapshot .* 1 snapshot, " },
	{ "refuses-getfd", "run selftest --plan snapshot", "refuses-getfd", 1, "ERROR",
	  "^ERROR selftest/snapshot: QMP command 'getfd' failed: No file descriptor supplied" },
	{ "cannot-save", "run selftest --plan snapshot", "cannot-save", 1, "ERROR",
	  "^ERROR selftest/snapshot: QEMU could not save the guest to .*: Unable to write to file: No space left on device" },
	{ "dies-in-save", "run selftest --plan snapshot", "dies-in-save", 1, "ERROR",
	  "^ERROR selftest/snapshot: QEMU died while it saved the guest \\(killed by signal 9 \\(Killed\\)\\)" },
	{ "dies-on-quit-when-saved", "run selftest --plan snapshot", "dies-on-quit", 1, "ERROR",
	  "^ERROR selftest/snapshot: after the guest had left it, the source died instead of quitting \\(killed by signal 11" },
	{ "loses-a-byte-in-snapshot", "run selftest --plan snapshot", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/snapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
	{ "normal-bgsnapshot", "run selftest --plan bgsnapshot", "", 0, "PASS",
	  "^PASS  selftest/bgsnapshot .* 1 snapshot, " },
	{ "bgsnapshot-not-here", "run selftest --plan bgsnapshot", "refuses-use", 0, "SKIP",
	  "^SKIP  selftest/bgsnapshot: plan bgsnapshot needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
	{ "stands-still", "run selftest --plan bgsnapshot", "stands-still", 1, "ERROR",
	  "^ERROR selftest/bgsnapshot: the snapshot was not a background one: the guest did not run while it was saved" },
	{ "original-loses-a-byte", "run selftest --plan bgsnapshot", "original-loses-a-byte", 1,
	  "FAIL",
	  "^FAIL  selftest/bgsnapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost.* \\(in the snapshot source\\)" },
	{ "original-fails-a-check", "run selftest --plan bgsnapshot", "original-fails-a-check", 1,
	  "FAIL",
	  "^FAIL  selftest/bgsnapshot: fake: a word was 1, not 2 \\(in the snapshot source\\)" },
	{ "original-dies", "run selftest --plan bgsnapshot", "original-dies", 1, "FAIL",
	  "^FAIL  selftest/bgsnapshot: the guest came to a bad end: killed by signal 6 .* \\(in the snapshot source\\)" },
	{ "original-stands-still", "run selftest --plan bgsnapshot --timeout 3",
	  "original-stands-still", 1, "FAIL",
	  "^FAIL  selftest/bgsnapshot: no end within 3 s.*; the source of the last snapshot has not come to its test's end" },
	{ "loses-a-byte-in-bgsnapshot", "run selftest --plan bgsnapshot", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/bgsnapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
	{ .name = "snapshot-cut-short",
	  .arguments = "run selftest --plan snapshot --qemu @BUILD@/tests/filtering-qemu",
	  .status = 1,
	  .verdict = "ERROR",
	  .wrapper = "FERRY_DAMAGE=cut exec \"$@\"",
	  .words =
		  "^ERROR selftest/snapshot: the guest could not be restored \\(exit status 1: .*load of migration failed" },
	{ .name = "snapshot-file-size-limit",
	  .arguments = "run selftest --plan snapshot",
	  .status = 1,
	  .verdict = "ERROR",
	  .wrapper = "ulimit -f 1000; exec \"$@\"",
	  .words =
		  "^ERROR selftest/snapshot: QEMU could not save the guest to .*: .*File too large" },
};

const struct fault_table snapshot_faults = { rows, G_N_ELEMENTS(rows) };
