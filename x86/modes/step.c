// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: a pending #DB (lib/x86/step-over.h, with the manuals). A part of the program modes: see
 * modes.c.
 *
 * A broken hypervisor or VMM loses the #DB of a step, delivers it twice, or delivers it with a
 * wrong DR6. The test counts. It sees nothing if no stop falls between a step and its #DB.
 */
#include "libcflat.h"
#include "migrate.h"
#include "percpu.h"
#include "step-over.h"

#define ACTIONS 3

TEST(step_over_out, .on = EACH_CPU,
     .about =
	     "a CPU that steps over OUT instructions gets one #DB for each, with the right DR6, even if an action falls between the two")
{
	char text[256];

	step_begin();
	step_over_some();
	step_text(text, sizeof(text));
	if (!step_is_right()) {
		report_skip("this CPU does not step over OUT as it should, without an action: %s",
			    text);
	} else {
		for (int i = 0; i < ACTIONS; i++)
			migrate_quiet_while(step_over_some);
		/* The VMM may also cycle the guest by itself. */
		for (u64 i = scaled_count(400, 10); i; i--)
			step_over_some();
		step_text(text, sizeof(text));
		report(step_is_right(), "%s", text);
	}
	step_end();
}
