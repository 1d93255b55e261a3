// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it without nested paging, across a migration: the tests that SVM and VMX share.
 * See svm_memory.c and vmx_memory.c for the manuals and for what a broken hypervisor does, and
 * memory-world.h for the stories.
 */
#include "x86/nested/memory-world.h"

/* ======== which tables ======== */

TEST(cr3_moved_in_l2, .on = EACH_CPU, .needs = L2,
     .about = "without nested paging, L2 uses its own CR3 after a migration in L2")
{
	remap_story(false, true);
}

TEST(cr3_moved_in_l1, .on = EACH_CPU, .needs = L2,
     .about = "without nested paging, L2 uses its own CR3 after a migration in L1")
{
	remap_story(false, false);
}

TEST(several_cr3s, .on = EACH_CPU, .needs = L2,
     .about =
	     "L2s with different CR3s and no nested paging each see their own pages after a migration in one of them")
{
	several_story(false, false);
}

TEST(cr3_changes, .on = EACH_CPU, .needs = L2,
     .about =
	     "without nested paging, L2 uses the CR3 that L1 gives it at each entry, also right before a migration")
{
	other_tables_story(false);
}

TEST(invlpg_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "without nested paging, L2 changes its tables, is migrated, executes INVLPG and sees the change")
{
	own_invlpg_story(false);
}

/* ======== accessed and dirty bits ======== */

TEST(used_bits_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "accessed and dirty bits in L2's tables survive a migration and are set after it, without nested paging")
{
	used_story(false, true);
}

TEST(used_during_move_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "accessed and dirty bits that L2 sets in its tables during a migration survive it, without nested paging")
{
	used_during_migration_story(false);
}

/* ======== page faults ======== */

TEST(faults_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "L2 takes page faults again and again, is migrated in between, and finds each CR2 once, without nested paging")
{
	storm_story(false, false);
}

TEST(fault_handler_cr3, .on = EACH_CPU, .needs = L2,
     .about = "L2's #PF handler finds CR2 after a migration in the handler, without nested paging")
{
	storm_story(false, true);
}

TEST(faults_in_turn_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "L1 and L2 take page faults in turn, migrated in L1, and each finds its own CR2, without nested paging")
{
	turns_story(false);
}

TEST(passed_on_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "L1 injects each #PF of L2 that exits, and L2's handler finds its CR2 once, without nested paging")
{
	passed_on_story(false);
}

/* ======== other modes than 64-bit ======== */

TEST(pse_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about =
	     "L2 with 32-bit page tables and 4 MiB pages survives a migration, without nested paging")
{
	mode_story(&pse_mode, false);
}

TEST(pae_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about = "L2 with PAE page tables survives a migration, without nested paging")
{
	mode_story(&pae_mode, false);
}

TEST(long_cr3, .on = EACH_CPU, .needs = L2_OWN_EFER,
     .about =
	     "L2 with 4 levels of page tables, 2 MiB and 4 KiB pages survives a migration, without nested paging")
{
	mode_story(&long_mode, false);
}

/* ======== writes during a migration ======== */

TEST(writes_cr3, .on = EACH_CPU, .needs = L2,
     .about =
	     "every word that L2 writes through 4 KiB pages during a migration survives it, without nested paging")
{
	writes_story(false, SMALL_PAGES);
}

TEST(writes_cr3_2mib, .on = EACH_CPU, .needs = L2,
     .about =
	     "every word that L2 writes through a 2 MiB page during a migration survives it, without nested paging")
{
	writes_story(false, LARGE_PAGES);
}

TEST(crowd_cr3, .needs = ALL_OF(L2, SMP),
     .about =
	     "every word that L2s on all CPUs write during a migration survives it, without nested paging")
{
	crowd_story(false);
}
