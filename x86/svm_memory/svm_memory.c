// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a migration: nested paging, flushes, page faults, PAT.
 *
 * Manual: AMD APM volume 2, 15.25 (nested paging), 15.16 (TLB control), 15.15 (clean bits),
 * 15.12.15 (intercepted #PF), 15.5 and 15.6 (what VMRUN loads and #VMEXIT saves), 5.3 to 5.5 (page
 * tables, accessed and dirty bits, TLB), 7.8 (PAT).
 *
 * The stories are in x86/nested/memory-*.c, the tests without nested paging in x86/nested/cr3.c.
 * memory-world.h explains L2's worlds.
 *
 * A broken hypervisor walks other tables than L2's after a migration: L1's, those of an L2 that ran
 * before, or none. Then L2 reads another page, or stops where it should not. Or it keeps shadows of
 * tables and misses L1's changes. Or it does not log as dirty what L2, or the walker of its tables,
 * writes, so that the destination has old bytes: counters that are too low, and missing accessed
 * and dirty bits. Or it mixes up nested page faults and page faults of L2 and L1: a wrong CR2, a
 * fault twice or never.
 *
 * What a test cannot tell: a stale TLB from a stale shadow page, and a byte that was not sent from
 * one that was never written. Before a flush both the old and the new mapping are right, so no test
 * looks then. Accessed bits that are set without need are allowed (5.4.2).
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_memory/svm_memory.h"

FEATURE(GIB_PAGES, "1 GiB pages (CPUID Fn8000_0001_EDX bit 26)")
{
	return this_cpu_has(X86_FEATURE_GBPAGES);
}

/* ======== which tables ======== */

TEST(npt_moved_in_l2, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 uses its nested tables after a migration in L2")
{
	remap_story(true, true);
}

TEST(npt_moved_in_l1, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 uses its nested tables after a migration in L1")
{
	remap_story(true, false);
}

TEST(several_npts, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2s with different nested tables at the same addresses each see their own pages after a migration in one of them")
{
	several_story(true, false);
}

TEST(npt_and_no_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2s with nested paging and one without each see their own pages after a migration in the latter")
{
	several_story(true, true);
}

TEST(npt_among_others, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2s without nested paging and one with it each see their own pages after a migration in the latter")
{
	several_story(false, true);
}

TEST(one_asid_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2s with different nested tables and one ASID, flushed at each entry, see their own pages after a migration")
{
	shared_tag_story(true);
}

TEST(one_asid_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2s with different CR3s and one ASID, flushed at each entry, see their own pages after a migration")
{
	shared_tag_story(false);
}

TEST(n_cr3_changes, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 uses the N_CR3 that L1 gives it at each entry, also right before a migration")
{
	other_tables_story(true);
}

/* Clean bits are hints that nothing has changed (15.15). After a migration nothing is cached. */
#define ALL_CLEAN 0xfff

static void clean(bool nested)
{
	struct world *w = world_new(nested);
	bool good = check_all(w, 0x18, "before the migration");

	w->l2->vmcb->control.vmcb_clean = ALL_CLEAN;
	good &= check_all(w, 0x20, "with all clean bits set");
	migrate_quiet();
	good &= check_all(w, 0x18, "with all clean bits set after the migration");
	good &= check_writes(w, 0x20, "with all clean bits set after the migration");
	report(good,
	       "L2 sees its pages with all clean bits set, before the migration and after it");
	world_free(w);
}

TEST(clean_bits_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "a VMCB whose clean bits are all set is entered correctly after a migration (nested paging)")
{
	clean(true);
}

TEST(clean_bits_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a VMCB whose clean bits are all set is entered correctly after a migration (no nested paging)")
{
	clean(false);
}

/* ======== accessed and dirty bits ======== */

TEST(used_bits_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits in nested tables survive a migration and are set after it")
{
	used_story(true, false);
}

TEST(used_bits_guest, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "accessed and dirty bits in L2's tables under nested paging survive a migration and are set after it")
{
	used_story(true, true);
}

TEST(used_during_move_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "accessed and dirty bits in nested tables that are set during a migration survive it")
{
	used_during_migration_story(true);
}

/* ======== other modes than 64-bit ======== */

TEST(real_mode_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 in real mode survives a migration (nested paging)")
{
	mode_story(&real_mode, true);
}

TEST(protected_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 in protected mode with paging off survives a migration (nested paging)")
{
	mode_story(&protected_mode, true);
}

TEST(protected_no_npt, .on = EACH_CPU, .needs = SVM,
     .about = "L2 in protected mode with paging off survives a migration (no nested paging)")
{
	mode_story(&protected_mode, false);
}

TEST(pse_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 with 32-bit page tables and 4 MiB pages survives a migration (nested paging)")
{
	mode_story(&pse_mode, true);
}

TEST(pae_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2 with PAE page tables survives a migration (nested paging)")
{
	mode_story(&pae_mode, true);
}

TEST(long_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 with 4 levels of page tables, 2 MiB and 4 KiB pages survives a migration (nested paging)")
{
	mode_story(&long_mode, true);
}

/* ======== writes during a migration ======== */

TEST(writes_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "every word that L2 writes through 4 KiB nested pages during a migration survives it")
{
	writes_story(true, SMALL_PAGES);
}

TEST(writes_npt_2mib, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "every word that L2 writes through a 2 MiB nested page during a migration survives it")
{
	writes_story(true, LARGE_PAGES);
}

TEST(writes_npt_1gib, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, GIB_PAGES),
     .about =
	     "every word that L2 writes through a 1 GiB nested page during a migration survives it")
{
	writes_story(true, HUGE_PAGES);
}

/* ---- all CPUs ---- */

TEST(crowd_npt, .needs = ALL_OF(SVM_NPT, SMP),
     .about =
	     "every word that L2s on all CPUs write through nested tables during a migration survives it")
{
	crowd_story(true);
}

/* ======== the first access after the migration ======== */

TEST(npt_first_access, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "the first access of L2 after a migration in L2 goes through its nested tables")
{
	first_access_story();
}

TEST(npt_first_fault, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "the first access of L2 after a migration in L2 is a nested page fault if nested tables do not map the page")
{
	first_fault_story(FINAL);
}
