// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs that go on after a failure, that end at the first one, or that repeat the failures of an
 * earlier run: --retry, --fail-fast, --until-fail, --rerun.
 */
#include "faults.h"

/* A QEMU that dies at its first start, and is fake-qemu later. "$1" is the path of ferry. */
#define FLAKY                                                                                      \
	"cat >@DIR@/flaky <<END; chmod +x @DIR@/flaky; exec \"$@\"\n"                              \
	"#!/bin/sh\n"                                                                              \
	"case \\$* in *-append*) ! mkdir @DIR@/once 2>/dev/null || exit 1 ;; esac\n"               \
	"exec $(dirname \"$1\")/tests/fake-qemu \"\\$@\"\n"                                        \
	"END"

/* A QEMU that is fake-qemu twice, and then dies. "$1" is the path of ferry. */
#define DIES_AT_THE_THIRD_START                                                                     \
	"cat >@DIR@/later <<END; chmod +x @DIR@/later; exec \"$@\"\n"                               \
	"#!/bin/sh\n"                                                                               \
	"case \\$* in *-append*) mkdir @DIR@/once 2>/dev/null || mkdir @DIR@/twice 2>/dev/null || " \
	"exit 1 ;; esac\n"                                                                          \
	"exec $(dirname \"$1\")/tests/fake-qemu \"\\$@\"\n"                                         \
	"END"

/* The results of an earlier run, with two failures. */
#define OLD_RESULT(name, verdict)                                                                  \
	"'{\"case\":\"" name "/none\",\"program\":\"" name "\",\"plan\":\"none\","                 \
	"\"host\":\"local\",\"accel\":\"tcg\",\"verdict\":\"" verdict "\"}' "
#define OLD_RESULTS(red)                                                                           \
	"printf '%s\\n' " OLD_RESULT("console", "PASS") OLD_RESULT("selftest", red)                \
		OLD_RESULT("selftest", red) ">@DIR@/old; exec \"$@\""

/* Of three cases one passed, one failed, and the run ended before the third. */
#define OLD_NOT_RUN                                                                                \
	"printf '%s\\n' " OLD_RESULT("console", "PASS") OLD_RESULT(                                \
		"selftest",                                                                        \
		"FAIL") "'{\"not_run\":[\"selftest/pause\"],\"why\":\"interrupted\"}' >@DIR@/old; exec \"$@\""

static const struct fault rows[] = {
	{ "flaky", "run selftest/none --retry 2 --qemu @DIR@/flaky", "", 1, "FLAKY",
	  "^FLAKY selftest/none: failed, and not when it was tried again \\(attempt 2\\): qemu did "
	  "not start.*\n"
	  "      attempt 1 ERROR: qemu did not start.*\n"
	  "      attempt 1 logs in .*/selftest/none\n"
	  "      logs in .*/selftest/none.attempt-2\n(.|\n)*"
	  "^1 case: 0 passed, 1 flaky; 1 test: 1 passed$",
	  .wrapper = FLAKY, .kind = "vmm-start" },
	{ "fails-again", "run selftest/none --retry 2", "dies-at-start", 1, "ERROR",
	  "^ERROR selftest/none: qemu did not start.*\n"
	  "      attempt 1 ERROR: .*\n.*\n      attempt 2 ERROR: .*\n.*\n"
	  "      logs in .*/selftest/none.attempt-3$" },
	{ "no-negative-retry", "run selftest/none --retry=-1", NULL, 2, NULL,
	  "^ferry: .*--timeout and --retry 0 or more" },
	{ "fail-fast", "run selftest/none console/none -j 1 --fail-fast", "dies-at-start", 1,
	  "ERROR",
	  "^ended at the first failure: 1 of 2 cases have no verdict\n"
	  "2 cases: 0 passed, 1 failed, 1 without a verdict(.|\n)*"
	  "^\\{\"not_run\":\\[\"console/none\"\\],\"why\":\"ended at the first failure\"\\}$",
	  .wrapper = "\"$@\"; status=$?; grep not_run @DIR@/json; exit $status" },
	{ "rerun", "run --rerun @DIR@/old", "", 0, "PASS", "^1 case: 1 passed",
	  .wrapper = OLD_RESULTS("FLAKY") },
	{ "rerun-not-run", "run --rerun @DIR@/old", "", 0, "PASS",
	  "^PASS  selftest/none (.|\n)*^PASS  selftest/pause (.|\n)*^2 cases: 2 passed", .cases = 2,
	  .wrapper = OLD_NOT_RUN },
	{ "rerun-nothing-red", "run --rerun @DIR@/old", "", 0, NULL, "^nothing was red in .*/old$",
	  .wrapper = OLD_RESULTS("XFAIL") },
	{ "rerun-no-results", "run --rerun README.md", NULL, 2, NULL,
	  "^ferry: --rerun: README.md:1: this is no result" },
	{ "rerun-no-file", "run --rerun /nowhere/x", NULL, 2, NULL,
	  "^ferry: --rerun: .*/nowhere/x.*No such file" },
	{ "rerun-and-pattern", "run console --rerun README.md", NULL, 2, NULL,
	  "^ferry: --rerun names the cases; leave out patterns" },
	{ "until-fail", "run selftest/none --until-fail", "dies-at-start", 1, "ERROR",
	  "^round 1\n(.|\n)*^ERROR selftest/none(.|\n)*^0 rounds passed before$" },
	{ "until-fail-later", "run selftest/none --until-fail --qemu @DIR@/later", "", 1, "ERROR",
	  "^round 3\n(.|\n)*^ERROR selftest/none(.|\n)*^2 rounds passed before$",
	  .wrapper = DIES_AT_THE_THIRD_START },
	{ "until-fail-no-case", "run selftest/none --until-fail --host local", NULL, 2, "SKIP",
	  "^ferry: --until-fail: no case runs here", .no_accel = TRUE, .keeps_no_logs = TRUE,
	  .wrapper = "FERRY_KVM=/nowhere/kvm exec \"$@\"" },
	{ "fail-fast-green", "run selftest/none --fail-fast", "", 0, "PASS", "^1 case: 1 passed" },
};

const struct fault_table retry_faults = { rows, G_N_ELEMENTS(rows) };
