// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * calibrate: how fast a guest's code runs. It tests nothing. The runner starts it once on each
 * kind of host, and scales deadlines by the result: an emulator inside an emulator is thousands
 * of times slower than hardware. scripts/bench uses it as the smallest program that there can
 * be.
 */
#include "console.h"
#include "deadline.h"
#include "report.h"
#include "test.h"

TEST(speed, .about = "counts the rounds of an empty loop in a millisecond")
{
	u64 speed = loops_per_ms();

	machine_line("mark", "name=speed loops_per_ms=%lu", speed);
	report(speed > 0, "the time source goes forward");
}

TEST(nothing, .about = "does nothing, for measuring what a case costs")
{
	report_pass("the guest runs");
}
