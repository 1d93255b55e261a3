// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of VMX, of a nested guest and of the guest that runs it, across a migration (Intel SDM
 * volume 3: chapter 25 for the VMCS, 25.1 and 25.11.3 for its launch state, 27.3.2 for loading
 * guest state, 28.3 for saving it, 28.5 for loading host state, 31.3 for the instructions). This
 * file has VMX operation, the current VMCS and launch states, and what the other files of this
 * folder share.
 *
 * A hypervisor has to carry over whether the CPU is in VMX operation, and which VMCS is the current
 * one. It also has to carry over each VMCS's launch state and all its fields, some of which it may
 * keep outside the VMCS region. In L2 it has two states at once: L2's own, and the one that L1 will
 * have after the next exit. That is the host state of the VMCS, and not what L1 had before the
 * entry.
 *
 * A broken hypervisor loses VMX operation or the current VMCS, takes a launched VMCS for a clear
 * one, loses a field, saves L1's registers in place of L2's, or gives L1 the registers that it had
 * at the entry.
 *
 * The tests fill everything with values that occur nowhere else, and read every value after the
 * migration: by VMREAD, in L2, and in L1 after the exit.
 *
 * The tests cannot tell a register that the migration lost from one that a VM entry or exit lost,
 * except with the plan `none'; nor a wrong VMXON region from an unknown one, since no instruction
 * reads it.
 *
 * Not tested, because the result is undefined (25.11.1, 25.11.4): writes to the VMCS region in
 * memory while the VMCS is active, and bitmaps that change while L2 runs.
 *
 * break=WHAT on the command line spoils a test on purpose, after each of its migrations:
 *
 * vmxoff     L1 leaves VMX operation
 * vmcs       there is no current VMCS
 * launch     the current VMCS is cleared
 * field      one field of a VMCS changes, another one in each test
 * registers  L2's registers are L1's
 * host       L1 gets back the registers that it had, and not its host state
 * vectors    x87, SSE and AVX registers are in their initial state
 * event      some entries have no event
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

#define NO_VMCS (~0ul)

bool check_result(const char *instruction, enum vmx_result result, enum vmx_result expected)
{
	report(result == expected, "%s: %s, expected %s", instruction, vmx_result_text(result),
	       vmx_result_name(expected));
	return result == expected;
}

void check_error(const char *instruction, enum vmx_result result, u64 expected)
{
	u64 error = 0;

	if (result == VM_FAIL_VALID)
		vmread(VM_INSTRUCTION_ERROR, &error);
	report(error == expected, "%s: %s, expected VMfailValid %lu (%s)", instruction,
	       vmx_result_text(result), expected, vm_instruction_error_name(expected));
}

void check_current(u64 expected)
{
	phys_addr_t current = 1;
	enum vmx_result result = vmptrst(&current);

	report(result == VM_SUCCEED && current == expected,
	       "VMPTRST: %s, the current VMCS is at 0x%lx, expected 0x%lx", vmx_result_text(result),
	       current, expected);
}

/* ======== VMX operation, the current VMCS, launch states ======== */

void moved_in_l1(void)
{
	migrate_quiet();
	if (broken("vmxoff") && vmx_enabled())
		vmxoff();
}

void moved_in_l2(void *data)
{
	migrate_quiet();
	if (broken("registers"))
		write_es(read_ds());
}

static void count_calls(void *data)
{
	u64 *count = data;

	for (;;)
		l2_call(++*count);
}

static void check_ud(const char *instruction, enum vmx_result result)
{
	report(result == VM_EXCEPTION && exception_vector() == UD_VECTOR,
	       "outside VMX operation %s: %s, expected #UD", instruction, vmx_result_text(result));
}

TEST(outside_operation, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a CPU outside VMX operation stays outside in a migration, with CR4.VMXE clear and set")
{
	phys_addr_t unused;
	struct vmcs *vmcs = vmcs_alloc();
	struct l2 *l2;

	vmx_enable();
	vmx_disable();
	migrate_quiet();
	report(!(read_cr4() & X86_CR4_VMXE), "CR4.VMXE should be 0 after the migration: CR4 0x%lx",
	       read_cr4());
	check_ud("VMPTRST", vmptrst(&unused));
	write_cr4(read_cr4() | X86_CR4_VMXE);
	migrate_quiet();
	report(read_cr4() & X86_CR4_VMXE, "CR4.VMXE should be 1 after the migration: CR4 0x%lx",
	       read_cr4());
	check_ud("VMPTRST", vmptrst(&unused));
	check_ud("VMCLEAR", vmclear(virt_to_phys(vmcs)));
	check_ud("VMPTRLD", vmptrld(virt_to_phys(vmcs)));
	check_ud("VMREAD", vmread(GUEST_RIP, &unused));
	check_ud("VMWRITE", vmwrite(GUEST_RIP, 0));
	check_ud("VMLAUNCH", vmlaunch());
	check_ud("VMRESUME", vmresume());
	check_ud("VMXOFF", vmxoff());
	l2 = l2_new(moved_in_l2, NULL);
	l2_expect_return(l2);
	l2_free(l2);
	free_page(vmcs);
}

TEST(no_current_vmcs, .on = EACH_CPU, .needs = VMX,
     .about = "a CPU stays in VMX operation without a current VMCS in a migration")
{
	struct vmcs *vmcs = vmcs_alloc();
	u64 value, cr4;

	vmx_disable();
	vmx_enable();
	moved_in_l1();
	cr4 = read_cr4();
	report(cr4 & X86_CR4_VMXE, "CR4.VMXE should be 1 after the migration: CR4 0x%lx", cr4);
	report(asm_safe("mov %0, %%cr4", "r"(cr4 & ~X86_CR4_VMXE)) == GP_VECTOR,
	       "clearing CR4.VMXE in VMX operation: %s, expected #GP",
	       exception_mnemonic(exception_vector()));
	check_current(NO_VMCS);
	check_result("VMREAD", vmread(GUEST_RIP, &value), VM_FAIL_INVALID);
	check_result("VMWRITE", vmwrite(GUEST_RIP, 0), VM_FAIL_INVALID);
	check_result("VMLAUNCH", vmlaunch(), VM_FAIL_INVALID);
	check_result("VMRESUME", vmresume(), VM_FAIL_INVALID);
	check_result("VMXON", vmxon(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMCLEAR of the VMXON region", vmclear(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMPTRLD of the VMXON region", vmptrld(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMCLEAR", vmclear(virt_to_phys(vmcs)), VM_SUCCEED);
	check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs)), VM_SUCCEED);
	check_current(virt_to_phys(vmcs));
	vmclear(virt_to_phys(vmcs));
	free_page(vmcs);
	/* With break=vmxoff L1 has left VMX operation. */
	if (!vmx_enabled())
		vmx_enable();
}

TEST(vmxon_region_known, .on = EACH_CPU, .needs = VMX,
     .about =
	     "the address of the VMXON region survives a migration: VMCLEAR and VMPTRLD of it fail")
{
	struct vmcs *vmcs = vmcs_alloc();

	vmx_enable();
	vmclear(virt_to_phys(vmcs));
	vmptrld(virt_to_phys(vmcs));
	moved_in_l1();
	check_current(virt_to_phys(vmcs));
	check_error("VMXON", vmxon(vmxon_region()), VMXERR_VMXON_IN_VMX_ROOT_OPERATION);
	check_error("VMCLEAR of the VMXON region", vmclear(vmxon_region()),
		    VMXERR_VMCLEAR_VMXON_POINTER);
	check_error("VMPTRLD of the VMXON region", vmptrld(vmxon_region()),
		    VMXERR_VMPTRLD_VMXON_POINTER);
	check_current(virt_to_phys(vmcs));
	vmclear(virt_to_phys(vmcs));
	free_page(vmcs);
	if (!vmx_enabled())
		vmx_enable();
}

/* Asks for a migration in L1. With break= it loses the current VMCS or the launch state. */
static void moved_with(struct l2 *l2)
{
	migrate_quiet();
	if (broken("vmcs") || broken("launch"))
		vmclear(virt_to_phys(l2->vmcs));
	if (broken("launch"))
		vmptrld(virt_to_phys(l2->vmcs));
}

TEST(never_launched, .on = EACH_CPU, .needs = VMX,
     .about = "a current VMCS that was never launched survives a migration, and can be launched")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	vmx_make_current(l2);
	moved_with(l2);
	check_current(virt_to_phys(l2->vmcs));
	check_error("VMRESUME", vmx_resume(l2), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	l2_expect_call(l2, 1);
	l2_free(l2);
}

TEST(launched, .on = EACH_CPU, .needs = VMX,
     .about = "a current VMCS that was launched survives a migration, and can be resumed")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	moved_with(l2);
	check_current(virt_to_phys(l2->vmcs));
	check_error("VMLAUNCH", vmx_launch(l2), VMXERR_VMLAUNCH_NONCLEAR_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

TEST(cleared, .on = EACH_CPU, .needs = VMX,
     .about = "a VMCS that was launched and cleared survives a migration, and can be launched")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	vmx_clear(l2);
	moved_in_l1();
	check_current(NO_VMCS);
	check_result("VMPTRLD", vmptrld(virt_to_phys(l2->vmcs)), VM_SUCCEED);
	check_error("VMRESUME", vmx_resume(l2), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

TEST(after_vmxoff, .on = EACH_CPU, .needs = VMX,
     .about = "a VMCS that was cleared before VMXOFF can be launched after a migration and VMXON")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	vmx_clear(l2);
	vmx_disable();
	migrate_quiet();
	vmx_enable();
	check_current(NO_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

#define L2S 6

/* L2s 0 and 3 were never launched, 1 and 4 are launched, 2 and 5 were launched and then cleared. */
static void check_several(int current)
{
	u64 counts[L2S] = { 0 };
	struct l2 *l2s[L2S];

	for (int i = 0; i < L2S; i++) {
		l2s[i] = l2_new(count_calls, &counts[i]);
		if (i % 3)
			l2_enter(l2s[i]);
		if (i % 3)
			vmx_skip(l2s[i]);
		if (i % 3 == 2)
			vmx_clear(l2s[i]);
	}
	vmx_make_current(l2s[current]);
	moved_with(l2s[current]);
	check_current(virt_to_phys(l2s[current]->vmcs));
	for (int n = 0; n < L2S; n++) {
		struct l2 *l2 = l2s[(current + n) % L2S];
		u64 *count = &counts[(current + n) % L2S], before = *count;

		if (l2->launched)
			check_error("VMLAUNCH of a launched VMCS", vmx_launch(l2),
				    VMXERR_VMLAUNCH_NONCLEAR_VMCS);
		else
			check_error("VMRESUME of a VMCS that is not launched", vmx_resume(l2),
				    VMXERR_VMRESUME_NONLAUNCHED_VMCS);
		l2_enter(l2);
		report(l2_is_call(l2, before + 1) && *count == before + 1,
		       "L2 %d of %d should go on with its call %lu: exit %s", (current + n) % L2S,
		       L2S, before + 1, l2_exit_text(l2));
	}
	for (int i = 0; i < L2S; i++)
		l2_free(l2s[i]);
}

TEST(several_launched, .on = EACH_CPU, .needs = VMX,
     .about = "six VMCSs survive a migration with their launch states; the current one is launched")
{
	check_several(4);
}

TEST(several_not_launched, .on = EACH_CPU, .needs = VMX,
     .about =
	     "six VMCSs survive a migration with their launch states; the current one is not launched")
{
	check_several(3);
}

TEST(capabilities, .on = EACH_CPU, .needs = VMX,
     .about = "IA32_FEATURE_CONTROL and the VMX capability MSRs survive a migration")
{
	u64 before[MSR_IA32_VMX_VMFUNC - MSR_IA32_VMX_BASIC + 1], value, control;
	int there[ARRAY_SIZE(before)];

	vmx_enable();
	control = rdmsr(MSR_IA32_FEAT_CTL);
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
		there[i] = rdmsr_safe(MSR_IA32_VMX_BASIC + i, &before[i]);
	moved_in_l1();
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
		int now = rdmsr_safe(MSR_IA32_VMX_BASIC + i, &value);

		report_if_failed(now == there[i] && value == before[i],
				 "MSR 0x%x is 0x%lx (exception %d), was 0x%lx (exception %d)",
				 MSR_IA32_VMX_BASIC + i, value, now, before[i], there[i]);
	}
	report(true, "%lu VMX capability MSRs", ARRAY_SIZE(before));
	report(rdmsr(MSR_IA32_FEAT_CTL) == control && control & FEAT_CTL_LOCKED,
	       "IA32_FEATURE_CONTROL is 0x%lx, was 0x%lx, and should have its lock bit",
	       rdmsr(MSR_IA32_FEAT_CTL), control);
	report(wrmsr_safe(MSR_IA32_FEAT_CTL, control) == GP_VECTOR,
	       "writing IA32_FEATURE_CONTROL, which is locked: %s, expected #GP",
	       exception_mnemonic(exception_vector()));
	if (!vmx_enabled())
		vmx_enable();
}

/* ======== what x86/nested/state.c needs ======== */

HOLD_ENDS("vmcall");

/* XSETBV always exits. */
void let_l2_write_xcr0(struct l2 *l2)
{
	l2_expect(l2, EXIT_REASON_XSETBV, "XSETBV");
	write_xcr0(l2->registers.rdx << 32 | (u32)l2->rax);
	vmx_skip(l2);
}
