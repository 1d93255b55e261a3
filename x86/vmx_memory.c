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
