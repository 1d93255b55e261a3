// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Errors of fake-qemu's guest: in resets, on its console, with its clock. misbehave.c and
 * broken-guests.c have the guests of real QEMUs.
 */
#include "faults.h"

static const struct fault rows[] = {
	/* Resets. */
	{ "no-set-action", "run selftest/reset", "no-set-action", 1, "ERROR",
	  "^ERROR selftest/reset: QMP command 'set-action' failed: The command set-action has not been found; plan reset needs a QEMU that has it \\(--qemu BINARY\\)",
	  .kind = "plan" },
	{ "refuses-reset", "run selftest/reset", "refuses-reset", 1, "ERROR",
	  "^ERROR selftest/reset: QMP command 'system_reset' failed: Not today" },
	{ "stays-down", "run selftest/reset --timeout 3", "stays-down", 1, "FAIL",
	  "^FAIL  selftest/reset: no end within 3 s in test fake on CPU 0; last line: Now migrate the VM \\(quiet\\); waits for the new boot's first line",
	  .kind = "timeout" },
	{ "timeout-is-as-given", "run selftest/reset --timeout 3 --timescale 100", "stays-down", 1,
	  "FAIL", "^FAIL  selftest/reset: no end within 3 s in test fake",
	  .default_deadlines = TRUE, .kind = "timeout" },
	{ "guest-resets-first", "run selftest/reset", "guest-resets-first", 1, "FAIL",
	  "^FAIL  selftest/reset: the guest reset itself, by a triple fault or by order",
	  .kind = "guest-end" },
	{ "cut-line", "run selftest/reset", "cut-line", 0, "PASS", "^PASS  selftest/reset " },
	{ "jumps-to-start", "run selftest/none", "jumps-to-start", 1, "FAIL",
	  "^FAIL  selftest/none: console line \\d+: the guest boots again, and nobody has reset it" },
	{ "unclean-machine", "run selftest/reset", "unclean-machine", 1, "FAIL",
	  "^FAIL  selftest/reset: the machine was not reset: CPU 0: three is 0x3 and was not there at the first boot; two is 0x22 and was 0x2 at the first boot \\(console line \\d+\\)",
	  .kind = "host-check" },

	/* Events with wrong time stamps, which make the bounds of the pause wider. */
	{ "stale-stamps", "run selftest/storm", "stale-stamps", 0, "PASS",
	  "^PASS  selftest/storm " },
	{ "stale-stamps-pause", "run selftest/pause", "stale-stamps", 0, "PASS",
	  "^PASS  selftest/pause " },
	{ "future-stamps", "run selftest/storm", "future-stamps", 0, "PASS",
	  "^PASS  selftest/storm " },

	/* The console. */
	{ "loses-a-byte", "run selftest/precopy", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/precopy: console line \\d+: machine line \\d+ follows \\d+: 1 lost",
	  .kind = "host-check" },
	{ "doubles-a-byte", "run selftest/precopy", "doubles-a-byte", 1, "FAIL",
	  "^FAIL  selftest/precopy: console line \\d+: a damaged machine line: @@" },
	{ "doubles-a-line", "run selftest/precopy", "doubles-a-line", 1, "FAIL",
	  "^FAIL  selftest/precopy: console line \\d+: machine line (\\d+) came again after \\1" },
	{ "loses-first-byte", "run selftest/none --timeout 5", "loses-first-byte", 1, "FAIL",
	  "^FAIL  selftest/none: no end within 5 s; the guest never said hello" },
	{ "prints-garbage", "run selftest/none", "prints-garbage", 0, "PASS",
	  "^PASS  selftest/none " },
	{ "mad-backtrace", "run selftest/none", "mad-backtrace", 0, "PASS",
	  "^PASS  selftest/none " },
	{ "floods", "run selftest/none", "floods", 1, "ERROR",
	  "^ERROR selftest/none: the guest floods its console: more than 32 MiB",
	  .kind = "guest-end" },
	{ "silent-guest", "run selftest/none", "silent-guest", 1, "FAIL",
	  "^FAIL  selftest/none: the guest left with status 0; the guest never said hello; it has written nothing",
	  .kind = "guest-end" },
	{ "no-bye", "run selftest/none", "no-bye", 1, "FAIL",
	  "^FAIL  selftest/none: the guest left with status 0 without a word",
	  .kind = "guest-end" },
	{ "another-bye", "run selftest/none", "another-bye", 1, "FAIL",
	  "^FAIL  selftest/none: the guest left with status 0 without a word" },

	/* Clocks that only the runner checks; the guest itself does not complain. */
	{ "clock-agrees", "run selftest --plan storm", "clock-agrees", 0, "PASS", "^PASS " },
	{ "clock-stands-still", "run selftest/none", "clock-stands-still", 1, "FAIL",
	  "^FAIL  selftest/none: fake on CPU 0 fell behind: at most \\d+ ns passed on it, \\d+ ns on the host",
	  .kind = "host-check" },
	{ "clock-stands-still-in-move", "run selftest/precopy", "clock-stands-still", 1, "FAIL",
	  "^FAIL  selftest/precopy: fake on CPU 0 fell behind: " },
	{ "clock-too-slow", "run selftest/none", "clock-too-slow", 1, "FAIL",
	  "^FAIL  selftest/none: fake on CPU 0 fell behind: " },
	{ "clock-too-fast", "run selftest/none", "clock-too-fast", 1, "FAIL",
	  "^FAIL  selftest/none: fake on CPU 0 ran ahead: at least \\d+ ns passed on it, \\d+ ns on the host" },
	{ "clock-leaps-ahead", "run selftest/precopy", "clock-leaps-ahead", 1, "FAIL",
	  "^FAIL  selftest/precopy: fake on CPU 0 ran ahead: " },
	{ "clock-leaps-back", "run selftest/precopy", "clock-leaps-back", 1, "FAIL",
	  "^FAIL  selftest/precopy: fake on CPU 0 fell behind: " },

	/* A guest that has suspended its machine: the action begins then, and the VMM wakes it. */
	{ "suspended", "run selftest --plan precopy,snapshot,pause", "sleeps", 0, "PASS",
	  "3 cases: 3 passed", .cases = 3 },
	{ "not-suspended", "run selftest/precopy --timeout 3", "says-it-sleeps", 1, "FAIL",
	  "^FAIL  selftest/precopy: no end within 3 s.*; the guest has not suspended its machine$" },
	{ "suspended-for-ever", "run selftest/precopy --timeout 3", "sleeps-for-ever", 1, "FAIL",
	  "^FAIL  selftest/precopy: no end within 3 s.*; the guest has suspended its machine, and does not say that it is awake$" },
};

const struct fault_table guest_faults = { rows, G_N_ELEMENTS(rows) };
