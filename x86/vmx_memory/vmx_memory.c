// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a move: which tables it goes through, with EPT and without,
 * flushes, VPIDs, page faults, paging modes, what it writes. vmx_ept has what only EPT has.
 *
 * The truth: Intel SDM volume 3, 29.3 (EPT), 29.4 (caching of translations), chapter 31 (INVEPT,
 * INVVPID), 27.3.1.6 and 27.3.2.4 (PDPTEs), 28.2.1 (#PF that exits), 4.7, 4.8 and 4.10 (page
 * faults, accessed and dirty flags, TLB).
 *
 * What is the same on SVM is in the files called l2-*.c, tests without EPT in l2-cr3.c;
 * l2-memory.h tells of the worlds.
 *
 * A broken hypervisor walks other tables than L2's after a move (L1's, those of an L2 that
 * ran before, none, those of the EPT_POINTER of before): L2 reads what belongs elsewhere or
 * stops where it should not. Or it keeps shadows of tables and no longer sees that L1 changes
 * them; or it does not log as dirty what L2, or the walker of its tables, writes, so that the
 * destination has old bytes: counters that fall behind, accessed and dirty flags that are gone.
 * Or it mixes up the page faults of L2 and L1: wrong address, wrong CR2; twice, never.
 *
 * A test cannot tell a stale TLB from a stale shadow page, nor a byte that was not sent from
 * one that was never written. Without a flush either mapping is right, so nothing is said
 * of that; nor of accessed flags that are set without need, which 4.8 allows.
 *
 * On the command line: break=WHAT, to spoil the guest on purpose. l2-memory.h has most; besides
 *
 * flush    L1 leaves out INVEPT and INVVPID
 * operand  INVEPT and INVVPID are given right operands in the place of wrong ones
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/nested/vmx-nesting.h"

/* ======== which tables ======== */

TEST(ept_moved_in_l2, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 goes through its EPT after a move inside L2")
{
	remap_story(true, true);
}

TEST(ept_moved_in_l1, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 goes through its EPT after a move between two entries")
{
	remap_story(true, false);
}

/* ---- several ---- */

TEST(several_epts, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2s with different EPTs at the same addresses, moved in one of them")
{
	several_story(true, false);
}

TEST(ept_and_no_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2s with EPT and one without, entered in turn, moved in the latter")
{
	several_story(true, true);
}

TEST(ept_among_others, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "an L2 with EPT among some without, moved inside it")
{
	several_story(false, true);
}

TEST(several_vpids_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about = "L2s with EPTs and VPIDs of their own, moved in one of them: no stale translation")
{
	make_with(false, true);
	several_story(true, false);
	make_with(false, false);
}

TEST(several_vpids_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "L2s with CR3s and VPIDs of their own, moved in one of them: no stale translation")
{
	make_with(false, true);
	several_story(false, false);
	make_with(false, false);
}

TEST(one_vpid_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about = "L2s with different EPTs and one VPID, which is never flushed")
{
	shared_tag_story(true);
}

TEST(one_vpid_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "L2s with different CR3s and one VPID, flushed before each entry")
{
	shared_tag_story(false);
}

TEST(ept_pointer_changes, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "EPT_POINTER is changed between entries, also just before a move")
{
	other_tables_story(true);
}

/* L1 leads L2 to another world's tables, which nothing has used before; no flush is due. */
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
	bool good = check_all(w, 0x18, "before the move");

	move_in_l2(w);
	lead_to(w, others[0]);
	good &= check_all(w, 0x18, "other tables right after a move in L2");
	good &= check_writes(w, 0x20, "other tables right after a move in L2");
	migrate_quiet();
	lead_to(w, others[1]);
	good &= check_all(w, 0x18, "other tables right after a move in L1");
	good &= check_writes(w, 0x20, "other tables right after a move in L1");
	report(good && !w->broken, "L2 goes through %s that it was given right after a move",
	       kind(nested));
	w->block = first.block;
	world_free(w);
	world_free(others[0]);
	world_free(others[1]);
}

TEST(ept_pointer_after_move, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "an EPT_POINTER that L1 writes right after a move counts at the next entry")
{
	changes_behind_move(true);
}

TEST(ept_pointer_after_move_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about = "the same with a VPID, whose translations belong to EPT_POINTER")
{
	make_with(false, true);
	changes_behind_move(true);
	make_with(false, false);
}

TEST(cr3_after_move, .on = EACH_CPU, .needs = VMX,
     .about = "a GUEST_CR3 that L1 writes right after a move counts at the next entry")
{
	changes_behind_move(false);
}

/* ---- levels ---- */

/* 2 MiB with other contents than the world's pages: a magic of their own. */
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
     .about = "an EPT page of 2 MiB in the place of 512 of 4 KiB, and back, before and after moves")
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
	move_in_l2(w);
	good &= check_all(w, 0x18, "2 MiB, made before the move");
	*directory = table;
	w->magic = magic;
	vmx_flush(w->l2);
	good &= check_all(w, 0x18, "4 KiB again, made after the move");
	migrate_quiet();
	*directory = large;
	w->magic = large_magic;
	vmx_flush(w->l2);
	good &= check_all(w, 0x18, "2 MiB, made after the move");
	report(good && !w->broken, "L2 sees %d pages, by entries of 4 KiB and of 2 MiB", PLACES);
	*directory = table;
	world_free(w);
	free_pages(block);
}

/* ======== page faults ======== */

TEST(faults_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 under EPT faults again and again, moved in the middle: each CR2 once")
{
	storm_story(true, false);
}

TEST(fault_handler_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 is moved in its handler of #PF before it reads CR2, EPT")
{
	storm_story(true, true);
}

/* ---- L1's and L2's faults in turn ---- */

TEST(faults_in_turn_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L1 and L2 fault in turn, moved in L1 before an entry and after one; EPT")
{
	turns_story(true);
}

/* ---- #PF that exits ---- */

TEST(repaired_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2's #PF exits, L1 is moved there, repairs: error and address are right, CR2 stays")
{
	repaired_story(true);
}

TEST(repaired_cr3, .on = EACH_CPU, .needs = VMX, .about = "the same without EPT")
{
	repaired_story(false);
}

TEST(passed_on_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L1 injects each #PF that exits: L2's handler finds the CR2 of L1, once")
{
	passed_on_story(true);
}

/* ======== other modes than 64-bit ======== */

TEST(real_mode_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_UNRESTRICTED_GUEST, VMX_LOAD_EFER),
     .about = "L2 in real mode under EPT, moved there")
{
	mode_story(&real_mode, true);
}

TEST(protected_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_UNRESTRICTED_GUEST, VMX_LOAD_EFER),
     .about = "L2 in protected mode with paging off under EPT, moved there")
{
	mode_story(&protected_mode, true);
}

TEST(pse_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "L2 with 32-bit page tables and 4 MiB pages under EPT, moved there")
{
	mode_story(&pse_mode, true);
}

TEST(pae_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "L2 with PAE under EPT, moved there")
{
	mode_story(&pae_mode, true);
}

TEST(pae_ept_pdptes, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "PDPTEs that are in the VMCS, and no longer in memory, are L2's after a move in L2")
{
	mode_story(&pae_hidden_mode, true);
}

TEST(long_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_LOAD_EFER),
     .about = "L2 with 4 levels, 2 MiB and 4 KiB pages of its own, under EPT, moved there")
{
	mode_story(&long_mode, true);
}

/* ======== writes while memory is being moved ======== */

TEST(writes_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "what L2 writes through EPT pages of 4 KiB while it is moved arrives, every word")
{
	writes_story(true, SMALL_PAGES);
}

TEST(writes_ept_flags, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "the same in an EPT with accessed and dirty flags")
{
	make_with(true, false);
	writes_story(true, SMALL_PAGES);
	make_with(false, false);
}

TEST(writes_ept_2mib, .on = EACH_CPU, .needs = VMX_EPT_2MB_PAGE,
     .about = "what L2 writes through an EPT page of 2 MiB while it is moved arrives, every word")
{
	writes_story(true, LARGE_PAGES);
}

TEST(writes_ept_1gib, .on = EACH_CPU, .needs = VMX_EPT_1GB_PAGE,
     .about = "what L2 writes through an EPT page of 1 GiB while it is moved arrives, every word")
{
	writes_story(true, HUGE_PAGES);
}

TEST(crowd_ept, .needs = ALL_OF(VMX_EPT, SMP),
     .about = "L2s on all CPUs write through EPTs while they are moved")
{
	crowd_story(true);
}

/* ======== the first access after the move ======== */

TEST(ept_first_access, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "the first access of L2 after a move inside it goes through its EPT")
{
	first_access_story();
}
