// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_SREGS takes a CPU whose SS is null for one in ring 0
// Noticed by: a guest cannot be entered, or goes on in ring 0, if it is migrated with a null SS
// Files: arch/x86/kvm/vmx/vmx.c
// Reaches: *
// Cases: modes/precopy
// Test: ring1_null_ss ring2_null_ss
// Host: intel
// Missed: Bochs takes the privilege level from CS, so only a real CPU shows it
//
// What must hold: the privilege level is the same before and after, also where SS is null.
//
// Undoes a part of a44b331614e6, "KVM: x86/vmx: Do not skip segment attributes if unusable bit is set" (6.2).

@@
identifier var, ar;
@@
 vmx_segment_access_rights(struct kvm_segment *var)
 {
 	u32 ar;
+	if (var->unusable || !var->present)
+		return 1 << 16;
 ...
 }
