// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: IA32_FEATURE_CONTROL is not restored
// Noticed by: a hypervisor guest that was migrated before its first guest cannot enter VMX operation any more
// Files: arch/x86/kvm/vmx/vmx.c
// Cases: vmx_state_up/precopy
// Test: capabilities
//
// What must hold: IA32_FEATURE_CONTROL is the same after a migration, above all its lock and
// the bit that allows VMXON.

@@
identifier vmx, msr_info;
@@
 vmx_set_msr(struct kvm_vcpu *vcpu, struct msr_data *msr_info)
 {
 <...
- vmx->msr_ia32_feature_control = data;
+ if (!msr_info->host_initiated)
+	vmx->msr_ia32_feature_control = data;
 ...>
 }
