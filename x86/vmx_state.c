// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of a nested guest on VMX across a move (Intel SDM volume 3, chapters 25 to 28).
 *
 * A broken hypervisor loses L2, or the VMCS that L1 has given it. The test sees that as
 * an exit that is not the call at L2's end. It cannot tell what was lost.
 */
#include "libcflat.h"
#include "vmx.h"

static void moved_in_l2(void *data)
{
	migrate_quiet();
}

TEST(moved_and_returned, .on = EACH_CPU, .needs = VMX,
     .about = "an L2 is moved and comes to its end")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);

	l2_expect_return(l2);
	l2_free(l2);
}
