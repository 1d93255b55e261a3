// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Not a test of anything: the runner starts it once on each kind of host to learn
 * how fast a guest's code runs there, and scales deadlines by that. Between
 * hardware and an emulator inside an emulator lies a factor of thousands. It is
 * also the smallest program that there can be, which scripts/bench makes use of.
 */
#include "console.h"
#include "deadline.h"
#include "report.h"
#include "test.h"

TEST(speed, .about = "rounds of an empty loop in a millisecond")
{
	u64 speed = loops_per_ms();

	machine_line("mark", "name=speed loops_per_ms=%lu", speed);
	report(speed > 0, "the time source goes forward");
}

TEST(nothing, .about = "nothing at all, for measuring what a case costs")
{
	report_pass("the guest runs");
}
