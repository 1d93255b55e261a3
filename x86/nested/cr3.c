// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it without nested paging, across a migration: the tests that are the same on
 * SVM and VMX. See svm_memory.c and vmx_memory.c for the manuals and for what can be wrong, and
 * l2-memory.h for the stories. Names that end with cr3 there are of this kind, too.
 */
#include "x86/nested/memory-world.h"

/* ======== which tables ======== */

TEST(cr3_moved_in_l2, .on = EACH_CPU, .needs = L2,
     .about = "without nested paging L2 goes through its own CR3 after a migration inside L2")
{
	remap_story(false, true);
}

TEST(cr3_moved_in_l1, .on = EACH_CPU, .needs = L2,
     .about = "without nested paging L2 goes through its own CR3 after a migration between entries")
{
	remap_story(false, false);
}

TEST(several_cr3s, .on = EACH_CPU, .needs = L2,
     .about = "L2s with different CR3s and no nested paging, migrated in one of them")
{
	several_story(false, false);
}

TEST(cr3_changes, .on = EACH_CPU, .needs = L2,
     .about = "L2's CR3 is changed by L1 between entries, also just before a migration")
{
	other_tables_story(false);
}

TEST(invlpg_cr3, .on = EACH_CPU, .needs = L2,
     .about = "L2 changes its tables, is migrated, does INVLPG, sees the change; no nested paging")
{
	own_invlpg_story(false);
}

/* ======== accessed and dirty bits ======== */

TEST(used_bits_cr3, .on = EACH_CPU, .needs = L2,
     .about = "accessed and dirty bits in L2's tables without nested paging")
{
	used_story(false, true);
}

TEST(used_during_move_cr3, .on = EACH_CPU, .needs = L2,
     .about = "accessed and dirty bits that are set while memory is being migrated, L2's own CR3")
{
	used_during_move_story(false);
}

/* ======== page faults ======== */

TEST(faults_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "L2 without nested paging faults again and again, migrated in the middle: each CR2 once")
{
	storm_story(false, false);
}

TEST(fault_handler_cr3, .on = EACH_CPU, .needs = L2,
     .about = "L2 is migrated in its handler of #PF before it reads CR2, no nested paging")
{
	storm_story(false, true);
}

TEST(faults_in_turn_cr3, .on = EACH_CPU, .needs = L2,
     .about = "L1 and L2 fault in turn, migrated in L1: each finds its own CR2, no nested paging")
{
	turns_story(false);
}

TEST(passed_on_cr3, .on = EACH_CPU, .needs = L2,
     .about = "L1 injects each #PF that exits: L2's handler finds its CR2, once; no nested paging")
{
	passed_on_story(false);
}

/* ======== other modes than 64-bit ======== */

TEST(pse_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about = "L2 with 32-bit page tables and 4 MiB pages, no nested paging, migrated there")
{
	mode_story(&pse_mode, false);
}

TEST(pae_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about = "L2 with PAE, no nested paging, migrated there")
{
	mode_story(&pae_mode, false);
}

TEST(long_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about =
	     "L2 with 4 levels, 2 MiB and 4 KiB pages of its own, no nested paging, migrated there")
{
	mode_story(&long_mode, false);
}

/* ======== writes while memory is being migrated ======== */

TEST(writes_cr3, .on = EACH_CPU, .needs = L2,
     .about = "what L2 writes through 4 KiB pages of its own CR3 while it is migrated arrives")
{
	writes_story(false, SMALL_PAGES);
}

TEST(writes_cr3_2mib, .on = EACH_CPU, .needs = L2,
     .about = "what L2 writes through a 2 MiB page of its own CR3 while it is migrated arrives")
{
	writes_story(false, LARGE_PAGES);
}

TEST(crowd_cr3, .needs = ALL_OF(L2, SMP),
     .about = "L2s on all CPUs write through CR3s of their own while they are migrated")
{
	crowd_story(false);
}
