// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs that go on after a failure, and those that end with it: --retry, --fail-fast. */
#include "faults.h"

/* A QEMU that dies at its first start and then is fake-qemu. "$1" is the path of ferry. */
#define FLAKY                                                                                      \
	"cat >@DIR@/flaky <<END; chmod +x @DIR@/flaky; exec \"$@\"\n"                              \
	"#!/bin/sh\n"                                                                              \
	"case \\$* in *-append*) ! mkdir @DIR@/once 2>/dev/null || exit 1 ;; esac\n"               \
	"exec $(dirname \"$1\")/tests/fake-qemu \"\\$@\"\n"                                        \
	"END"

static const struct fault rows[] = {
	{ "flaky", "run selftest/none --retry 2 --qemu @DIR@/flaky", "", 1, "FLAKY",
	  "^FLAKY selftest/none: failed, and not when it was tried again \\(attempt 2\\): qemu did "
	  "not start.*\n"
	  "      attempt 1 ERROR: qemu did not start.*\n"
	  "      attempt 1 logs in .*/selftest/none\n"
	  "      logs in .*/selftest/none.attempt-2\n(.|\n)*"
	  "^1 case: 0 passed, 1 flaky; 1 test: 1 passed$",
	  .wrapper = FLAKY, .kind = "vmm" },
	{ "fails-again", "run selftest/none --retry 2", "dies-at-start", 1, "ERROR",
	  "^ERROR selftest/none: qemu did not start.*\n"
	  "      attempt 1 ERROR: .*\n.*\n      attempt 2 ERROR: .*\n.*\n"
	  "      logs in .*/selftest/none.attempt-3$" },
	{ "no-negative-retry", "run selftest/none --retry=-1", NULL, 2, NULL,
	  "^ferry: .*--timeout and --retry 0 or more" },
	{ "fail-fast", "run selftest/none console/none -j 1 --fail-fast", "dies-at-start", 1,
	  "ERROR",
	  "^ended at the first failure: 1 of 2 cases have no verdict\n"
	  "2 cases: 0 passed, 1 failed, 1 without a verdict" },
	{ "fail-fast-green", "run selftest/none --fail-fast", "", 0, "PASS", "^1 case: 1 passed" },
};

const struct fault_table retry_faults = { rows, G_N_ELEMENTS(rows) };
