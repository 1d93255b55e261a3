// SPDX-License-Identifier: GPL-2.0-or-later
/* Guests that go wrong: each test of the program misbehave (x86/misbehave.c) in its own way. */
#include "faults.h"

/* One test of misbehave, and what the runner says about it after the case's name. */
#define MISBEHAVE(test, expected_verdict, expected)                                                \
	{                                                                                          \
		.name = "guest-" test, .arguments = "run misbehave --arg test=" test, .status = 1, \
		.verdict = expected_verdict,                                                       \
		.words = "^" expected_verdict " +misbehave/none: " expected                        \
	}

#define MISBEHAVE_ON_KVM(test, expected_verdict, expected)                                         \
	{                                                                                          \
		.name = "guest-" test "-kvm", .arguments = "run misbehave --arg test=" test,       \
		.status = 1, .verdict = expected_verdict, .on_kvm = TRUE,                          \
		.words = "^" expected_verdict " +misbehave/none: " expected                        \
	}

/* Prints the guest's console, too. */
#define SHOW_CONSOLE "\"$@\"; status=$?; cat @DIR@/logs/misbehave/none/console; exit $status"

static const struct fault rows[] = {
	{ .name = "guest-turns",
	  .arguments = "run selftest/none --accel tcg --arg turns=sometimes",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  selftest/none: turns=sometimes is none of always, slow, never" },
	{ .name = "guest-hang",
	  .arguments = "run misbehave --arg test=hang --timeout 8",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: no end within 8 s in test hang on CPU 0; last line: PASS: hang: about to hang" },
	/* The progress of a run without a terminal. */
	{ .name = "progress-is-told",
	  .arguments = "run misbehave --arg test=hang --timeout 5 --progress 1",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^after [1-9] s: 0 of 1 case, about [0-9]+ (s|min) left; running: "
		   "misbehave/none [1-9] of [0-9]+ s$(.|\n)*^FAIL  misbehave/none: no end" },
	{ .name = "progress-is-not-told",
	  .arguments = "run misbehave --arg test=hang --timeout 3 --progress 0",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "\\A1 case .*\nFAIL  misbehave/none: no end" },
	{ .name = "verbose",
	  .arguments = "run misbehave --verbose --arg test=failing_check --arg test=garbage",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "\\A1 case .*\n(misbehave/none \\| .*\n)+(.|\n)*"
		   "^misbehave/none \\| .*\\\\x01\\\\x02(.|\n)*"
		   "^misbehave/none \\| FAIL: failing_check: two is \"three\"$(.|\n)*"
		   "^FAIL  misbehave/none: " },
	{ .name = "guest-hang_all",
	  .arguments = "run misbehave --arg test=hang_all --timeout 8",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  misbehave/none: no end within 8 s in test hang_all on CPU 0" },
	{ .name = "guest-hang_all-stands-still",
	  .arguments = "run misbehave --arg test=hang_all --timeout 100",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: the guest stands still: its CPUs have halted, and nothing has woken one for 30 s in test hang_all on CPU 0; last line: PASS: hang_all: about to hang" },
	{ .name = "guest-sleeper",
	  .arguments = "run misbehave --arg test=sleeper --timeout 140",
	  .status = 0,
	  .verdict = "PASS",
	  .words = "^PASS  misbehave/none " },
	{ .name = "guest-never_answers",
	  .arguments = "run misbehave --arg test=never_answers --timeout 8",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: no end within 8 s in test never_answers on CPU 0; .*; the guest has not read the runner's answer" },
	{ .name = "guest-never_answers-in-storm",
	  .on_kvm = TRUE,
	  .arguments = "run misbehave --plan storm --arg test=never_answers --timeout 8",
	  .status = 1,
	  .verdict = "FAIL",
	  .words = "^FAIL  misbehave/storm: no end within 8 s in test never_answers" },
	MISBEHAVE(
		"triple_fault", "FAIL",
		"the guest reset itself, by a triple fault or by order in test triple_fault on CPU 0"),
	MISBEHAVE("reset", "FAIL",
		  "the guest reset itself, by a triple fault or by order in test reset on CPU 0"),
	{ .name = "guest-triple_fault-under-reset",
	  .arguments = "run misbehave --plan reset --arg test=triple_fault",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/reset: the guest reset itself, by a triple fault or by order in test triple_fault on CPU 0" },
	{ .name = "guest-unclean_machine",
	  .arguments = "run misbehave --plan reset --arg test=unclean_machine",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/reset: the machine was not reset: CPU 2: boots is 0x2 and was 0x1 at the first boot \\(console line \\d+\\)" },
	MISBEHAVE("failing_check", "FAIL", ".*two is \"three\".* \\(console line \\d+\\)"),
	MISBEHAVE(
		"unexpected_exception", "FAIL",
		"unexpected exception 14 at 0x[0-9a-f]+ on CPU 0 in test unexpected_exception(.*\n)+ +#\\d write_to at misbehave\\.c:\\d+\n( +#\\d inner at misbehave\\.c:\\d+\n)? +#\\d outer at misbehave\\.c:\\d+\n"),
	MISBEHAVE(
		"stack_overflow", "FAIL",
		"unexpected exception \\d+ at 0x[0-9a-f]+ on CPU 0(.*\n)+ +#\\d recurse at misbehave\\.c"),
	MISBEHAVE(
		"dead_idle_cpu", "FAIL",
		"dead_idle_cpu: CPU 1 does not answer: it was idle, and took no call for 10000 ms; it was last in dead_idle_cpu in test dead_idle_cpu on CPU 0"),
	MISBEHAVE(
		"dead_busy_cpu", "FAIL",
		"dead_busy_cpu: CPU 1 does not answer: it has shown no sign of life for 30000 ms; it was last in dead_busy_cpu in test dead_busy_cpu on CPU 0"),
	MISBEHAVE("null_call", "FAIL", "unexpected exception 14 at 0x0 on CPU 0 in test null_call"),
	MISBEHAVE("failed_assertion", "FAIL", ".*failed_assertion"),
	MISBEHAVE("missed_deadline", "FAIL",
		  "missed_deadline: waited 50 ms in vain for something that never comes"),
	MISBEHAVE("no_check", "FAIL", ".*no_check"),
	MISBEHAVE(
		"vanishing_*", "FAIL",
		"vanishing_then: needs what is there once, and not again, which was there at an earlier test and is gone"),
	{ .name = "guest-vanishing-other-vmm",
	  .arguments = "run misbehave --arg test=vanishing_* --arg other-vmm=1",
	  .verdict = "PASS",
	  .words = "^1 case: 1 passed; 2 tests: 1 passed, 1 skipped" },
	{ .name = "guest-ghost",
	  .arguments = "run misbehave --accel tcg --arg test=ghost --arg break=emulated",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: ghost: 1 interrupts came that nobody has sent .* not in service in the local APIC" },
	{ .name = "guest-ghost-emulated",
	  .arguments = "run misbehave --accel tcg --arg test=ghost",
	  .status = 0,
	  .verdict = "PASS",
	  .words = "^PASS  misbehave/none " },

	/* One test has waited in vain and failed. The others wait for a shorter time, and skip. */
	{ .name = "guest-waits_in_vain",
	  .arguments = "run misbehave --arg test=waits_in_vain_*",
	  .wrapper = SHOW_CONSOLE,
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: waits_in_vain_0: what never comes came(.*\n)*SKIP: waits_in_vain_9: not waited for, since waits_in_vain_0 had failed: what never comes came\n.* end test=waits_in_vain_9 .* verdict=skip (.*\n)*PASS: waits_in_vain_together: \\d+ ticks" },
	/* The second boot knows that the first has waited in vain. */
	{ .name = "guest-waits_across_reset",
	  .arguments = "run misbehave --plan reset --arg test=waits_across_reset",
	  .wrapper = "\"$@\"; status=$?; cat @DIR@/logs/misbehave/reset/console; exit $status",
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/reset: waits_across_reset: what never comes came(.*\n)*@\\d+\\+\\d+ mark name=impatient test=waits_across_reset\n(.*\n)*@1\\+0 hello (.*\n)*SKIP: waits_across_reset: not waited for, since waits_across_reset had failed: what never comes came\n" },
	/* A test that is known to fail shortens no other wait. */
	{ .name = "guest-waits_in_vain-as-expected",
	  .arguments = "run misbehave --arg test=waits_in_vain_? --arg expect=waits_*",
	  .wrapper = SHOW_CONSOLE,
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: waits_in_vain_0: what never comes came(.*\n)*FAIL: waits_in_vain_9: what never comes came\n.* end test=waits_in_vain_9 .* verdict=fail " },
	{ .name = "guest-failfast",
	  .arguments =
		  "run misbehave --arg test=failing_check --arg test=no_check --arg failfast=1",
	  .wrapper = SHOW_CONSOLE,
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: failing_check: two is (.*\n)*INFO: failfast=1: no further test, since failing_check has failed\n@.* bye status=1\nSUMMARY: 3 tests, 1 unexpected failures\n" },
	{ .name = "guest-failfast-as-expected",
	  .arguments =
		  "run misbehave --arg test=failing_check --arg test=no_check --arg failfast=1 --arg expect=failing_*",
	  .wrapper = SHOW_CONSOLE,
	  .status = 1,
	  .verdict = "FAIL",
	  .words =
		  "^FAIL  misbehave/none: failing_check: two is (.*\n)*INFO: failfast=1: no further test, since no_check has failed\n" },
	MISBEHAVE("sequence_gap", "FAIL",
		  "console line \\d+: machine line \\d+ follows \\d+: 1 lost"),
	MISBEHAVE("lost_bytes", "FAIL",
		  "console line \\d+: the guest had sent \\d+ bytes, \\d+ came: 7 lost"),
	MISBEHAVE("doubled_bytes", "FAIL",
		  "console line \\d+: the guest had sent \\d+ bytes, \\d+ came: 7 too many"),
	MISBEHAVE("early_exit", "FAIL",
		  "the guest left with status 0 without a word in test early_exit on CPU 0"),

	/* A slow host does not reach 32 MiB before the deadline. */
	{ .name = "guest-flood",
	  .arguments = "run misbehave --arg test=flood --timeout 8",
	  .status = 1,
	  .verdict = "FAIL or ERROR",
	  .words =
		  "^FAIL  misbehave/none: no end within 8 s in test flood on CPU 0; last line: this line is|^ERROR misbehave/none: the guest floods its console: more than 32 MiB" },
	{ .name = "guest-flood_no_newline",
	  .arguments = "run misbehave --arg test=flood_no_newline --timeout 8",
	  .status = 1,
	  .verdict = "FAIL or ERROR",
	  .words =
		  "^FAIL  misbehave/none: no end within 8 s in test flood_no_newline on CPU 0|^ERROR misbehave/none: the guest floods its console: more than 32 MiB" },
	{ .name = "guest-garbage",
	  .arguments = "run misbehave --arg test=garbage",
	  .status = 0,
	  .verdict = "PASS",
	  .words = "^PASS  misbehave/none " },
	{ .name = "guest-unknown_question",
	  .arguments = "run misbehave --arg test=unknown_question",
	  .status = 0,
	  .verdict = "PASS",
	  .words = "^PASS  misbehave/none " },
	{ .name = "guest-not-asked",
	  .arguments = "run misbehave",
	  .status = 0,
	  .verdict = "SKIP",
	  .words = "^SKIP  misbehave/none: " },
	MISBEHAVE_ON_KVM("triple_fault", "FAIL",
			 "the guest reset itself, by a triple fault or by order"),
	MISBEHAVE_ON_KVM("reset", "FAIL", "the guest reset itself, by a triple fault or by order"),
	MISBEHAVE_ON_KVM("unexpected_exception", "FAIL",
			 "unexpected exception 14 at (.*\n)+ +#\\d outer at misbehave\\.c:\\d+\n"),
	MISBEHAVE_ON_KVM("stack_overflow", "FAIL", "unexpected exception \\d+ at "),
};

const struct fault_table misbehave_faults = { rows, G_N_ELEMENTS(rows) };
