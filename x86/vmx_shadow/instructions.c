// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What an L2 with VMCS shadowing exits for, and what these exits say (Intel SDM volume 3, 31.3,
 * 28.2.5 table 28-15 for the instruction information).
 *
 * A broken hypervisor executes a VMX instruction of L2 itself, or reports wrong registers to L1.
 */
#include "libcflat.h"
#include "x86/vmx_shadow/vmx_shadow.h"

/* These exit with VMCS shadowing as they do without it. */
static const u32 other_exits[] = { EXIT_REASON_VMPTRST,	 EXIT_REASON_VMPTRLD, EXIT_REASON_VMCLEAR,
				   EXIT_REASON_VMON,	 EXIT_REASON_VMCALL,  EXIT_REASON_VMLAUNCH,
				   EXIT_REASON_VMRESUME, EXIT_REASON_VMOFF };

static void others_in_l2(void *data)
{
	phys_addr_t *operand = data;

	if (broken("other"))
		return;
	asm volatile("vmptrst %0; vmptrld %0; vmclear %0; vmxon %0" : "+m"(*operand) : : "cc");
	l2_call(HERE);
	migrate_quiet();
	asm volatile("vmlaunch; vmresume; vmxoff" : : : "cc", "memory");
}

TEST(other_instructions, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "all other VMX instructions exit despite VMCS shadowing, before and after a migration in L2")
{
	phys_addr_t operand = 0;
	struct l2 *l2 = new_l2(others_in_l2, &operand);

	operand = virt_to_phys(shadow.vmcs);
	for (unsigned i = 0; i < ARRAY_SIZE(other_exits); i++) {
		if (!l2_expect(l2, other_exits[i], "instruction %u of %lu", i + 1,
			       ARRAY_SIZE(other_exits)))
			break;
		vmx_skip(l2);
	}
	l2_expect_return(l2);
	report(operand == virt_to_phys(shadow.vmcs), "VMPTRST should store nothing: 0x%lx",
	       operand);
	check_contents(&shadow, "after that");
	free_l2(l2);
}

/* The instruction information (table 28-15): that the operand is a register, and both registers. */
#define INFORMATION(operand, field) ((u64)(operand) << 3 | BIT(10) | (u64)(field) << 28)
#define INFORMATION_MASK	    INFORMATION(15, 15)

static void exits_in_l2(void *data)
{
	asm volatile("vmread %%r9, %%r12" : : : "r12", "cc");
	if (!broken("other"))
		asm volatile("vmwrite %%r13, %%rsi" : : : "cc");
	else
		asm volatile("vmwrite %%r14, %%rdi" : : : "cc");
}

TEST(exit_information, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "the instruction information of VMREAD and VMWRITE names their registers, also after a migration")
{
	struct l2 *l2 = new_l2(exits_in_l2, NULL);
	u64 read, write;

	memset(bitmaps[READ], 0xff, PAGE_SIZE);
	memset(bitmaps[WRITE], 0xff, PAGE_SIZE);
	l2_expect(l2, EXIT_REASON_VMREAD, "VMREAD");
	migrate_quiet();
	read = vmx_get(l2, VMX_INSTRUCTION_INFO) & INFORMATION_MASK;
	report(read == INFORMATION(12, 9), "VMREAD of R9 to R12: information 0x%lx, expected 0x%lx",
	       read, INFORMATION(12, 9));
	vmx_skip(l2);
	l2_expect(l2, EXIT_REASON_VMWRITE, "VMWRITE");
	write = vmx_get(l2, VMX_INSTRUCTION_INFO) & INFORMATION_MASK;
	report(write == INFORMATION(13, 6),
	       "VMWRITE of RSI from R13: information 0x%lx, expected 0x%lx", write,
	       INFORMATION(13, 6));
	vmx_skip(l2);
	l2_expect_return(l2);
	free_l2(l2);
}
