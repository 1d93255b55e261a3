// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A known issue excuses a failed test, and must excuse nothing else: no other way in which a case
 * can end badly, in any part of a guest's life, and no failed check of the runner. In each row
 * fake-qemu's test fails as known, and something else goes wrong as well.
 */
#include "faults.h"

/* The test of fake-qemu's guest fails as known. */
#define KNOWN_TEST                                                                                 \
	"[test]\ncase = selftest/*\ntest = fake\nhost = tcg\n"                                     \
	"reason = it is broken there\nevidence = somewhere\n"
/* All tests may fail. */
#define ANY_TEST "[test]\ncase = *\nhost = *\nreason = it is broken there\nevidence = somewhere\n"

#define EXCUSED(row, plan, what, issues)                                                           \
	{                                                                                          \
		.name = "known-" row, .arguments = "run selftest/" plan " --plan " plan,           \
		.script = "failing:" what, .status = 0, .verdict = "XFAIL",                        \
		.known_issues = issues,                                                            \
		.words = "^XFAIL selftest/" plan ": it is broken there \\(somewhere\\): "          \
	}

/* In PLAN, with further OPTIONS of ferry. */
#define ENDS(row, plan, options, what, expected_verdict, expected)                                 \
	{                                                                                          \
		.name = "known-" row, .arguments = "run selftest/" plan " --plan " plan options,   \
		.script = "failing:" what, .status = 1, .verdict = expected_verdict,               \
		.known_issues = KNOWN_TEST,                                                        \
		.words = "^" expected_verdict " +selftest/" plan ": " expected                     \
	}

#define FAILS(what, plan, expected) ENDS(what, plan, "", what, "FAIL", expected)
#define ERRS(what, plan, expected)  ENDS(what, plan, "", what, "ERROR", expected)
#define IN_TEST			    ".* in test fake on CPU 0.*"
#define BESIDES			    ".* \\(besides known issues\\)$"

static const struct fault rows[] = {
	EXCUSED("test", "none", "", KNOWN_TEST),
	EXCUSED("any-test", "none", "", ANY_TEST),
	EXCUSED("test-moved", "precopy", "", KNOWN_TEST),
	EXCUSED("test-in-both-boots", "reset", "", KNOWN_TEST),
	EXCUSED("test-beside-snapshot", "bgsnapshot", "", KNOWN_TEST),

	/* Here fake-qemu 7.2.0 is both the VMM and the emulator. */
	EXCUSED("versions", "none", "", KNOWN_TEST "qemu = ..7.1 7.2..\nemulator = ..7.2\n"),
	{ .name = "known-in-older-emulator",
	  .arguments = "run selftest/none",
	  .script = "failing:",
	  .status = 1,
	  .verdict = "FAIL",
	  .known_issues = KNOWN_TEST "emulator = ..7.1\n",
	  .words = "^FAIL  selftest/none: fake: " },

	/* An issue with a pattern for exactly that end. */
	EXCUSED("end-too", "none", "aborts-after-tests",
		KNOWN_TEST "[end]\ncase = *\nhost = tcg\nfailure = unexpected exception 2 at .*\n"
			   "reason = it dies\nevidence = elsewhere\n"),
	{ .name = "known-end-elsewhere",
	  .arguments = "run selftest/none",
	  .script = "failing:aborts-after-tests",
	  .status = 1,
	  .verdict = "FAIL",
	  .known_issues = KNOWN_TEST
	  "[end]\ncase = *\ntest = fake\nhost = tcg\nfailure = unexpected exception 2 at .*\n"
	  "reason = it dies in the test\nevidence = elsewhere\n",
	  .words = "^FAIL  selftest/none: unexpected exception 2 at .*" BESIDES },

	/* The guest aborts. */
	FAILS("aborts-in-test", "none", "unexpected exception 2 at 0x411aa3 on CPU 0" IN_TEST),
	FAILS("aborts-between-tests", "none", "unexpected exception 2 at 0x411aa3" BESIDES),
	FAILS("aborts-after-tests", "none", "unexpected exception 2 at 0x411aa3" BESIDES),
	FAILS("aborts-in-second-boot", "reset", "unexpected exception 2 at 0x411aa3" BESIDES),
	FAILS("aborts-before-reset", "reset",
	      "unexpected exception 2 at 0x411aa3 on CPU 0, in boot 1" BESIDES),
	FAILS("aborts-when-moved", "precopy", "unexpected exception 2 at 0x411aa3" IN_TEST),
	FAILS("aborts-beside-snapshot", "bgsnapshot",
	      "unexpected exception 2 at 0x411aa3 \\(in the snapshot source\\)" BESIDES),

	/* It resets itself. */
	FAILS("triple-faults-in-test", "none", "the guest reset itself" IN_TEST),
	FAILS("triple-faults-between-tests", "none", "the guest reset itself" BESIDES),
	FAILS("triple-faults-after-tests", "none", "the guest reset itself" BESIDES),
	FAILS("triple-faults-in-second-boot", "reset", "the guest reset itself" BESIDES),
	FAILS("guest-resets-first", "reset", "the guest reset itself" BESIDES),
	FAILS("jumps-to-start", "none", ".*the guest boots again, and nobody has reset it" BESIDES),

	/* It ends without saying bye, or with another status than it said. */
	FAILS("silent-in-test", "none", "the guest left with status 0 without a word" IN_TEST),
	FAILS("silent-between-tests", "none",
	      "the guest left with status 1 without a word" BESIDES),
	FAILS("no-bye", "none", "the guest left with status 1 without a word" BESIDES),
	FAILS("unknown-status", "none", "the guest left with the unknown status 5" BESIDES),
	FAILS("leaves-in-test", "none", "the guest left with status 1" IN_TEST),

	/* It does not end. */
	ENDS("hangs-in-test", "none", " --timeout 3", "hangs-in-test", "FAIL",
	     "no end within 3 s" IN_TEST),
	ENDS("hangs-between-tests", "none", " --timeout 3", "hangs-between-tests", "FAIL",
	     "no end within 3 s" BESIDES),
	ENDS("hangs-after-tests", "none", " --timeout 3", "hangs-after-tests", "FAIL",
	     "no end within 3 s" BESIDES),
	ENDS("stays-down", "reset", " --timeout 3", "stays-down", "FAIL",
	     "no end within 3 s" IN_TEST),
	ENDS("original-stands-still", "bgsnapshot", " --timeout 3", "original-stands-still", "FAIL",
	     "no end within 3 s.*the source of the last snapshot has not come" BESIDES),
	ERRS("floods-after-tests", "none", "the guest floods its console" BESIDES),

	/* Its VMM ends, or cannot go on. */
	ERRS("dies-in-test", "none", "qemu died" IN_TEST),
	ERRS("dies-between-tests", "none", "qemu died" BESIDES),
	ERRS("dies-after-tests", "none", "qemu died" BESIDES),
	ERRS("quits-after-tests", "none", "qemu ended, though the guest had not left" BESIDES),
	ERRS("fails-after-tests", "none", "qemu failed \\(exit status 1: .*lost my way" BESIDES),
	ERRS("stops-between-tests", "none", "QEMU has stopped the guest" BESIDES),
	FAILS("original-dies", "bgsnapshot", "the guest came to a bad end" BESIDES),

	/* Actions on it fail. */
	ERRS("refuses-migrate", "precopy", "QMP command 'migrate' failed" IN_TEST),
	ERRS("migration-fails", "precopy", "QEMU says that the migration failed" IN_TEST),
	ERRS("source-dies", "precopy", ".*died.*" IN_TEST),
	ERRS("destination-dies-at-start", "precopy", "the destination died" IN_TEST),
	ERRS("destination-dies-in-move", "precopy", "the destination died" IN_TEST),
	ERRS("destination-dies-later", "precopy", ".*died.*" IN_TEST),
	ERRS("dies-on-quit", "precopy", "after the guest had left it, the source died"),
	ERRS("not-live", "precopy", ".*" IN_TEST),
	ERRS("cannot-save", "snapshot", "QEMU could not save the guest" IN_TEST),
	ERRS("refuses-reset", "reset", "QMP command 'system_reset' failed" IN_TEST),
	ERRS("completes-when-cancelled", "cancel", ".*" IN_TEST),

	/* The runner's own checks fail. */
	FAILS("loses-a-byte", "precopy", "console line \\d+: .* lost" BESIDES),
	FAILS("doubles-a-byte", "precopy", "console line \\d+: a damaged machine line: @@" BESIDES),
	FAILS("original-loses-a-byte", "bgsnapshot",
	      "console line \\d+: .* lost.* \\(in the snapshot source\\)" BESIDES),
	FAILS("clock-stands-still", "none", "fake on CPU 0 fell behind: " BESIDES),
	FAILS("clock-leaps-ahead", "precopy", "fake on CPU 0 ran ahead: " BESIDES),
	FAILS("unclean-machine", "reset",
	      "the machine was not reset: CPU 0: three is 0x3 .*" BESIDES),

	/* If the VMM cannot do something, this is no skip after a failure. */
	ERRS("refuses-use-later", "postcopy", ".*Userfaultfd is not to be had" BESIDES),

	/* Checks outside of tests fail. */
	FAILS("fails-outside-of-tests", "none", "a check of no test" BESIDES),
	FAILS("fails-in-second-boot", "reset", "a check of no test" BESIDES),
};

const struct fault_table known_issue_faults = { rows, G_N_ELEMENTS(rows) };
