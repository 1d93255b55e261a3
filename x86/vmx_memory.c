// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory as L2 sees it, across a move: EPT, VPIDs and their flushes, page faults.
 *
 * The truth: Intel SDM volume 3, chapter 29 (29.3 EPT, 29.3.3 violations and misconfigurations,
 * 29.3.5 accessed and dirty flags, 29.3.6 page-modification logging, 29.4 caching of
 * translations), 26.5.6 (VM functions), 28.2.1 (exit qualifications), 27.3.1.6 and 27.3.2.4
 * (PDPTEs), chapter 31 (INVEPT, INVVPID), 4.7 and 4.8 (page faults, accessed and dirty flags).
 *
 * What is the same on SVM is in the files called l2_memory*.c; l2_memory.h tells of the worlds.
 *
 * A broken hypervisor walks other tables than L2's after a move (L1's, those of an L2 that
 * ran before, none, those of the EPT_POINTER of before): L2 reads what belongs elsewhere or
 * stops where it should not. Or it keeps shadows of tables and no longer sees that L1 changes
 * them; or it does not log as dirty what L2, or the walker of its tables, writes, so that the
 * destination has old bytes: counters that fall behind, accessed and dirty flags that are gone,
 * entries that the page-modification log lacks. Or it mixes up EPT violations and page faults
 * of L2 and L1: wrong qualification, address, CR2; twice, never.
 *
 * A test cannot tell a stale TLB from a stale shadow page, nor a byte that was not sent from
 * one that was never written. Without a flush either mapping is right, so nothing is said
 * of that; nor of accessed flags that are set without need, which 29.3.5 allows. The linear
 * address of a misconfiguration is undefined, and so are bits 11:9 of the qualification without
 * advanced information; none is looked at.
 *
 * On the command line: break=WHAT, to spoil the guest on purpose. l2_memory.h has most; besides
 *
 * flush  L1 leaves out INVEPT and INVVPID
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "vmx.h"
#include "l2_memory.h"

#define EPT_PAGE   (VMX_EPT_RWX_MASK | VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT)
#define READABLE   (VMX_EPT_READABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define WRITABLE   (VMX_EPT_WRITABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define EXECUTABLE (VMX_EPT_EXECUTABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define FINAL	   (EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED)
#define WALK	   EPT_VIOLATION_GVA_IS_VALID
/* Of the qualification, what every CPU says. */
#define ALWAYS_THERE (GENMASK(5, 0) | FINAL)
/* With a write: bit 0 may be 1 or 0, since the instruction also reads (table 28-7). */
#define ALSO_READS BIT(63)

FEATURE(RESERVED_ADDRESS_BITS, "physical addresses of fewer than 52 bits")
{
	return (cpuid(0x80000008).a & 0xff) < 52;
}

/* ======== what VMX has of its own ======== */

/* What the next L2s are made with. */
struct making {
	bool used_flags, vpid;
};

static PER_CPU(struct making, making);

static void use_ept(struct l2 *l2)
{
	l2_use_ept(l2);
	if (this_cpu(making).used_flags)
		l2_set(l2, EPT_POINTER, l2_get(l2, EPT_POINTER) | VMX_EPTP_AD_ENABLE_BIT);
}

static u64 *map_large(struct l2 *l2, phys_addr_t address, phys_addr_t physical, int level)
{
	u64 *entry = l2_ept_entry_at(l2, address, level);
	u64 *table = phys_to_virt(*entry & PT_ADDR_MASK);

	*entry = physical | EPT_PAGE | VMX_EPT_PAGE_SIZE;
	return table;
}

#define SHARED_VPID 0xffff

static bool has_vpid(const struct l2 *l2)
{
	return feature_VMX_VPID.present() &&
	       l2_get(l2, SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_ENABLE_VPID;
}

static void use_vpid(struct l2 *l2, u16 vpid)
{
	l2_control(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VPID);
	l2_set(l2, VIRTUAL_PROCESSOR_ID, vpid);
}

static void check_success(const char *instruction, enum vmx_result result)
{
	report_if_failed(result == VM_SUCCEED, "%s: %s, expected VMsucceed", instruction,
			 vmx_result_text(result));
}

/* All of an L2's VPID, by whichever type there is. */
static void flush_vpid(struct l2 *l2)
{
	bool single = feature_VMX_INVVPID_SINGLE_CONTEXT.present();

	check_success("INVVPID",
		      invvpid(single ? VMX_VPID_EXTENT_SINGLE_CONTEXT : VMX_VPID_EXTENT_ALL_CONTEXT,
			      l2_get(l2, VIRTUAL_PROCESSOR_ID), 0));
}

/* One that this CPU has not used since it flushed it. */
static void use_new_vpid(struct l2 *l2)
{
	static PER_CPU(u16, last_vpid);

	this_cpu(last_vpid) = this_cpu(last_vpid) % (SHARED_VPID - 1) + 1;
	use_vpid(l2, this_cpu(last_vpid));
	flush_vpid(l2);
}

static void prepare(struct world *w)
{
	if (this_cpu(making).vpid)
		use_new_vpid(w->l2);
}

static u64 root(const struct l2 *l2, bool nested)
{
	return l2_get(l2, nested ? EPT_POINTER : GUEST_CR3);
}

static void set_root(struct l2 *l2, bool nested, u64 root)
{
	l2_set(l2, nested ? EPT_POINTER : GUEST_CR3, root);
}

static void flush(struct l2 *l2)
{
	if (broken("flush"))
		return;
	if (l2->ept)
		l2_flush_ept(l2);
	if (has_vpid(l2))
		flush_vpid(l2);
}

/* With EPT what is cached belongs to EPT_POINTER, too, so that nothing needs a flush. */
static void share_vpid(struct l2 *l2)
{
	use_vpid(l2, SHARED_VPID);
	if (!l2->ept)
		flush_vpid(l2);
}

static void exit_on_page_faults(struct l2 *l2, bool on)
{
	l2_intercept_exception(l2, PF_VECTOR, on);
}

/* L1 and L2 share it. */
static u64 own_cr2(const struct l2 *l2)
{
	return read_cr2();
}

static void set_own_cr2(struct l2 *l2, u64 cr2)
{
	write_cr2(cr2);
}

#define PAGE_FAULT_EVENT (INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | PF_VECTOR)

static void inject_page_fault(struct l2 *l2, u64 address)
{
	write_cr2(address);
	l2_inject(l2, PAGE_FAULT_EVENT, 0);
}

static u64 fault_exit(const struct fault *fault)
{
	static const u64 reasons[] = {
		[PAGE_FAULT] = EXIT_REASON_EXCEPTION_NMI,
		[NESTED_FAULT] = EXIT_REASON_EPT_VIOLATION,
		[NESTED_RESERVED] = EXIT_REASON_EPT_MISCONFIG,
	};

	return reasons[fault->kind];
}

static bool is_page_fault(const struct l2 *l2, const struct fault *fault)
{
	return l2_get(l2, VM_EXIT_INTR_INFO) == (PAGE_FAULT_EVENT | INTR_INFO_VALID_MASK) &&
	       l2_get(l2, VM_EXIT_INTR_ERROR_CODE) == fault->error &&
	       l2_get(l2, EXIT_QUALIFICATION) == fault->linear;
}

static bool is_ept_violation(const struct l2 *l2, const struct fault *fault)
{
	u64 error = fault->error, seen = ALWAYS_THERE;

	if (error & ALSO_READS)
		seen &= ~EPT_VIOLATION_ACC_READ;
	return !((l2_get(l2, EXIT_QUALIFICATION) ^ error) & seen) &&
	       l2_get(l2, GUEST_PHYSICAL_ADDRESS) == fault->physical &&
	       l2_get(l2, GUEST_LINEAR_ADDRESS) == fault->linear;
}

static bool is_fault(const struct l2 *l2, const struct fault *fault)
{
	if (l2->exit_reason != fault_exit(fault))
		return false;
	switch (fault->kind) {
	case PAGE_FAULT:
		return is_page_fault(l2, fault);
	case NESTED_FAULT:
		return is_ept_violation(l2, fault);
	case NESTED_RESERVED:
		break;
	}
	return l2_get(l2, GUEST_PHYSICAL_ADDRESS) == fault->physical;
}

static const char *fault_text(const struct fault *fault)
{
	static PER_CPU(char, text[128]);
	u64 error = fault->error & ~ALSO_READS;

	snprintf(this_cpu(text), sizeof(text), "%s with %s 0x%lx, linear 0x%lx, physical 0x%lx",
		 l2_exit_name(fault_exit(fault)),
		 fault->kind == PAGE_FAULT ? "error" : "qualification", error, fault->linear,
		 fault->physical);
	return this_cpu(text);
}

static void set_segment(struct l2 *l2, enum vmcs_field selector, u16 rights, u64 base)
{
	int distance = selector - GUEST_ES_SELECTOR;

	l2_set(l2, selector, 0x10);
	l2_set(l2, GUEST_ES_BASE + distance, base);
	l2_set(l2, GUEST_ES_LIMIT + distance, 0xffffffff);
	l2_set(l2, GUEST_ES_AR_BYTES + distance,
	       (rights & 0xff) | (rights & 0xf00) << 4 | VMX_AR_G_MASK);
}

static void set_mode(struct l2 *l2, const struct mode *mode, u64 cr3, u64 code_base)
{
	static const enum vmcs_field data[] = { GUEST_SS_SELECTOR, GUEST_DS_SELECTOR,
						GUEST_ES_SELECTOR, GUEST_FS_SELECTOR,
						GUEST_GS_SELECTOR };

	if (mode->paging == UNPAGED)
		l2_control(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_UNRESTRICTED_GUEST);
	if (!(mode->efer & EFER_LMA))
		l2_uncontrol(l2, VM_ENTRY_CONTROLS, VM_ENTRY_IA32E_MODE);
	l2_control(l2, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER);
	l2_control(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_HLT_EXITING);
	l2_set(l2, GUEST_CR0, mode->cr0 | X86_CR0_NE);
	l2_set(l2, GUEST_CR3, cr3);
	l2_set(l2, GUEST_CR4, mode->cr4 | X86_CR4_VMXE);
	l2_set(l2, GUEST_IA32_EFER, mode->efer);
	l2_set(l2, GUEST_RFLAGS, X86_EFLAGS_FIXED);
	set_segment(l2, GUEST_CS_SELECTOR, mode->code, code_base);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		set_segment(l2, data[i], mode->data, 0);
	/* There are no handlers: whatever comes is an exit that was not expected. */
	l2_set(l2, EXCEPTION_BITMAP, 0xffffffff);
}

/* An entry reads them from memory, but with EPT, where they are of the VMCS (27.3.2.4). */
static void set_pdptes(struct l2 *l2, const u64 *entries)
{
	if (!l2->ept)
		return;
	for (int i = 0; i < 4; i++)
		l2_set(l2, GUEST_PDPTR0 + 2 * i, entries[i]);
}

static struct l2_registers *registers(struct l2 *l2)
{
	return &l2->registers;
}

static bool run_at(struct l2 *l2, u64 rip)
{
	l2_set(l2, GUEST_RIP, rip);
	return l2_enter(l2) == EXIT_REASON_HLT;
}

const struct nesting nesting = {
	.name = "EPT",
	.page = EPT_PAGE,
	.accessed = VMX_EPT_ACCESS_BIT,
	.dirty = VMX_EPT_DIRTY_BIT,
	.write_missing = EPT_VIOLATION_ACC_WRITE | FINAL,
	.write_protected = EPT_VIOLATION_ACC_WRITE | FINAL | READABLE | EXECUTABLE,
	.cr2_name = "CR2 behind the exit",
	.prepare = prepare,
	.use = use_ept,
	.entry = l2_ept_entry,
	.map_large = map_large,
	.root = root,
	.set_root = set_root,
	.flush = flush,
	.share_tag = share_vpid,
	.exit_on_page_faults = exit_on_page_faults,
	.inject_page_fault = inject_page_fault,
	.cr2 = own_cr2,
	.set_cr2 = set_own_cr2,
	.is_fault = is_fault,
	.fault_text = fault_text,
	.set_mode = set_mode,
	.set_pdptes = set_pdptes,
	.registers = registers,
	.run_at = run_at,
};

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

TEST(cr3_moved_in_l2, .on = EACH_CPU, .needs = VMX,
     .about = "without EPT L2 goes through its own CR3 after a move inside L2")
{
	remap_story(false, true);
}

TEST(cr3_moved_in_l1, .on = EACH_CPU, .needs = VMX,
     .about = "without EPT L2 goes through its own CR3 after a move between entries")
{
	remap_story(false, false);
}

static void make_with(bool used_flags, bool vpid)
{
	this_cpu(making) = (struct making){ .used_flags = used_flags, .vpid = vpid };
}

/* ---- several ---- */

TEST(several_epts, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "L2s with different EPTs at the same addresses, moved in one of them")
{
	several_story(true, false);
}

TEST(several_cr3s, .on = EACH_CPU, .needs = VMX,
     .about = "L2s with different CR3s and no EPT, moved in one of them")
{
	several_story(false, false);
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

TEST(cr3_changes, .on = EACH_CPU, .needs = VMX,
     .about = "GUEST_CR3 is changed between entries, also just before a move")
{
	other_tables_story(false);
}

/* L1 leads L2 to another world's tables, which nothing has used before; no flush is due. */
static void lead_to(struct world *w, const struct world *other)
{
	set_root(w->l2, w->nested, root(other->l2, w->nested));
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
	u64 magic = w->magic, *directory = l2_ept_entry_at(w->l2, GPA_WINDOW, 2);
	u64 table = *directory;
	u8 *block = large_block(w, ~magic & GENMASK(63, 32));
	u64 large = virt_to_phys(block) | EPT_PAGE | VMX_EPT_PAGE_SIZE, large_magic = w->magic;
	bool good;

	w->magic = magic;
	good = check_all(w, 0x18, "4 KiB");
	*directory = large;
	w->magic = large_magic;
	flush(w->l2);
	move_in_l2(w);
	good &= check_all(w, 0x18, "2 MiB, made before the move");
	*directory = table;
	w->magic = magic;
	flush(w->l2);
	good &= check_all(w, 0x18, "4 KiB again, made after the move");
	migrate_quiet();
	*directory = large;
	w->magic = large_magic;
	flush(w->l2);
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
		check_success("INVEPT", invept(VMX_EPT_EXTENT_CONTEXT, root(w->l2, true)));
}

static void invept_global(struct world *w)
{
	if (!broken("flush"))
		check_success("INVEPT", invept(VMX_EPT_EXTENT_GLOBAL, 0));
}

static void invalidate_vpid(struct world *w, u64 type)
{
	u64 vpid = l2_get(w->l2, VIRTUAL_PROCESSOR_ID);

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

TEST(invlpg_cr3, .on = EACH_CPU, .needs = VMX,
     .about = "L2 changes its tables, is moved, does INVLPG, sees the change; no EPT")
{
	own_invlpg_story(false);
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
	expect_operand_error("INVEPT of type 0", invept(0, eptp), when);
	expect_operand_error("INVEPT of type 3", invept(3, eptp), when);
	expect_operand_error("INVEPT of type 2^32 + 1", invept(BIT(32) + 1, eptp), when);
	if (feature_VMX_INVEPT_CONTEXT.present()) {
		expect_operand_error("INVEPT of an EPTP with no levels", invept(1, eptp & ~0x38ul),
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

	l2_use_ept(l2);
	eptp = l2_get(l2, EPT_POINTER);
	check_invept_operands(eptp, "before the move");
	migrate_quiet();
	check_invept_operands(eptp, "after the move");
	l2_free(l2);
}

#define SOME_VPID    0x1234
#define NO_CANONICAL BIT(62)

static void check_invvpid_operands(const char *when)
{
	expect_operand_error("INVVPID of type 4", invvpid(4, SOME_VPID, 0), when);
	expect_operand_error("INVVPID of type 2^32", invvpid(BIT(32), SOME_VPID, 0), when);
	if (feature_VMX_INVVPID_INDIVIDUAL_ADDR.present()) {
		expect_operand_error("INVVPID of an address of VPID 0", invvpid(0, 0, 0), when);
		expect_operand_error("INVVPID of an address that is not canonical",
				     invvpid(0, SOME_VPID, NO_CANONICAL), when);
		expect_operand_error("INVVPID with bit 16", invvpid(0, BIT(16) | 1, 0), when);
		check_success(when, invvpid(0, SOME_VPID, 0x1000));
	}
	if (feature_VMX_INVVPID_SINGLE_CONTEXT.present()) {
		expect_operand_error("INVVPID of VPID 0", invvpid(1, 0, 0), when);
		expect_operand_error("INVVPID with bit 63", invvpid(1, BIT(63) | 1, 0), when);
		check_success(when, invvpid(1, SOME_VPID, NO_CANONICAL));
	}
	if (feature_VMX_INVVPID_ALL_CONTEXT.present())
		check_success(when, invvpid(2, 0, 0));
	if (feature_VMX_INVVPID_SINGLE_NON_GLOBAL.present()) {
		expect_operand_error("INVVPID of VPID 0 but its globals", invvpid(3, 0, 0), when);
		check_success(when, invvpid(3, SOME_VPID, 0));
	}
	report(true, "INVVPID %s", when);
}

TEST(invvpid_operands, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "INVVPID fails for wrong operands, and for these alone, before and after a move")
{
	struct l2 *l2 = l2_new(NULL, NULL);

	l2_make_current(l2);
	check_invvpid_operands("before the move");
	migrate_quiet();
	check_invvpid_operands("after the move");
	l2_free(l2);
}

/* ======== EPT violations and misconfigurations ======== */

#define READS	  EPT_VIOLATION_ACC_READ
#define WRITES	  EPT_VIOLATION_ACC_WRITE
#define FETCHES	  EPT_VIOLATION_ACC_INSTR
#define READ_ONLY (EPT_PAGE & ~VMX_EPT_WRITABLE_MASK)
#define NO_FETCH  (EPT_PAGE & ~VMX_EPT_EXECUTABLE_MASK)

/* The access, the rights that there are, and whether it is that of a table on the way. */
#define VIOLATION(text, access, entry, rights, which)                                              \
	.name = text, .deed = access, .kind = NESTED_FAULT, .bits = entry,                         \
	.error = (rights) | (which)

static const struct stop violations[] = {
	{ VIOLATION("read, not present", READ, 0, READS, FINAL) },
	{ VIOLATION("write, not present", WRITE, 0, WRITES, FINAL) },
	{ VIOLATION("write, read-only", WRITE, READ_ONLY, WRITES | READABLE | EXECUTABLE, FINAL) },
	{ VIOLATION("read and write, read-only", ADD, READ_ONLY,
		    WRITES | ALSO_READS | READABLE | EXECUTABLE, FINAL) },
	{ VIOLATION("fetch, not present", FETCH, 0, FETCHES, FINAL) },
	{ VIOLATION("fetch, not executable", FETCH, NO_FETCH, FETCHES | READABLE | WRITABLE,
		    FINAL) },
	{ VIOLATION("string copy, not present behind the destination's first page", COPY, 0, WRITES,
		    FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, read-only behind the destination's first page", COPY, READ_ONLY,
		    WRITES | READABLE | EXECUTABLE, FINAL),
	  COPY_TO_PLACE_3 },
	{ VIOLATION("string copy, not present behind the source's first page", COPY, 0, READS,
		    FINAL),
	  COPY_FROM_PLACE_4 },
	{ VIOLATION("read, L2's table not present", READ, 0, READS, WALK), .walk = true },
	{ VIOLATION("write, L2's table not present", WRITE, 0, READS, WALK), .walk = true },
};

TEST(ept_violation, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "EPT violations say why and where; moved at them, repaired, the access is done once")
{
	stop_at_all(violations, ARRAY_SIZE(violations), false);
}

TEST(ept_violation_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "the same with pages that L2 has used before L1 took them away")
{
	stop_at_all(violations, ARRAY_SIZE(violations), true);
}

TEST(ept_execute_only, .on = EACH_CPU, .needs = VMX_EPT_EXECUTE_ONLY,
     .about = "EPT violations by pages that may only be executed, moved at them")
{
	static const struct stop execute_only[] = {
		{ VIOLATION("read, execute-only", READ, EPT_PAGE & ~0x3ul, READS | EXECUTABLE,
			    FINAL) },
		{ VIOLATION("write, execute-only", WRITE, EPT_PAGE & ~0x3ul, WRITES | EXECUTABLE,
			    FINAL) },
		{ VIOLATION("walk, execute-only", READ, EPT_PAGE & ~0x3ul, READS | EXECUTABLE,
			    WALK),
		  .walk = true },
	};

	stop_at_all(execute_only, ARRAY_SIZE(execute_only), true);
}

/* With accessed and dirty flags for EPT a walk counts as a write; the processor says both. */
TEST(ept_walk_writes, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "the walk of L2's tables counts as a write in an EPT with accessed and dirty flags")
{
	static const struct stop walks[] = {
		{ VIOLATION("read, L2's table not present", READ, 0, WRITES | ALSO_READS, WALK),
		  .walk = true },
		{ VIOLATION("write, L2's table not present", WRITE, 0, WRITES | ALSO_READS, WALK),
		  .walk = true },
		{ VIOLATION("read, L2's table read-only", READ, READ_ONLY,
			    WRITES | ALSO_READS | READABLE | EXECUTABLE, WALK),
		  .walk = true },
		{ VIOLATION("write, read-only", WRITE, READ_ONLY, WRITES | READABLE | EXECUTABLE,
			    FINAL) },
	};

	make_with(true, false);
	stop_at_all(walks, ARRAY_SIZE(walks), true);
	make_with(false, false);
}

TEST(ept_walk_reads_and_writes, .on = EACH_CPU, .needs = VMX_EPT_AD,
     .about = "bits 0 and 1 of the qualification are both set for such a walk (table 28-7)")
{
	static const struct stop walk[] = {
		{ VIOLATION("read, L2's table read-only", READ, READ_ONLY,
			    READS | WRITES | READABLE | EXECUTABLE, WALK),
		  .walk = true },
	};

	make_with(true, false);
	stop_at_all(walk, ARRAY_SIZE(walk), true);
	make_with(false, false);
}

#define MISCONFIGURED(text, access, entry)                                                         \
	.name = text, .deed = access, .kind = NESTED_RESERVED, .bits = entry

static const struct stop misconfigurations[] = {
	{ MISCONFIGURED("read, write-only", READ, EPT_PAGE & ~0x5ul) },
	{ MISCONFIGURED("write, write-only", WRITE, EPT_PAGE & ~0x5ul) },
	{ MISCONFIGURED("fetch, writable and executable", FETCH, EPT_PAGE & ~0x1ul) },
	{ MISCONFIGURED("read, memory type 2", READ, VMX_EPT_RWX_MASK | 2 << 3) },
	{ MISCONFIGURED("write, memory type 3", WRITE, VMX_EPT_RWX_MASK | 3 << 3) },
	{ MISCONFIGURED("read, memory type 7", READ, VMX_EPT_RWX_MASK | 7 << 3) },
	{ MISCONFIGURED("string copy, memory type 2", COPY, VMX_EPT_RWX_MASK | 2 << 3),
	  COPY_TO_PLACE_3 },
	{ MISCONFIGURED("walk, write-only", READ, EPT_PAGE & ~0x5ul), .walk = true },
};

TEST(ept_misconfig, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "EPT misconfigurations exit with the address; moved at them, repaired, L2 goes on")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), false);
}

TEST(ept_misconfig_warm, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "the same with pages that L2 has used before L1 spoiled their entries")
{
	stop_at_all(misconfigurations, ARRAY_SIZE(misconfigurations), true);
}

TEST(ept_reserved, .on = EACH_CPU, .needs = ALL_OF(VMX_EPT, RESERVED_ADDRESS_BITS),
     .about = "an address beyond the CPU's in an EPT entry is a misconfiguration, moved at it")
{
	static const struct stop reserved[] = {
		{ MISCONFIGURED("read, reserved bit 51", READ, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("write, reserved bit 51", WRITE, EPT_PAGE | BIT(51)) },
		{ MISCONFIGURED("walk, reserved bit 51", READ, EPT_PAGE | BIT(51)), .walk = true },
	};

	stop_at_all(reserved, ARRAY_SIZE(reserved), true);
}
