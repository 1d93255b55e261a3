// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SVM's own instructions and MSRs in L1 (15.30): without EFER.SVME, with bad addresses, and
 * VM_HSAVE_PA and VM_CR. See svm_intercept.c.
 */
#include "alloc_page.h"
#include "exception.h"
#include "migrate.h"
#include "processor.h"
#include "x86/svm_intercept/svm_intercept.h"
#include "vm.h"

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

/* wrmsr_safe() with the values of asm_safe(). */
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
	/* SKINIT leaves GIF clear, whatever EFER.SVME is. */
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
	check(page, "before the migration");
	migrate_quiet();
	check(page, "after the migration");
	l2 = l2_new(nothing, NULL);
	/* CLGI may have cleared GIF. */
	stgi();
	l2_expect_return(l2);
	l2_free(l2);
	free_page(phys_to_virt(page));
}

/*
 * A broken hypervisor turns SVM on in the migration because it was on before, or lets L1 use the
 * processor's own SVM.
 */
TEST(disabled, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear, SVM's instructions raise #UD before and after a migration")
{
	with_svm_disabled(check_disabled);
}

TEST(disabled_gif, .on = EACH_CPU, .needs = SVM,
     .about = "with EFER.SVME clear, CLGI and STGI raise #UD before and after a migration")
{
	with_svm_disabled(check_gif_disabled);
}

#define VMCB_SAVE_OFFSET offsetof(struct vmcb, save)
#define VMCB_SAVE_SIZE	 0x280

/*
 * A processor that accepts the address loads FS, GS and TR from there. So the right values are
 * there as well, in the upper half of the page, and are loaded from the right address afterwards.
 */
static void check_addresses(phys_addr_t page, phys_addr_t bad, const char *when)
{
	expect_vector(asm_safe("vmsave %%rax", "a"(bad)), GP_VECTOR, "VMSAVE", when);
	expect_vector(asm_safe("vmload %%rax; mov %1, %%rax; vmload %%rax", "a"(bad), "r"(page)),
		      GP_VECTOR, "VMLOAD", when);
	expect_vector(asm_safe("vmrun %%rax; stgi", "a"(bad)), GP_VECTOR, "VMRUN", when);
}

TEST(unaligned_address, .on = EACH_CPU, .needs = SVM,
     .about =
	     "VMRUN, VMLOAD and VMSAVE of an address that is not aligned to a page raise #GP after a migration")
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
     .about =
	     "VMRUN, VMLOAD and VMSAVE of an address above the physical addresses raise #GP after a migration")
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

/* A hypervisor that loses VM_HSAVE_PA refuses the next VMRUN, or crashes. */
TEST(hsave, .on = EACH_CPU, .needs = SVM,
     .about =
	     "VM_HSAVE_PA and EFER.SVME survive a migration; a VM_HSAVE_PA that is no page's address raises #GP")
{
	void *page = alloc_page();
	u64 mine = virt_to_phys(page), before;
	struct l2 *l2;

	svm_enable();
	before = rdmsr(MSR_VM_HSAVE_PA);
	wrmsr(MSR_VM_HSAVE_PA, mine);
	check_hsave(mine, "before the migration");
	migrate_quiet();
	check_hsave(mine, "after the migration");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, mine + 8), GP_VECTOR, "an unaligned VM_HSAVE_PA",
		      "after the migration");
	expect_vector(try_wrmsr(MSR_VM_HSAVE_PA, BIT(physical_bits())), GP_VECTOR,
		      "VM_HSAVE_PA above the physical addresses", "after the migration");
	check_hsave(mine, "after writes that were refused");
	l2 = l2_new(nothing, NULL);
	l2_expect_return(l2);
	l2_free(l2);
	wrmsr(MSR_VM_HSAVE_PA, before);
	free_page(page);
}

/*
 * R_INIT turns INIT into an exception, and nobody sends an INIT here, so the test can set it and
 * restore it. Not every processor can clear SVMDIS and LOCK again, so the test leaves them alone.
 */
TEST(vm_cr, .on = EACH_CPU, .needs = SVM,
     .about = "VM_CR.R_INIT survives a migration, and setting reserved bits of VM_CR raises #GP")
{
	u64 before = rdmsr(MSR_VM_CR), value;

	expect_vector(try_wrmsr(MSR_VM_CR, before | BIT(32)), GP_VECTOR, "bit 32 of VM_CR",
		      "before the migration");
	wrmsr(MSR_VM_CR, before | SVM_VM_CR_R_INIT);
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT), "VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	migrate_quiet();
	value = rdmsr(MSR_VM_CR);
	report(value == (before | SVM_VM_CR_R_INIT),
	       "after the migration: VM_CR reads 0x%lx (should be 0x%lx)", value,
	       before | SVM_VM_CR_R_INIT);
	wrmsr(MSR_VM_CR, before);
	value = rdmsr(MSR_VM_CR);
	report(value == before, "restored: VM_CR reads 0x%lx (should be 0x%lx)", value, before);
}
