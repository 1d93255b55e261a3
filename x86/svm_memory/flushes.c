// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nested tables or L2's own tables that are changed and flushed by TLB_CONTROL, by INVLPGA, or by
 * another ASID (15.16).
 */
#include "libcflat.h"
#include "x86/svm_memory/svm_memory.h"

/* An ASID that has been used for nothing since all were flushed. */
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
     .about = "nested tables changed and flushed by TLB_CONTROL 1, migrated inside L2")
{
	flush_story(true, false, &all, true);
}

TEST(flush_all_npt_pending, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed and flushed by TLB_CONTROL 1, migrated before the entry")
{
	flush_story(true, false, &all, false);
}

TEST(flush_all_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, flushed by TLB_CONTROL 1, migrated before the entry")
{
	flush_story(false, true, &all, false);
}

TEST(flush_asid_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 3")
{
	flush_story(true, false, &of_asid, false);
}

TEST(flush_asid_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 3")
{
	flush_story(false, true, &of_asid, false);
}

TEST(flush_local_npt, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, SVM_FLUSH_BY_ASID),
     .about = "nested tables changed and flushed by TLB_CONTROL 7")
{
	flush_story(true, false, &of_asid_local, false);
}

TEST(flush_local_cr3, .on = EACH_CPU, .needs = SVM_FLUSH_BY_ASID,
     .about = "L2's own tables changed by L1 and flushed by TLB_CONTROL 7")
{
	flush_story(false, true, &of_asid_local, false);
}

TEST(new_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "nested tables changed, and L2 entered with a new ASID, migrated before the entry")
{
	flush_story(true, false, &new_asid, false);
}

TEST(new_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "L2's own tables changed by L1, and L2 entered with a new ASID, migrated inside L2")
{
	flush_story(false, true, &new_asid, true);
}

TEST(invlpga_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "INVLPGA after a change of L2's own tables under nested paging")
{
	flush_story(true, true, &by_invlpga, false);
}

TEST(invlpga_cr3, .on = EACH_CPU, .needs = SVM,
     .about = "INVLPGA after a change of L2's own tables without nested paging")
{
	flush_story(false, true, &by_invlpga, false);
}

TEST(invlpg_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 changes its tables, is migrated, does INVLPG, sees the change; nested paging")
{
	own_invlpg_story(true);
}
