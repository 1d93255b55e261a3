// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Tests that are the same on SVM and on VMX: a #DB of L2 that is pending while the guest is stopped
 * (lib/x86/step-over.h, with the manuals).
 *
 * KVM reports the exception as pending, and its DR6 apart, since L1 may intercept it. A broken VMM
 * leaves both out of the stream, or restores one of them. The test counts L2's #DBs, which L1 does
 * not intercept here.
 */
#include "libcflat.h"
#include "migrate.h"
#include "nested/l2.h"
#include "step-over.h"

#define ACTIONS 3

struct stepping {
	bool right;
	char text[256];
};

static void step_in_l2(void *data)
{
	struct stepping *stepping = data;

	step_over_some();
	stepping->right = step_is_right();
	step_text(stepping->text, sizeof(stepping->text));
	if (!stepping->right)
		return;
	for (int i = 0; i < ACTIONS; i++)
		migrate_quiet_while(step_over_some);
	step_text(stepping->text, sizeof(stepping->text));
}

TEST(step_over_out_in_l2, .on = EACH_CPU, .needs = L2,
     .about =
	     "an L2 that steps over OUT instructions gets one #DB for each, with the right DR6, even if an action falls between the two")
{
	struct stepping stepping = { 0 };
	struct l2 *l2 = l2_new(step_in_l2, &stepping);

	step_begin();
	l2_expect_return(l2);
	if (stepping.right)
		report(step_is_right(), "%s", stepping.text);
	else
		report_skip("L2 does not step over OUT as it should, without an action: %s",
			    stepping.text);
	step_end();
	l2_free(l2);
}
