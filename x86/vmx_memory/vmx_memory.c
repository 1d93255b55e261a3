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
#include "processor.h"
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

/* ======== changes and flushes ======== */

static void invept_context(struct world *w)
{
	if (!broken("flush"))
		check_success("INVEPT", invept(VMX_EPT_EXTENT_CONTEXT, vmx_root(w->l2, true)));
}

static void invept_global(struct world *w)
{
	if (!broken("flush"))
		check_success("INVEPT", invept(VMX_EPT_EXTENT_GLOBAL, 0));
}

static void invalidate_vpid(struct world *w, u64 type)
{
	u64 vpid = vmx_get(w->l2, VIRTUAL_PROCESSOR_ID);

	if (!broken("flush"))
		check_success("INVVPID", invvpid(type, vpid, (u64)WINDOW));
}

static void invvpid_address(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_INDIVIDUAL_ADDR);
}

static void invvpid_context(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_SINGLE_CONTEXT);
}

static void invvpid_all(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_ALL_CONTEXT);
}

static void invvpid_non_global(struct world *w)
{
	invalidate_vpid(w, VMX_VPID_EXTENT_SINGLE_NON_GLOBAL);
}

static void new_vpid(struct world *w)
{
	use_new_vpid(w->l2);
}

static void by_entry(struct world *w)
{
}

static const struct flush flush_ept_context = { "single-context INVEPT", invept_context };
static const struct flush flush_ept_global = { "all-context INVEPT", invept_global };
static const struct flush flush_address = { "individual-address INVVPID", invvpid_address };
static const struct flush flush_context = { "single-context INVVPID", invvpid_context };
static const struct flush flush_all = { "all-context INVVPID", invvpid_all };
static const struct flush flush_non_global = { "INVVPID that retains globals", invvpid_non_global };
static const struct flush flush_new_vpid = { "a new VPID", new_vpid };
/* Entries and exits without a VPID flush linear and combined mappings (29.4.3.1). */
static const struct flush flush_by_entry = { "an entry without VPID", by_entry };

TEST(invept_context, .on = EACH_CPU, .needs = VMX_INVEPT_CONTEXT,
     .about = "EPT changed by L1 and flushed by single-context INVEPT, moved inside L2")
{
	flush_story(true, false, &flush_ept_context, true);
}

TEST(invept_context_pending, .on = EACH_CPU, .needs = VMX_INVEPT_CONTEXT,
     .about = "EPT changed by L1 and flushed by single-context INVEPT, moved before the entry")
{
	flush_story(true, false, &flush_ept_context, false);
}

TEST(invept_global, .on = EACH_CPU, .needs = VMX_INVEPT_GLOBAL,
     .about = "EPT changed by L1 and flushed by all-context INVEPT, moved inside L2")
{
	flush_story(true, false, &flush_ept_global, true);
}

TEST(invept_global_pending, .on = EACH_CPU, .needs = VMX_INVEPT_GLOBAL,
     .about = "EPT changed by L1 and flushed by all-context INVEPT, moved before the entry")
{
	flush_story(true, false, &flush_ept_global, false);
}

TEST(invept_vpid, .on = EACH_CPU, .needs = ALL_OF(VMX_INVEPT_CONTEXT, VMX_VPID),
     .about = "EPT of an L2 with a VPID changed by L1 and flushed by single-context INVEPT")
{
	make_with(false, true);
	flush_story(true, false, &flush_ept_context, false);
	make_with(false, false);
}

/* All worlds' place 0 leads to page N, flushed by HOW; each is flushed while another ran last. */
static void lead_all(struct world **worlds, int n, const struct flush *how)
{
	for (int i = 0; i < WORLDS; i++) {
		set_place(worlds[i], 0, page(worlds[i], n), EPT_PAGE);
		how->now(worlds[i]);
	}
}

static bool all_read(struct world **worlds, int n, const char *when)
{
	bool good = true;

	for (int i = 0; i < WORLDS; i++)
		good &= reads(worlds[i], n, 0x18, when);
	return good;
}

TEST(invept_several, .on = EACH_CPU, .needs = ALL_OF(VMX_INVEPT_CONTEXT, VMX_INVEPT_GLOBAL),
     .about = "EPTs of several L2s changed and flushed while another one's is in use, and moves")
{
	struct world *worlds[WORLDS];
	bool good;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(true);
	good = all_read(worlds, first_page(0), "before the change");
	lead_all(worlds, first_page(1), &flush_ept_context);
	good &= all_read(worlds, first_page(1), "changed before the move");
	lead_all(worlds, first_page(2), &flush_ept_context);
	migrate_quiet();
	good &= all_read(worlds, first_page(2), "changed right before the move");
	move_in_l2(worlds[1]);
	lead_all(worlds, first_page(3), &flush_ept_context);
	good &= all_read(worlds, first_page(3), "changed right after the move");
	lead_all(worlds, first_page(4), &flush_ept_global);
	good &= all_read(worlds, first_page(4), "changed after the move");
	report(good, "%d L2s see what L1 has changed in their EPTs", WORLDS);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

TEST(entry_flushes_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2's own tables changed by L1 under EPT, no VPID: the entry flushes")
{
	flush_story(true, true, &flush_by_entry, false);
}

TEST(entry_flushes_cr3, .on = EACH_CPU, .needs = VMX,
     .about = "L2's own tables changed by L1 without EPT, no VPID: the entry flushes")
{
	flush_story(false, true, &flush_by_entry, true);
}

static void vpid_story(bool nested, const struct flush *flush, bool in_l2)
{
	make_with(false, true);
	flush_story(nested, true, flush, in_l2);
	make_with(false, false);
}

TEST(invvpid_address_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_INVVPID_INDIVIDUAL_ADDR),
     .about = "L2's own tables changed by L1 under EPT, flushed by individual-address INVVPID")
{
	vpid_story(true, &flush_address, true);
}

TEST(invvpid_address_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_INDIVIDUAL_ADDR,
     .about = "L2's own tables changed by L1 without EPT, flushed by individual-address INVVPID")
{
	vpid_story(false, &flush_address, false);
}

TEST(invvpid_context_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_INVVPID_SINGLE_CONTEXT),
     .about = "L2's own tables changed by L1 under EPT, flushed by single-context INVVPID")
{
	vpid_story(true, &flush_context, false);
}

TEST(invvpid_context_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_SINGLE_CONTEXT,
     .about = "L2's own tables changed by L1 without EPT, flushed by single-context INVVPID")
{
	vpid_story(false, &flush_context, true);
}

TEST(invvpid_all_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_ALL_CONTEXT,
     .about = "L2's own tables changed by L1 without EPT, flushed by all-context INVVPID")
{
	vpid_story(false, &flush_all, false);
}

TEST(invvpid_non_global_cr3, .on = EACH_CPU, .needs = VMX_INVVPID_SINGLE_NON_GLOBAL,
     .about = "L2's own tables changed by L1, flushed by an INVVPID that retains globals")
{
	vpid_story(false, &flush_non_global, false);
}

TEST(new_vpid_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, VMX_VPID),
     .about = "L2's own tables changed by L1 under EPT, and L2 entered with a new VPID")
{
	vpid_story(true, &flush_new_vpid, false);
}

TEST(new_vpid_cr3, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "L2's own tables changed by L1 without EPT, and L2 entered with a new VPID")
{
	vpid_story(false, &flush_new_vpid, false);
}

TEST(invlpg_ept, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; EPT")
{
	own_invlpg_story(true);
}

TEST(invlpg_vpid, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; VPID and no EPT")
{
	make_with(false, true);
	own_invlpg_story(false);
	make_with(false, false);
}

/* ---- wrong operands ---- */

static void expect_operand_error(const char *what, enum vmx_result result, const char *when)
{
	u64 error = 0;

	if (result == VM_FAIL_VALID)
		vmread(VM_INSTRUCTION_ERROR, &error);
	report_if_failed(error == VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID,
			 "%s, %s: %s, expected VMfailValid %d (%s)", what, when,
			 vmx_result_text(result), VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID,
			 vm_instruction_error_name(VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID));
}

static void check_invept_operands(u64 eptp, const char *when)
{
	u64 no_levels = broken("operand") ? eptp : eptp & ~0x38ul;

	expect_operand_error("INVEPT of type 0", invept(0, eptp), when);
	expect_operand_error("INVEPT of type 3", invept(3, eptp), when);
	expect_operand_error("INVEPT of type 2^32 + 1", invept(BIT(32) + 1, eptp), when);
	if (feature_VMX_INVEPT_CONTEXT.present()) {
		expect_operand_error("INVEPT of an EPTP with no levels", invept(1, no_levels),
				     when);
		expect_operand_error("INVEPT of an EPTP with bit 11", invept(1, eptp | BIT(11)),
				     when);
		check_success(when, invept(VMX_EPT_EXTENT_CONTEXT, eptp));
	}
	if (feature_VMX_INVEPT_GLOBAL.present())
		check_success(when, invept(VMX_EPT_EXTENT_GLOBAL, 0));
	report(true, "INVEPT %s", when);
}

TEST(invept_operands, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "INVEPT fails for wrong operands, and for these alone, before and after a move")
{
	struct l2 *l2 = l2_new(NULL, NULL);
	u64 eptp;

	vmx_use_ept(l2);
	eptp = vmx_get(l2, EPT_POINTER);
	check_invept_operands(eptp, "before the move");
	migrate_quiet();
	check_invept_operands(eptp, "after the move");
	l2_free(l2);
}

#define SOME_VPID    0x1234
#define NO_CANONICAL BIT(62)

static void check_invvpid_operands(const char *when)
{
	u64 no_vpid = broken("operand") ? SOME_VPID : 0;

	expect_operand_error("INVVPID of type 4", invvpid(4, SOME_VPID, 0), when);
	expect_operand_error("INVVPID of type 2^32", invvpid(BIT(32), SOME_VPID, 0), when);
	if (feature_VMX_INVVPID_INDIVIDUAL_ADDR.present()) {
		expect_operand_error("INVVPID of an address of VPID 0", invvpid(0, no_vpid, 0),
				     when);
		expect_operand_error("INVVPID of an address that is not canonical",
				     invvpid(0, SOME_VPID, NO_CANONICAL), when);
		expect_operand_error("INVVPID with bit 16", invvpid(0, BIT(16) | 1, 0), when);
		check_success(when, invvpid(0, SOME_VPID, 0x1000));
	}
	if (feature_VMX_INVVPID_SINGLE_CONTEXT.present()) {
		expect_operand_error("INVVPID of VPID 0", invvpid(1, no_vpid, 0), when);
		expect_operand_error("INVVPID with bit 63", invvpid(1, BIT(63) | 1, 0), when);
		check_success(when, invvpid(1, SOME_VPID, NO_CANONICAL));
	}
	if (feature_VMX_INVVPID_ALL_CONTEXT.present())
		check_success(when, invvpid(2, 0, 0));
	if (feature_VMX_INVVPID_SINGLE_NON_GLOBAL.present()) {
		expect_operand_error("INVVPID of VPID 0 but its globals", invvpid(3, no_vpid, 0),
				     when);
		check_success(when, invvpid(3, SOME_VPID, 0));
	}
	report(true, "INVVPID %s", when);
}

TEST(invvpid_operands, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "INVVPID fails for wrong operands, and for these alone, before and after a move")
{
	struct l2 *l2 = l2_new(NULL, NULL);

	vmx_make_current(l2);
	check_invvpid_operands("before the move");
	migrate_quiet();
	check_invvpid_operands("after the move");
	l2_free(l2);
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

/* ---- five levels ---- */

/* An address that needs the fifth level, at which L2 finds its window again. */
#define FAR_WINDOW (1ul << 48)

FEATURE(LA57, "57-bit linear addresses in VMX operation (CR4.LA57), L1 with 48")
{
	return this_cpu_has(X86_FEATURE_LA57) && rdmsr(MSR_IA32_VMX_CR4_FIXED1) & X86_CR4_LA57 &&
	       !(read_cr4() & X86_CR4_LA57);
}

/* What has four levels in both halves has the same addresses in five. */
static u64 *five_levels(const struct world *w, u64 **far_pml4)
{
	u64 *pml5 = alloc_page();

	*far_pml4 = alloc_page();
	(*far_pml4)[0] = virt_to_phys(w->pdpt) | TABLE;
	pml5[0] = pml5[ENTRIES - 1] = virt_to_phys(w->pml4) | TABLE;
	pml5[FAR_WINDOW >> 48 & 511] = virt_to_phys(*far_pml4) | TABLE;
	return pml5;
}

static bool reads_far(struct world *w, const char *when)
{
	u64 should = content(w, first_page(2), 0x28);

	ask(w, READ, (u64 *)(FAR_WINDOW + 2 * PAGE_SIZE + 0x28), 0);
	return finish(w, when) && report_if_failed(w->request.value == should,
						   "%s: L2 reads 0x%lx through five levels, "
						   "expected 0x%lx",
						   when, w->request.value, should);
}

static void five_levels_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 *far_pml4, *pml5 = five_levels(w, &far_pml4);
	bool good;

	vmx_set(w->l2, GUEST_CR3, virt_to_phys(pml5));
	vmx_set(w->l2, GUEST_CR4, vmx_get(w->l2, GUEST_CR4) | X86_CR4_LA57);
	good = reads_far(w, "before the move");
	move_in_l2(w);
	good &= reads_far(w, "after a move in L2");
	report(!(read_cr4() & X86_CR4_LA57), "L1 has four levels behind the exit: CR4 0x%lx",
	       read_cr4());
	migrate_quiet();
	good &= reads_far(w, "after a move in L1");
	good &= check_all(w, 0x18, "after a move in L1");
	report(good && !w->broken, "L2 with five levels, L1 with four");
	world_free(w);
	free_page(far_pml4);
	free_page(pml5);
}

TEST(five_levels_ept, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, LA57),
     .about = "L2 with five levels of tables under EPT, and L1 with four, moved in both")
{
	five_levels_story(true);
}

TEST(five_levels_cr3, .on = EACH_CPU, .needs = ALL_OF(VMX, LA57),
     .about = "L2 with five levels of tables, no EPT, and L1 with four, moved in both")
{
	five_levels_story(false);
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
