// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * smm: SMIs that come while KVM fetches pages for the CPU (x86/async_pf/async_pf.c tells what
 * asynchronous page faults are). A part of the program smm: see smm.c.
 *
 * An SMI clears CR0.PG, and RSM sets it again. The guest's kernel knows nothing of it, and its
 * tasks wait for the pages that KVM has reported as not present. A broken KVM forgets these pages
 * when CR0.PG changes, so it never calls them ready, and the tasks wait for ever. The test has a
 * list of open tokens and sees that some do not come back. It cannot tell whether the SMI or the
 * RSM has lost them. If no page is missing, as in most plans, no SMI comes.
 */
#include "x86/async_pf/missing-pages.h"
#include "x86/smm/smm.h"

static u32 taken, lost;

static void take_smi(void)
{
	/* One that does not come costs SMI_MS. */
	if (lost)
		return;
	if (enter_smm(smp_id(), false))
		taken++;
	else
		lost++;
}

TEST(tokens_outlive_smis, .needs = ALL_OF(SMP, ASYNC_PF),
     .about =
	     "pages that are not present when an SMI comes to a CPU are still reported as ready after RSM, once each")
{
	if (!smm_set_up())
		return;
	taken = lost = 0;
	write_missing_pages(ASYNC_PF_SEND_ALWAYS, take_smi);
	report(!lost, "each SMI that was sent while tokens were open has come (%u of %u)", taken,
	       taken + lost);
}
