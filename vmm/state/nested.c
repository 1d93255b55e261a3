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

/* The value is as long as the contents are. */
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
		    "vCPU %d: KVM refuses KVM_SET_NESTED_STATE with what it has told (flags 0x%x): %s",
		    cpu, nested->flags, strerror(errno));
}

/*
 * What KVM tells as VMCB12's save area is the one that the host of L2 runs on: L1's state. It takes
 * from it what #VMEXIT loads (APM volume 2, 15.6), and no more: all else of L1 is in the vCPU's own
 * registers by then. The rest of the area is what the CPU has left there. Offsets: APM volume 2,
 * table B-2, from the VMCB's beginning.
 */
static const struct field loaded_by_vmexit[] = {
	{ "es", 0x400, 16, 0 },	  { "cs", 0x410, 16, 0 },
	{ "ss", 0x420, 16, 0 },	  { "ds", 0x430, 16, 0 },
	{ "gdtr", 0x460, 16, 0 }, { "idtr", 0x480, 16, 0 },
	{ "cpl", 0x4cb, 1, 0 },	  { "efer", 0x4d0, 8, 0 },
	{ "cr4", 0x548, 8, 0 },	  { "cr3", 0x550, 8, 0 },
	{ "cr0", 0x558, 8, 0 },	  { "rflags", 0x570, 8, 0 },
	{ "rip", 0x578, 8, 0 },	  { "rsp", 0x5d8, 8, 0 },
	{ "rax", 0x5f8, 8, 0 },	  { 0 },
};
#define VMCB_CONTROL_SIZE 0x400

static void compare_vmcb(struct comparison *comparison, uint32_t header, uint32_t size)
{
	if (size < header + KVM_STATE_NESTED_SVM_VMCB_SIZE)
		return;
	compare_words(comparison, "vmcb12", header, VMCB_CONTROL_SIZE);
	for (const struct field *field = loaded_by_vmexit; field->name; field++)
		compare_field(comparison, field, header);
}

COMPARES(nested)
{
	const struct kvm_nested_state *old = (const void *)comparison->old->bytes;
	bool vmx = old->format == KVM_STATE_NESTED_FORMAT_VMX;
	uint32_t size = comparison->old->size < comparison->new->size ? comparison->old->size
								      : comparison->new->size;
	uint32_t header = sizeof(*old), vmcs = header + KVM_STATE_NESTED_VMX_VMCS_SIZE;

	compare_fields(comparison, vmx ? nested_vmx_fields : nested_svm_fields, header);
	if (!vmx) {
		compare_vmcb(comparison, header, size);
		return;
	}
	compare_words(comparison, "vmcs12", header, (size < vmcs ? size : vmcs) - header);
	if (size > vmcs)
		compare_words(comparison, "shadow_vmcs12", vmcs, size - vmcs);
}
