// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1 changes nested tables or L2's own tables, and flushes them by TLB_CONTROL, by INVLPGA, or by
 * another ASID (15.16), before, around and after a migration. See svm_memory.c.
 */
#include "libcflat.h"
#include "x86/svm_memory/svm_memory.h"

/* Gives L2 an ASID that has not been used since all were flushed. */
static void use_new_asid(struct world *w)
{
	struct vmcb_control_area *control = &w->l2->vmcb->control;

	control->guest_asid = control->guest_asid % (svm_asids() - 1) + 1;
	if (++w->tags_used < svm_asids())
		return;
	control->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	w->tags_used = 1;
}

static void flush_all(struct world *w)
{
	flush_all_asids(w->l2);
}

static void flush_asid(struct world *w)
{
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ASID;
}

static void flush_asid_local(struct world *w)
{
	w->l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ASID_LOCAL;
}

static void flush_window(struct world *w)
{
	asm volatile("invlpga %%rax, %%ecx"
		     :
		     : "a"(WINDOW), "c"(w->l2->vmcb->control.guest_asid)
		     : "memory");
}

static const struct flush all = { "TLB_CONTROL 1", flush_all };
static const struct flush of_asid = { "TLB_CONTROL 3", flush_asid };
static const struct flush of_asid_local = { "TLB_CONTROL 7", flush_asid_local };
static const struct flush new_asid = { "a new ASID", use_new_asid };
static const struct flush by_invlpga = { "INVLPGA", flush_window };

TEST(flush_all_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 sees what L1 changes in nested tables and flushes by TLB_CONTROL 1, across a migration in L2")
{
	flush_story(true, false, &all, true);
}

TEST(flush_all_npt_pending, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 sees what L1 changes in nested tables and flushes by TLB_CONTROL 1, across a migration before VMRUN")
{
	flush_story(true, false, &all, false);
}

TEST(flush_all_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2 sees what L1 changes in L2's tables and flushes by TLB_CONTROL 1, across a migration before VMRUN")
{
	flush_story(false, true, &all, false);
}

TEST(flush_asid_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about =
	     "L2 sees what L1 changes in nested tables and flushes by TLB_CONTROL 3, across a migration before VMRUN")
{
	flush_story(true, false, &of_asid, false);
}

TEST(flush_asid_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about =
	     "L2 sees what L1 changes in L2's tables and flushes by TLB_CONTROL 3, across a migration before VMRUN")
{
	flush_story(false, true, &of_asid, false);
}

TEST(flush_local_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about =
	     "L2 sees what L1 changes in nested tables and flushes by TLB_CONTROL 7, across a migration before VMRUN")
{
	flush_story(true, false, &of_asid_local, false);
}

TEST(flush_local_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about =
	     "L2 sees what L1 changes in L2's tables and flushes by TLB_CONTROL 7, across a migration before VMRUN")
{
	flush_story(false, true, &of_asid_local, false);
}

TEST(new_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 sees what L1 changes in nested tables if it gets a new ASID, across a migration before VMRUN")
{
	flush_story(true, false, &new_asid, false);
}

TEST(new_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2 sees what L1 changes in L2's tables if it gets a new ASID, across a migration in L2")
{
	flush_story(false, true, &new_asid, true);
}

TEST(invlpga_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 sees what L1 changes in L2's tables and flushes by INVLPGA, across a migration before VMRUN (nested paging)")
{
	flush_story(true, true, &by_invlpga, false);
}

TEST(invlpga_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2 sees what L1 changes in L2's tables and flushes by INVLPGA, across a migration before VMRUN (no nested paging)")
{
	flush_story(false, true, &by_invlpga, false);
}

TEST(invlpg_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 changes its own tables, is migrated, executes INVLPG and sees the change (nested paging)")
{
	own_invlpg_story(true);
}
