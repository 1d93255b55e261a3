// SPDX-License-Identifier: GPL-2.0-or-later
/* Fields and controls of L2's VMCS, enlightened or not (Intel SDM volume 3, chapter 25). */
#include "nested/vmx/vmx-evmcs.h"
#include "nested/vmx/vmx-internal.h"

void vmx_make_current(const struct l2 *l2)
{
	enum vmx_result result;

	if (l2->evmcs) {
		assert_msg(vmx_current_vmcs() == VMX_NO_VMCS, "a VMCS is current");
		evmcs_make_current(l2->evmcs);
		return;
	}
	assert_msg(!evmcs_is_in_use(), "an enlightened VMCS is in use");
	if (vmx_current_vmcs() == virt_to_phys(l2->vmcs))
		return;
	result = vmptrld(virt_to_phys(l2->vmcs));
	if (result != VM_SUCCEED)
		report_abort("VMPTRLD of 0x%lx: %s", virt_to_phys(l2->vmcs),
			     vmx_result_text(result));
}

u64 vmx_get(const struct l2 *l2, enum vmcs_field field)
{
	enum vmx_result result;
	u64 value;

	if (l2->evmcs)
		return evmcs_get(l2->evmcs, field);
	vmx_make_current(l2);
	result = vmread(field, &value);
	if (result != VM_SUCCEED)
		report_abort("VMREAD of %s: %s", vmcs_field_name(field), vmx_result_text(result));
	return value;
}

void vmx_set(struct l2 *l2, enum vmcs_field field, u64 value)
{
	enum vmx_result result;

	if (l2->evmcs) {
		evmcs_set(l2->evmcs, field, value);
		return;
	}
	vmx_make_current(l2);
	result = vmwrite(field, value);
	if (result != VM_SUCCEED)
		report_abort("VMWRITE of 0x%lx to %s: %s", value, vmcs_field_name(field),
			     vmx_result_text(result));
}

void vmx_clear(struct l2 *l2)
{
	phys_addr_t address = virt_to_phys(l2->evmcs ? (void *)l2->evmcs : l2->vmcs);
	enum vmx_result result;

	/* The hypervisor knows an enlightened VMCS only while the assist page names it. */
	if (l2->evmcs)
		vmx_make_current(l2);
	result = vmclear(address);
	if (result != VM_SUCCEED)
		report_abort("VMCLEAR of 0x%lx: %s", address, vmx_result_text(result));
	l2->launched = false;
}

void vmx_set_controls(struct l2 *l2, enum vmcs_field field, u32 bits)
{
	assert_msg(vmx_may_set(field, bits), "%s cannot be 0x%x", vmcs_field_name(field), bits);
	if (field == SECONDARY_VM_EXEC_CONTROL)
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
				 CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	vmx_set(l2, field, vmx_get(l2, field) | bits);
}

void vmx_clear_controls(struct l2 *l2, enum vmcs_field field, u32 bits)
{
	assert_msg(vmx_may_clear(field, bits), "%s needs some of 0x%x", vmcs_field_name(field),
		   bits);
	vmx_set(l2, field, vmx_get(l2, field) & ~(u64)bits);
}
