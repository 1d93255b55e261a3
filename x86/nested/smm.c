// SPDX-License-Identifier: GPL-2.0-or-later
/* See smm.h. */
#include "x86/nested/smm.h"
#include "deadline.h"
#include "migrate.h"
#include "processor.h"
#include "x86/smm/smm.h"

static struct busy busy;

static void run_l2(void *data)
{
	const struct smi_story *story = data;
	struct l2 *l2 = l2_new(be_busy, &busy);

	if (story->prepare)
		story->prepare(l2);
	l2_expect_return(l2);
	report(l2_entries(l2) == 1, "L1 has entered L2 %lu times", l2_entries(l2));
	l2_free(l2);
}

static void check_smi(const struct smi_story *story, int cpu)
{
	u32 rounds;

	if (!report(enter_smm(cpu, true), "an SMI comes to CPU %d, which is in L2", cpu)) {
		leave_smm(cpu);
		return;
	}
	rounds = READ_ONCE(busy.rounds);
	if (story->act_in_handler)
		migrate_quiet();
	check_still_in_smm(cpu, &busy, rounds);
	leave_smm(cpu);
	report(goes_on(&busy), "after RSM L2 goes on");
}

void smi_in_l2(const struct smi_story *story)
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

TEST(after_handler, .needs = ALL_OF(SMP, L2),
     .about = "an L2 that goes on after an SMI survives an action, and L1 goes on behind its entry")
{
	static const struct smi_story story = { .smis = 3, .act_after = true };

	smi_in_l2(&story);
}

TEST(in_handler, .needs = ALL_OF(SMP, L2),
     .about =
	     "a CPU whose L2 an SMI has interrupted goes on in the handler after an action, and RSM takes it back to L2")
{
	static const struct smi_story story = { .smis = 1, .act_in_handler = true };

	smi_in_l2(&story);
}
