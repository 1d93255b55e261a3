// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmx_smm: SMIs that come to a CPU while its L2 runs, on VMX. What holds without EPT is in
 * x86/nested/smm.c, and smm.h there tells what may go wrong.
 *
 * A CPU that is lost in an action ends the guest. So the tests whose action is not in the handler
 * come first.
 */
#include "migrate.h"
#include "nested/vmx/vmx.h"
#include "processor.h"
#include "smp.h"
#include "x86/nested/smm.h"
#include "x86/smm/smm.h"

TEST(after_handler_ept, .needs = ALL_OF(SMP, L2, VMX_EPT),
     .about =
	     "an L2 that goes on after an SMI survives an action, and L1 goes on behind its entry (EPT)")
{
	static const struct smi_story story = { vmx_use_ept, .smis = 3, .act_after = true };

	smi_in_l2(&story);
}

TEST(in_handler_ept, .needs = ALL_OF(SMP, L2, VMX_EPT),
     .about =
	     "a CPU whose L2 an SMI has interrupted goes on in the handler after an action, and RSM takes it back to L2 (EPT)")
{
	static const struct smi_story story = { vmx_use_ept, .smis = 1, .act_in_handler = true };

	smi_in_l2(&story);
}

static struct busy busy;

/* In VMX operation, with no L2. */
static void be_busy_in_operation(void *data)
{
	struct l2 *l2 = l2_new(be_busy, data);

	be_busy(data);
	WRITE_ONCE(busy.stop, 1);
	l2_expect_return(l2);
	l2_free(l2);
}

TEST(in_root_operation, .needs = ALL_OF(SMP, L2),
     .about =
	     "a CPU that an SMI has interrupted in VMX root operation is there again after an action and RSM, and enters its L2")
{
	int cpu = cpu_count() - 1;
	u32 rounds;

	if (!smm_set_up())
		return;
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, be_busy_in_operation, &busy);
	report(goes_on(&busy), "CPU %d is busy", cpu);
	if (report(enter_smm(cpu, true), "an SMI comes to CPU %d, which is in VMX operation",
		   cpu)) {
		rounds = READ_ONCE(busy.rounds);
		migrate_quiet();
		check_still_in_smm(cpu, &busy, rounds);
	}
	leave_smm(cpu);
	report(goes_on(&busy), "after RSM CPU %d goes on", cpu);
	end_busy(cpu, &busy);
}
