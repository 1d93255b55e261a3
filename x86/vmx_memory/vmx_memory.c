// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a migration: which page tables it goes through, with EPT and
 * without, flushes, VPIDs, page faults, paging modes, and what L2 writes. vmx_ept has what exists
 * only with EPT.
 *
 * Intel SDM volume 3: 29.3 (EPT), 29.4 (caching of translations), chapter 31 (INVEPT, INVVPID),
 * 27.3.1.6 and 27.3.2.4 (PDPTEs), 28.2.1 (#PF that exits), 4.7, 4.8 and 4.10 (page faults,
 * accessed and dirty flags, TLB).
 *
 * Tests that SVM has as well are in x86/nested/memory-*.c; tests without EPT are in
 * x86/nested/cr3.c; x86/nested/memory-world.h tells how the tests see L2's memory.
 *
 * After a migration a broken hypervisor walks other tables than L2's: L1's, those of an L2 that ran
 * before, none, or those of an older EPT_POINTER. Then L2 reads what belongs elsewhere, or stops
 * where it should not. Or the hypervisor keeps shadows of tables and no longer sees that L1 changes
 * them. Or it does not log as dirty what L2 writes, or what a page walk writes to L2's tables, so
 * that the destination has old bytes: counters go back, accessed and dirty flags are gone. Or it
 * mixes up the page faults of L1 and L2, which then come with a wrong address or CR2, twice, or
 * never.
 *
 * The tests cannot tell a stale TLB from a stale shadow page, nor a byte that was not sent from a
 * byte that was never written. They accept both mappings as long as L1 has not flushed, and
 * accessed flags that are set without need, as 4.8 allows.
 *
 * break=WHAT on the command line spoils a test on purpose. x86/nested/memory-world.h lists most
 * values. This program adds
 *
 * flush    L1 leaves out INVEPT and INVVPID
 * operand  INVEPT and INVVPID get right operands in place of wrong ones
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/nested/vmx-nesting.h"

/* ======== which tables ======== */

TEST(ept_moved_in_l2, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 goes through its EPT after a migration in L2")
{
	remap_story(true, true);
}

TEST(ept_moved_in_l1, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 goes through its EPT after a migration in L1, between two VM entries")
{
	remap_story(true, false);
}

/* ---- several L2s ---- */

TEST(several_epts, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "several L2s keep to their own EPTs at the same addresses after a migration in one of them")
{
	several_story(true, false);
}

TEST(ept_and_no_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "L2s with EPT and one without keep to their own tables after a migration in the one without")
{
	several_story(true, true);
}

TEST(ept_among_others, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "L2s without EPT and one with it keep to their own tables after a migration in the one with it")
{
	several_story(false, true);
}

TEST(several_vpids_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about =
	     "L2s with their own EPTs and VPIDs see no stale translation after a migration in one of them")
{
	make_with(false, true);
	several_story(true, false);
	make_with(false, false);
}

TEST(several_vpids_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about =
	     "L2s with their own CR3s and VPIDs see no stale translation after a migration in one of them")
{
	make_with(false, true);
	several_story(false, false);
	make_with(false, false);
}

TEST(one_vpid_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about =
	     "L2s with different EPTs that share a VPID, never flushed, each see their own pages across a migration")
{
	shared_tag_story(true);
}

TEST(one_vpid_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about =
	     "L2s with different CR3s that share a VPID, flushed before each entry, each see their own pages across a migration")
{
	shared_tag_story(false);
}

TEST(ept_pointer_changes, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "an EPT_POINTER that L1 changes between entries, also right before a migration, takes effect at once")
{
	other_tables_story(true);
}

/* L1 gives L2 another world's tables, which nothing has used before, so that no flush is needed. */
static void lead_to(struct world *w, const struct world *other)
{
	vmx_set_root(w->l2, w->nested, vmx_root(other->l2, w->nested));
	w->block = other->block;
	w->magic = other->magic;
}

static void changes_behind_move(bool nested)
{
	struct world *w = world_new(nested), *others[] = { world_new(nested), world_new(nested) };
	struct world first = *w;
	bool good = check_all(w, 0x18, "before the migration");

	migrate_in_l2(w);
	lead_to(w, others[0]);
	good &= check_all(w, 0x18, "other tables right after a migration in L2");
	good &= check_writes(w, 0x20, "other tables right after a migration in L2");
	migrate_quiet();
	lead_to(w, others[1]);
	good &= check_all(w, 0x18, "other tables right after a migration in L1");
	good &= check_writes(w, 0x20, "other tables right after a migration in L1");
	report(good && !w->broken, "L2 goes through %s that it was given right after a migration",
	       kind(nested));
	w->block = first.block;
	world_free(w);
	world_free(others[0]);
	world_free(others[1]);
}

TEST(ept_pointer_after_move, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "an EPT_POINTER that L1 writes right after a migration takes effect at the next entry")
{
	changes_behind_move(true);
}

TEST(ept_pointer_after_move_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about =
	     "with a VPID, an EPT_POINTER that L1 writes right after a migration takes effect at the next entry")
{
	make_with(false, true);
	changes_behind_move(true);
	make_with(false, false);
}

TEST(cr3_after_move, .on = EACH_CPU, .needs = VMX,
     .about = "a GUEST_CR3 that L1 writes right after a migration takes effect at the next entry")
{
	changes_behind_move(false);
}

/* ---- levels ---- */

/* A block of 2 MiB with other contents than the world's pages. */
static u8 *large_block(struct world *w, u64 magic)
{
	u8 *block = alloc_pages(9);

	w->magic = magic;
	for (int i = 0; i < PLACES; i++)
		for (u64 offset = 0; offset < PAGE_SIZE; offset += sizeof(u64))
			*(u64 *)(block + i * PAGE_SIZE + offset) =
				content(w, first_page(i), offset);
	return block;
}

TEST(ept_levels, .on = EACH_CPU, .needs = VMX_EPT_2MB_PAGE,
     .about =
	     "L1 replaces 512 EPT pages of 4 KiB by one of 2 MiB, and back, before and after migrations")
{
	struct world *w = world_new(true);
	u64 magic = w->magic, *directory = vmx_ept_entry_at(w->l2, GPA_WINDOW, 2);
	u64 table = *directory;
	u8 *block = large_block(w, ~magic & GENMASK(63, 32));
	u64 large = virt_to_phys(block) | EPT_PAGE | VMX_EPT_PAGE_SIZE, large_magic = w->magic;
	bool good;

	w->magic = magic;
	good = check_all(w, 0x18, "4 KiB");
	*directory = large;
	w->magic = large_magic;
	vmx_flush(w->l2);
	migrate_in_l2(w);
	good &= check_all(w, 0x18, "2 MiB, made before the migration");
	*directory = table;
	w->magic = magic;
	vmx_flush(w->l2);
	good &= check_all(w, 0x18, "4 KiB again, made after the migration");
	migrate_quiet();
	*directory = large;
	w->magic = large_magic;
	vmx_flush(w->l2);
	good &= check_all(w, 0x18, "2 MiB, made after the migration");
	report(good && !w->broken, "L2 sees %d pages, by entries of 4 KiB and of 2 MiB", PLACES);
	*directory = table;
	world_free(w);
	free_pages(block);
}

/* ======== page faults ======== */

TEST(faults_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "page faults of L2 under EPT come once each, with the right CR2, across a migration in L2")
{
	storm_story(true, false);
}

TEST(fault_handler_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "CR2 of L2 under EPT survives a migration in L2's handler of #PF")
{
	storm_story(true, true);
}

/* ---- L1's and L2's faults in turn ---- */

TEST(faults_in_turn_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "page faults of L1 and of L2 under EPT, in turn, have the right CR2 after migrations in L1")
{
	turns_story(true);
}

/* ---- #PF that exits ---- */

TEST(repaired_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "a #PF of L2 under EPT exits with the right error code and address, across a migration in L1")
{
	repaired_story(true);
}

TEST(repaired_cr3, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a #PF of L2 without EPT exits with the right error code and address, across a migration in L1")
{
	repaired_story(false);
}

TEST(passed_on_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about =
	     "a #PF of L2 under EPT that exits, and that L1 then injects, comes to L2 once, with the CR2 that L1 has set")
{
	passed_on_story(true);
}

/* ======== other modes than 64-bit ======== */

TEST(real_mode_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_UNRESTRICTED_GUEST, VMX_LOAD_EFER),
     .about = "an L2 in real mode under EPT survives a migration in L2")
{
	mode_story(&real_mode, true);
}

TEST(protected_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_UNRESTRICTED_GUEST, VMX_LOAD_EFER),
     .about = "an L2 in protected mode without paging under EPT survives a migration in L2")
{
	mode_story(&protected_mode, true);
}

TEST(pse_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "an L2 with 32-bit page tables and 4 MiB pages under EPT survives a migration in L2")
{
	mode_story(&pse_mode, true);
}

TEST(pae_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "an L2 with PAE paging under EPT survives a migration in L2")
{
	mode_story(&pae_mode, true);
}

TEST(pae_ept_pdptes, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about =
	     "PDPTEs that are only in the VMCS, and no longer in memory, survive a migration in L2")
{
	mode_story(&pae_hidden_mode, true);
}

TEST(long_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about =
	     "an L2 with 4-level paging, 2 MiB and 4 KiB pages under EPT survives a migration in L2")
{
	mode_story(&long_mode, true);
}

/* ======== writes during a migration ======== */

TEST(writes_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "every word that L2 writes through EPT pages of 4 KiB during a migration survives it")
{
	writes_story(true, SMALL_PAGES);
}

TEST(writes_ept_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about =
	     "every word that L2 writes during a migration survives it, if EPT has accessed and dirty flags")
{
	make_with(true, false);
	writes_story(true, SMALL_PAGES);
	make_with(false, false);
}

TEST(writes_ept_2mib, .on = EACH_CPU, .needs = VMX_EPT_2MB_PAGE,
     .about =
	     "every word that L2 writes through an EPT page of 2 MiB during a migration survives it")
{
	writes_story(true, LARGE_PAGES);
}

TEST(writes_ept_1gib, .on = EACH_CPU, .needs = VMX_EPT_1GB_PAGE,
     .about =
	     "every word that L2 writes through an EPT page of 1 GiB during a migration survives it")
{
	writes_story(true, HUGE_PAGES);
}

TEST(crowd_ept, .needs = ALL_OF(VMX_EPT, SMP),
     .about = "every word that L2s on all CPUs write through EPTs during a migration survives it")
{
	crowd_story(true);
}

/* ======== the first access after the migration ======== */

TEST(ept_first_access, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2's first access after a migration in L2 goes through its EPT")
{
	first_access_story();
}
