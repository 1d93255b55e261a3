// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM_GET_NESTED_STATE right after KVM_SET_NESTED_STATE destroys an enlightened VMCS. See
 * kvm-evmcs-destroyed-by-get-nested-state.md. No guest runs here. The program sets a VMCS12 whose
 * bytes are all 1, as the active enlightened VMCS of an L1 that is not in its L2, and reads it
 * back.
 */
#include "repro.h"

enum { CPUID_HYPERVISOR_LEAVES = 256, VMXON_REGION = SPARE };
/* struct vmcs12 of KVM: a header of 40 bytes, then fields; the revision is part of its ABI. */
enum { VMCS12_REVISION = 0x11e57ed0, VMCS12_HEADER = 40, VMCS12_FIELDS_END = 0x300 };

static struct {
	struct kvm_nested_state head;
	struct kvm_vmx_nested_state_data data;
} before, after;

/* CPUID of the host, and Hyper-V's leaves, which KVM reports by an ioctl of their own. */
static void set_cpuid_with_hyperv(struct vm *vm)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[2 * CPUID_HYPERVISOR_LEAVES];
	} all, hyperv;
	uint32_t count;

	all.head.nent = CPUID_HYPERVISOR_LEAVES;
	CALL(vm->kvm, KVM_GET_SUPPORTED_CPUID, &all);
	hyperv.head.nent = CPUID_HYPERVISOR_LEAVES;
	CALL(vm->vcpu, KVM_GET_SUPPORTED_HV_CPUID, &hyperv);
	for (count = 0; count < all.head.nent;)
		if (all.entries[count].function >> 8 == 0x400000)
			all.entries[count] = all.entries[--all.head.nent];
		else
			count++;
	memcpy(all.entries + count, hyperv.entries, hyperv.head.nent * sizeof(hyperv.entries[0]));
	all.head.nent = count + hyperv.head.nent;
	CALL(vm->vcpu, KVM_SET_CPUID2, &all);
}

static void enable_evmcs(struct vm *vm)
{
	uint16_t version;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS,
				      .args[0] = (uintptr_t)&version };

	if (ioctl(vm->vcpu, KVM_ENABLE_CAP, &cap) < 0)
		cannot_tell("this KVM has no enlightened VMCS (kvm-intel with nested=1 has)");
}

int main(void)
{
	struct vm vm;
	uint8_t *vmcs12 = before.data.vmcs12;
	uint32_t revision = VMCS12_REVISION;
	int changed = 0;

	vm_create(&vm);
	enable_evmcs(&vm);
	set_cpuid_with_hyperv(&vm);

	memset(vmcs12 + VMCS12_HEADER, 1, VMCS12_FIELDS_END - VMCS12_HEADER);
	memcpy(vmcs12, &revision, sizeof(revision));
	before.head.format = KVM_STATE_NESTED_FORMAT_VMX;
	before.head.flags = KVM_STATE_NESTED_EVMCS;
	before.head.size = sizeof(before.head) + sizeof(before.data.vmcs12);
	before.head.hdr.vmx.vmxon_pa = VMXON_REGION;
	before.head.hdr.vmx.vmcs12_pa = ~0ull;
	CALL(vm.vcpu, KVM_SET_NESTED_STATE, &before);

	after.head.size = sizeof(after);
	CALL(vm.vcpu, KVM_GET_NESTED_STATE, &after);
	for (int i = VMCS12_HEADER; i < VMCS12_FIELDS_END; i++)
		changed += after.data.vmcs12[i] != vmcs12[i];
	printf("%d bytes of the VMCS12 are not what was put in\n", changed);
	verdict(!changed, "what was put in comes out",
		"fields that VMCS shadowing holds have become 0 by reading them");
}
