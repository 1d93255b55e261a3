// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: after a restore L2 runs with the MSR bitmap that KVM has for L1, without that of L1 itself
// Noticed by: after a migration a nested guest reads and writes MSRs of its hypervisor, without an exit
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_exit_up/precopy
// Test: msrs
//
// What must hold: RDMSR and WRMSR in L2 of MSRs that exit by the MSR bitmap of L1 do so after a
// migration, too, above all of MSRs that KVM passes through: FS.base, GS.base, KernelGSbase,
// SYSENTER_CS.

// Not to make it at all would not be noticed: a new MSR bitmap has all bits set, so that
// everything exits to KVM, which asks the bitmap of L1 in memory.
@@
identifier vcpu;
@@
 vmx_get_nested_state_pages(struct kvm_vcpu *vcpu)
 {
 ...
  if (is_guest_mode(vcpu) && !nested_get_vmcs12_pages(vcpu))
	return false;
+ if (is_guest_mode(vcpu))
+	memcpy(to_vmx(vcpu)->nested.vmcs02.msr_bitmap, to_vmx(vcpu)->vmcs01.msr_bitmap, PAGE_SIZE);
 ...
 }
