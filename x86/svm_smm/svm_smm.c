// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * svm_smm: an SMI that comes to a CPU while its L2 runs (AMD APM volume 2, 15.22 "SMM Support",
 * and "System-Management Mode"). L1 does not intercept it, so the handler runs, and RSM takes the
 * CPU back to L2.
 *
 * KVM leaves L2 for the handler without an exit for L1, and enters it again at RSM. In between the
 * CPU is neither in L2 nor in L1: the saved nested state says so (KVM_GET_NESTED_STATE), and what
 * L1 was is only in the memory at VM_HSAVE_PA. A broken hypervisor forgets that RSM leads to L2,
 * restores L1's registers in its place, loses L1's own registers, or drops an event that L1 has
 * injected.
 *
 * How the tests see it: L2 counts, with patterns in its registers; another CPU sends the SMI, asks
 * for the action while the handler runs, and lets it end. L2 has to go on where it was, and in the
 * end L1 has to go on behind its VMRUN.
 */
#include "deadline.h"
#include "migrate.h"
#include "nested/svm/svm.h"
#include "processor.h"
#include "test.h"
#include "x86/smm/smm.h"

static struct busy busy;

struct story {
	bool nested_paging;
	int smis;
	bool act_in_handler, act_after;
};

static void run_l2(void *data)
{
	const struct story *story = data;
	struct l2 *l2 = l2_new(be_busy, &busy);

	if (story->nested_paging)
		svm_use_npt(l2);
	l2_expect_return(l2);
	report(l2_entries(l2) == 1, "L1 has entered L2 %lu times", l2_entries(l2));
	l2_free(l2);
}

static void check_smi(const struct story *story, int cpu)
{
	u32 rounds;

	if (!report(enter_smm(cpu, true), "an SMI comes to CPU %d, which is in L2", cpu)) {
		leave_smm(cpu);
		return;
	}
	rounds = READ_ONCE(busy.rounds);
	if (story->act_in_handler)
		migrate_quiet();
	report(runs_in_smm(cpu), "CPU %d is in its SMI handler", cpu);
	report(READ_ONCE(busy.rounds) == rounds, "L2 does not run yet");
	leave_smm(cpu);
	report(goes_on(&busy), "after RSM L2 goes on");
}

static void tell(const struct story *story)
{
	int cpu = cpu_count() - 1;

	if (!smm_set_up())
		return;
	memset(&busy, 0, sizeof(busy));
	on_cpu_async(cpu, run_l2, (void *)story);
	if (report(goes_on(&busy), "CPU %d is in L2", cpu)) {
		for (int i = 0; i < story->smis; i++)
			check_smi(story, cpu);
		if (story->act_after)
			migrate_quiet();
		report(goes_on(&busy), "L2 goes on in the end");
	}
	end_busy(cpu, &busy);
}

TEST(in_handler, .needs = ALL_OF(SMP, L2),
     .about =
	     "a CPU whose L2 an SMI has interrupted goes on in the handler after an action, and RSM takes it back to L2")
{
	static const struct story story = { .smis = 1, .act_in_handler = true };

	tell(&story);
}

TEST(in_handler_npt, .needs = ALL_OF(SMP, L2, SVM_NPT),
     .about =
	     "a CPU whose L2 an SMI has interrupted goes on in the handler after an action, and RSM takes it back to L2 (nested paging)")
{
	static const struct story story = { .nested_paging = true,
					    .smis = 1,
					    .act_in_handler = true };

	tell(&story);
}

TEST(after_handler, .needs = ALL_OF(SMP, L2),
     .about = "an L2 that goes on after an SMI survives an action, and L1 goes on behind its VMRUN")
{
	static const struct story story = { .smis = 3, .act_after = true };

	tell(&story);
}

TEST(after_handler_npt, .needs = ALL_OF(SMP, L2, SVM_NPT),
     .about =
	     "an L2 that goes on after an SMI survives an action, and L1 goes on behind its VMRUN (nested paging)")
{
	static const struct story story = { .nested_paging = true, .smis = 3, .act_after = true };

	tell(&story);
}
