// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What VMRUN and the other instructions of SVM refuse, and the MSRs of SVM itself: AMD APM volume
 * 2, 15.5.1 and 15.30. A part of svm_intercept.c, whose head says what is tested and how.
 */
#include "alloc_page.h"
#include "exception.h"
#include "migrate.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"
#include "vm.h"

/* ======== VMCBs that VMRUN refuses ======== */

static u32 physical_bits(void)
{
	return cpuid(0x80000008).a & 0xff;
}

static void no_svme(struct vmcb *vmcb)
{
	vmcb->save.efer &= ~EFER_SVME;
}

static void nw_without_cd(struct vmcb *vmcb)
{
	vmcb->save.cr0 = (vmcb->save.cr0 & ~X86_CR0_CD) | X86_CR0_NW;
}

static void cr0_upper(struct vmcb *vmcb)
{
	vmcb->save.cr0 |= BIT(32);
}

static void cr3_upper(struct vmcb *vmcb)
{
	vmcb->save.cr3 |= BIT(MIN(physical_bits(), 52u));
}

static void cr4_upper(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(32);
}

static void cr4_reserved(struct vmcb *vmcb)
{
	vmcb->save.cr4 |= BIT(15);
}

static void dr6_upper(struct vmcb *vmcb)
{
	vmcb->save.dr6 |= BIT(32);
}

static void dr7_upper(struct vmcb *vmcb)
{
	vmcb->save.dr7 |= BIT(63);
}

static void efer_upper(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(63);
}

static void efer_reserved(struct vmcb *vmcb)
{
	vmcb->save.efer |= BIT(9);
}

static void long_mode_without_pae(struct vmcb *vmcb)
{
	vmcb->save.cr4 &= ~X86_CR4_PAE;
}

static void long_mode_without_pe(struct vmcb *vmcb)
{
	vmcb->save.cr0 &= ~X86_CR0_PE;
}

/* D is bit 10 of the attributes. */
static void cs_long_and_32_bit(struct vmcb *vmcb)
{
	vmcb->save.cs.attributes |= SVM_SELECTOR_L | BIT(10);
}

static void no_vmrun_intercept(struct vmcb *vmcb)
{
	vmcb->control.intercepts[INTERCEPT_VMRUN / 32] &= ~(1u << INTERCEPT_VMRUN % 32);
}

static void asid_0(struct vmcb *vmcb)
{
	vmcb->control.guest_asid = 0;
}

static void iopm_too_high(struct vmcb *vmcb)
{
	vmcb->control.iopm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void msrpm_too_high(struct vmcb *vmcb)
{
	vmcb->control.msrpm_base_pa = BIT(physical_bits()) - 0x1000;
}

static void eventinj_type(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | 1ul << 8 | 0x40;
}

static void eventinj_vector(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | 0x40;
}

static void eventinj_nmi_as_exception(struct vmcb *vmcb)
{
	vmcb->control.eventinj = SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_EXEPT | NMI_VECTOR;
}

struct spoiled {
	const char *name;
	void (*spoil)(struct vmcb *vmcb);
};

/* 15.5.1, "Canonicalization and Consistency Checks". */
static const struct spoiled invalid_states[] = {
	{ "EFER.SVME 0", no_svme },
	{ "CR0.NW without CD", nw_without_cd },
	{ "CR0 bit 32", cr0_upper },
	{ "CR3 above the physical addresses", cr3_upper },
	{ "CR4 bit 32", cr4_upper },
	{ "CR4 bit 15", cr4_reserved },
	{ "DR6 bit 32", dr6_upper },
	{ "DR7 bit 63", dr7_upper },
	{ "EFER bit 63", efer_upper },
	{ "EFER bit 9", efer_reserved },
	{ "long mode without CR4.PAE", long_mode_without_pae },
	{ "long mode without CR0.PE", long_mode_without_pe },
	{ "CS.L and CS.D", cs_long_and_32_bit },
};

static const struct spoiled invalid_controls[] = {
	{ "no VMRUN intercept", no_vmrun_intercept },
	{ "ASID 0", asid_0 },
	{ "IOPM above the physical addresses", iopm_too_high },
	{ "MSRPM above the physical addresses", msrpm_too_high },
};

static const struct spoiled invalid_events[] = {
	{ "EVENTINJ of type 1", eventinj_type },
	{ "EVENTINJ of exception 64", eventinj_vector },
	{ "EVENTINJ of NMI as an exception", eventinj_nmi_as_exception },
};

/* What VMRUN may not change in L1 if it refuses. */
struct own_state {
	u64 cr0, cr2, cr3, cr4, dr7, efer, rflags, pat, gs_base, hsave;
};

static void read_own_state(struct own_state *own)
{
	*own = (struct own_state){
		.cr0 = read_cr0(),
		.cr2 = read_cr2(),
		.cr3 = read_cr3(),
		.cr4 = read_cr4(),
		.dr7 = read_dr7(),
		.efer = rdmsr(MSR_EFER),
		.rflags = read_rflags() & (X86_EFLAGS_IF | X86_EFLAGS_DF),
		.pat = rdmsr(MSR_IA32_CR_PAT),
		.gs_base = rdmsr(MSR_GS_BASE),
		.hsave = rdmsr(MSR_VM_HSAVE_PA),
	};
}

static void count_calls(void *unused)
{
	migrate_quiet();
	for (u64 call = 1;; call++)
		l2_call(call);
}

static void check_refused(const struct spoiled *spoiled, int count)
{
	struct l2 *l2 = l2_new(count_calls, NULL);
	struct vmcb *good = alloc_page();
	struct own_state before, after;
	u64 call = 1;

	/* The filler of a structure is compared, too. */
	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	if (!l2_expect_call(l2, call))
		goto out;
	for (int i = 0; i < count; i++) {
		*good = *l2->vmcb;
		spoiled[i].spoil(l2->vmcb);
		read_own_state(&before);
		l2_expect(l2, SVM_EXIT_INVALID, "%s", spoiled[i].name);
		read_own_state(&after);
		report(!memcmp(&before, &after, sizeof(before)),
		       "%s: L1 as before: CR0 0x%lx, CR3 0x%lx, CR4 0x%lx, EFER 0x%lx",
		       spoiled[i].name, after.cr0, after.cr3, after.cr4, after.efer);
		*l2->vmcb = *good;
		/* If it was not refused, L2 may have run already. */
		l2_enter(l2);
		if (l2->vmcb->control.exitcode != SVM_EXIT_VMMCALL ||
		    l2->vmcb->save.rax != ++call) {
			report_fail("%s: L2 with its VMCB repaired should have come to its call "
				    "%lu: exit %s",
				    spoiled[i].name, call, l2_exit_text(l2));
			break;
		}
		l2_skip_call(l2);
	}
out:
	free_page(good);
	l2_free(l2);
}

/*
 * A hypervisor that runs what it should refuse hands L2 a state that no processor has; one that
 * refuses and forgets to come back to L1 loses L1's own registers. After the move it has made its
 * VMCBs anew.
 */
TEST(invalid_state, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses what is wrong in the state save area, and only "
	      "it")
{
	check_refused(invalid_states, ARRAY_SIZE(invalid_states));
}

TEST(invalid_control, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses what is wrong in the control area, and only it")
{
	check_refused(invalid_controls, ARRAY_SIZE(invalid_controls));
}

TEST(invalid_eventinj, .on = EACH_CPU, .needs = SVM,
     .about = "moved inside L2, then VMRUN refuses events that there are not")
{
	check_refused(invalid_events, ARRAY_SIZE(invalid_events));
}

/* ======== SVM's own instructions and MSRs, in L1 ======== */

static bool has_skinit_or_lock(void)
{
	return this_cpu_has(X86_CPU_FEATURE(0x80000001, 0, ECX, 12)) ||
	       this_cpu_has(X86_CPU_FEATURE(0x8000000a, 0, EDX, 2));
}

static void expect_vector(int vector, int expected, const char *what, const char *when)
{
	report(vector == expected, "%s: %s gives %s (should be %s)", when, what,
	       exception_mnemonic(vector), exception_mnemonic(expected));
}

/* wrmsr_safe() in the words of asm_safe(). */
static int try_wrmsr(u32 index, u64 value)
{
	int vector = wrmsr_safe(index, value);

	return vector ? vector : NO_EXCEPTION;
}

static void check_disabled(phys_addr_t page, const char *when)
{
	report(!(rdmsr(MSR_EFER) & EFER_SVME), "%s: EFER.SVME is clear: EFER 0x%lx", when,
	       rdmsr(MSR_EFER));
	expect_vector(asm_safe("vmsave %%rax", "a"(page)), UD_VECTOR, "VMSAVE", when);
	expect_vector(asm_safe("vmload %%rax", "a"(page)), UD_VECTOR, "VMLOAD", when);
	expect_vector(asm_safe("vmrun %%rax", "a"(page)), UD_VECTOR, "VMRUN", when);
	expect_vector(asm_safe("invlpga %%rax, %%ecx", "a"(INVLPG_ADDRESS), "c"(1)), UD_VECTOR,
		      "INVLPGA", when);
}

static void check_gif_disabled(phys_addr_t page, const char *when)
{
	expect_vector(asm_safe("clgi", ), UD_VECTOR, "CLGI", when);
	/* SKINIT leaves GIF clear, whatever SVME is. */
	if (!has_skinit_or_lock())
		expect_vector(asm_safe("stgi", ), UD_VECTOR, "STGI", when);
}

static void with_svm_disabled(void (*check)(phys_addr_t page, const char *when))
{
	phys_addr_t page;
	struct l2 *l2;

	svm_enable();
	page = virt_to_phys(alloc_page());
	vmsave(page);
	svm_disable();
	check(page, "before the move");
	migrate_quiet();
	check(page, "after the move");
	l2 = l2_new(nothing, NULL);
	/* CLGI may have worked. */
	stgi();
	l2_expect_return(l2);
	l2_free(l2);
	free_page(phys_to_virt(page));
}

/*
 * A hypervisor that turns SVM on in the move since it was on at another time, or lets the
 * processor's own SVM through.
 */
TEST(disabled, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear SVM's instructions raise #UD, before and after a move")
{
	with_svm_disabled(check_disabled);
}

TEST(disabled_gif, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear CLGI and STGI raise #UD, before and after a move")
{
	with_svm_disabled(check_gif_disabled);
}

#define VMCB_SAVE_OFFSET offsetof(struct vmcb, save)
#define VMCB_SAVE_SIZE	 0x280

/*
 * A processor that takes the address as it is loads FS, GS and TR from it; so the right ones are
 * there as well, in the upper half of the page, and the right address is loaded afterwards.
 */
static void check_addresses(phys_addr_t page, phys_addr_t bad, const char *when)
{
	expect_vector(asm_safe("vmsave %%rax", "a"(bad)), GP_VECTOR, "VMSAVE", when);
	expect_vector(asm_safe("vmload %%rax; mov %1, %%rax; vmload %%rax", "a"(bad), "r"(page)),
		      GP_VECTOR, "VMLOAD", when);
	expect_vector(asm_safe("vmrun %%rax; stgi", "a"(bad)), GP_VECTOR, "VMRUN", when);
}

TEST(unaligned_address, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN, VMLOAD and VMSAVE of an address that is not a page's raise #GP after a move")
{
	u8 *page = alloc_pages(1);
	phys_addr_t address = virt_to_phys(page);

	svm_enable();
	vmsave(address);
	memcpy(page + PAGE_SIZE / 2 + VMCB_SAVE_OFFSET, page + VMCB_SAVE_OFFSET, VMCB_SAVE_SIZE);
	migrate_quiet();
	check_addresses(address, address + PAGE_SIZE / 2, "in the middle of a page");
	free_pages(page);
}

TEST(address_too_high, .on = EACH_CPU, .needs = SVM,
     .about = "VMRUN, VMLOAD and VMSAVE above the physical addresses raise #GP after a move")
{
	u8 *page = alloc_page();
	phys_addr_t address = virt_to_phys(page);

	svm_enable();
	vmsave(address);
	migrate_quiet();
	check_addresses(address, BIT(physical_bits()), "above the physical addresses");
	free_page(page);
}

static void check_hsave(u64 value, const char *when)
{
	report(rdmsr(MSR_VM_HSAVE_PA) == value, "%s: VM_HSAVE_PA reads 0x%lx (should be 0x%lx)",
	       when, rdmsr(MSR_VM_HSAVE_PA), value);
	report(rdmsr(MSR_EFER) & EFER_SVME, "%s: EFER.SVME is set: EFER 0x%lx", when,
	       rdmsr(MSR_EFER));
}

/* A hypervisor that does not save VM_HSAVE_PA refuses, or crashes at, the next VMRUN. */
TEST(hsave, .on = EACH_CPU, .needs = SVM,
     .about = "VM_HSAVE_PA and EFER.SVME outlive a move; what is no page's address raises #GP")
{
	void *page = alloc_page();
	u64 mine = virt_to_phys(page), before;
	struct l2 *l2;

	svm_enable();
	before = rdmsr(MSR_VM_HSAVE_PA);
	wrmsr(MSR_VM_HSAVE_PA, mine);
	check_hsave(mine, "before the move");
	migrate_quiet();
	check_hsave(mine, "after the move");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, mine + 8), GP_VECTOR, "an unaligned VM_HSAVE_PA",
		      "after the move");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, BIT(physical_bits())), GP_VECTOR,
		      "VM_HSAVE_PA above the physical addresses", "after the move");
	check_hsave(mine, "after what was refused");
	l2 = l2_new(nothing, NULL);
	l2_expect_return(l2);
	l2_free(l2);
	wrmsr(MSR_VM_HSAVE_PA, before);
	free_page(page);
}

/*
 * R_INIT turns INIT into an exception, and nobody sends one here; so it can be set, and put back.
 * SVMDIS and LOCK cannot be taken back by all, and are not touched.
 */
TEST(vm_cr, .on = EACH_CPU, .needs = SVM,
     .about =
	     "VM_CR.R_INIT reads back as written, before and after a move; reserved bits raise #GP")
{
	u64 before = rdmsr(MSR_VM_CR), value;

	expect_vector(try_wrmsr(MSR_VM_CR, before | BIT(32)), GP_VECTOR, "bit 32 of VM_CR",
		      "before the move");
	wrmsr(MSR_VM_CR, before | SVM_VM_CR_R_INIT);
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT), "VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	migrate_quiet();
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT),
	       "after the move: VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	wrmsr(MSR_VM_CR, before);
	value = rdmsr(MSR_VM_CR);
	report(value == before, "put back: VM_CR reads 0x%lx (should be 0x%lx)", value, before);
}
