// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMX operation and its single instructions (SDM volume 3, chapters 24 and 31, "VMX Instruction
 * Reference").
 */
#include "nested/vmx/vmx-internal.h"
#include "alloc_page.h"
#include "percpu.h"
#include "processor.h"

static PER_CPU(struct vmcs *, own_vmxon_region);
static PER_CPU(bool, in_vmx);
static PER_CPU(phys_addr_t, current_vmcs);

/* ---- instructions ---- */

/* Runs an instruction that sets CF or ZF if it fails. Its operands are as in asm(). */
#define VMX_INSTRUCTION(instruction, outputs, inputs...)                                           \
	({                                                                                         \
		bool invalid, valid;                                                               \
                                                                                                   \
		exception_clear();                                                                 \
		asm volatile(ASM_FIXUP(instruction)                                                \
			     : "=@ccc"(invalid), "=@ccz"(valid)outputs:inputs                      \
			     : "memory");                                                          \
		vmx_result_of(invalid, valid);                                                     \
	})

#define COMMA ,

enum vmx_result vmx_result_of(bool invalid, bool valid)
{
	if (exception_vector() != NO_EXCEPTION)
		return VM_EXCEPTION;
	if (invalid)
		return VM_FAIL_INVALID;
	return valid ? VM_FAIL_VALID : VM_SUCCEED;
}

enum vmx_result vmxon(phys_addr_t region)
{
	enum vmx_result result = VMX_INSTRUCTION("vmxon %[region]", , [region] "m"(region));

	if (result == VM_SUCCEED) {
		this_cpu(in_vmx) = true;
		this_cpu(current_vmcs) = VMX_NO_VMCS;
	}
	return result;
}

enum vmx_result vmxoff(void)
{
	bool was_in_vmx = this_cpu(in_vmx);
	enum vmx_result result;

	/*
	 * Set it before VMXOFF: an INIT that is pending until then resets the CPU right after
	 * VMXOFF.
	 */
	WRITE_ONCE(this_cpu(in_vmx), false);
	result = VMX_INSTRUCTION("vmxoff", );
	if (result != VM_SUCCEED)
		this_cpu(in_vmx) = was_in_vmx;
	return result;
}

enum vmx_result vmclear(phys_addr_t vmcs)
{
	enum vmx_result result = VMX_INSTRUCTION("vmclear %[vmcs]", , [vmcs] "m"(vmcs));

	if (result == VM_SUCCEED && this_cpu(current_vmcs) == vmcs)
		this_cpu(current_vmcs) = VMX_NO_VMCS;
	return result;
}

enum vmx_result vmptrld(phys_addr_t vmcs)
{
	enum vmx_result result = VMX_INSTRUCTION("vmptrld %[vmcs]", , [vmcs] "m"(vmcs));

	if (result == VM_SUCCEED)
		this_cpu(current_vmcs) = vmcs;
	return result;
}

enum vmx_result vmptrst(phys_addr_t *vmcs)
{
	return VMX_INSTRUCTION("vmptrst %[vmcs]", COMMA[vmcs] "=m"(*vmcs));
}

enum vmx_result vmread(u64 field, u64 *value)
{
	return VMX_INSTRUCTION("vmread %[field], %[value]",
			       COMMA[value] "=r"(*value), [field] "r"(field));
}

enum vmx_result vmwrite(u64 field, u64 value)
{
	return VMX_INSTRUCTION("vmwrite %[value], %[field]",
			       , [value] "r"(value), [field] "r"(field));
}

enum vmx_result vmlaunch(void)
{
	return VMX_INSTRUCTION("vmlaunch", );
}

enum vmx_result vmresume(void)
{
	return VMX_INSTRUCTION("vmresume", );
}

enum vmx_result invvpid(u64 type, u64 vpid, u64 linear)
{
	u64 descriptor[2] = { vpid, linear };

	return VMX_INSTRUCTION("invvpid %[descriptor], %[type]",
			       , [descriptor] "m"(descriptor), [type] "r"(type));
}

enum vmx_result invept(u64 type, u64 eptp)
{
	u64 descriptor[2] = { eptp };

	return VMX_INSTRUCTION("invept %[descriptor], %[type]",
			       , [descriptor] "m"(descriptor), [type] "r"(type));
}

phys_addr_t vmx_current_vmcs(void)
{
	return this_cpu(current_vmcs);
}

/* ---- VMX operation ---- */

struct vmcs *vmcs_alloc(void)
{
	struct vmcs *vmcs = alloc_page();

	assert(VMX_BASIC_SIZE(rdmsr(MSR_IA32_VMX_BASIC)) <= PAGE_SIZE);
	vmcs->revision_id = VMX_BASIC_REVISION(rdmsr(MSR_IA32_VMX_BASIC));
	return vmcs;
}

bool vmx_enabled(void)
{
	return this_cpu(in_vmx);
}

phys_addr_t vmxon_region(void)
{
	return virt_to_phys(this_cpu(own_vmxon_region));
}

static void allow_vmxon(void)
{
	u64 control = rdmsr(MSR_IA32_FEAT_CTL);

	if (!(control & FEAT_CTL_LOCKED))
		wrmsr(MSR_IA32_FEAT_CTL,
		      control | FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX);
}

void vmx_enable(void)
{
	enum vmx_result result;

	if (vmx_enabled())
		return;
	allow_vmxon();
	/* VMX operation needs some bits set, NE and VMXE above all (appendix A.7 and A.8). */
	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0) | X86_CR4_VMXE) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	if (!this_cpu(own_vmxon_region))
		this_cpu(own_vmxon_region) = vmcs_alloc();
	result = vmxon(vmxon_region());
	if (result != VM_SUCCEED)
		report_abort("VMXON: %s", vmx_result_text(result));
}

void vmx_disable(void)
{
	enum vmx_result result;

	if (!vmx_enabled())
		return;
	result = vmxoff();
	if (result != VM_SUCCEED)
		report_abort("VMXOFF: %s", vmx_result_text(result));
	write_cr4(read_cr4() & ~X86_CR4_VMXE);
}
