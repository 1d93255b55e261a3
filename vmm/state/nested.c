// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nested state: KVM API documentation, KVM_GET_NESTED_STATE. A header, and the VMCS12 (with its
 * shadow VMCS12) or the VMCB12's control and save areas, in KVM's own layout.
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "fields.h"
#include "message.h"
#include "pieces.h"

static uint32_t most_bytes(const struct vm *vm)
{
	static int size;

	if (!size)
		size = kvm_has(vm->fd, KVM_CAP_NESTED_STATE);
	return size;
}

/* The value becomes as long as the contents are. */
SAVES(nested)
{
	struct state_value *value = state_add(state, piece->name, cpu, most_bytes(machine->vm));
	struct kvm_nested_state *nested = (void *)value->bytes;

	nested->size = value->size;
	KVM_DO(piece_fd(machine->vm, cpu), KVM_GET_NESTED_STATE, nested);
	value->size = nested->size;
}

RESTORES(nested)
{
	const struct kvm_nested_state *nested = (const void *)value->bytes;

	if (kvm_try(piece_fd(machine->vm, cpu), KVM_SET_NESTED_STATE, value->bytes) < 0)
		die(STATUS_KVM,
		    "vCPU %d: KVM refuses KVM_SET_NESTED_STATE with the state that it gave (flags 0x%x): %s",
		    cpu, nested->flags, strerror(errno));
}

#define VMCB_CONTROL_SIZE 0x400

static void compare_vmcb(struct comparison *comparison, uint32_t header, uint32_t size)
{
	if (size < header + KVM_STATE_NESTED_SVM_VMCB_SIZE)
		return;
	compare_fields(comparison, "vmcb12.", vmcb12_control_fields, header, VMCB_CONTROL_SIZE);
	for (const struct field *field = vmcb12_vmexit_fields; field->name; field++) {
		const struct field one[] = { { field->name, 0, field->size, 0 }, { 0 } };

		compare_fields(comparison, "vmcb12.", one, header + field->offset, field->size);
	}
}

static void compare_vmcs(struct comparison *comparison, const char *prefix, uint32_t from,
			 uint32_t size)
{
	if (size > from)
		compare_fields(comparison, prefix, vmcs12_fields, from,
			       size - from < KVM_STATE_NESTED_VMX_VMCS_SIZE
				       ? size - from
				       : KVM_STATE_NESTED_VMX_VMCS_SIZE);
}

COMPARES(nested)
{
	const struct kvm_nested_state *old = (const void *)comparison->old->bytes;
	bool vmx = old->format == KVM_STATE_NESTED_FORMAT_VMX;
	uint32_t size = comparison->old->size < comparison->new->size ? comparison->old->size
								      : comparison->new->size;
	uint32_t header = sizeof(*old);

	compare_fields(comparison, "", vmx ? nested_vmx_fields : nested_svm_fields, 0, header);
	if (!vmx) {
		compare_vmcb(comparison, header, size);
		return;
	}
	compare_vmcs(comparison, "vmcs12.", header, size);
	compare_vmcs(comparison, "shadow_vmcs12.", header + KVM_STATE_NESTED_VMX_VMCS_SIZE, size);
}
