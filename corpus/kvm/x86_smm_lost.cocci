// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_SET_VCPU_EVENTS does not put the CPU into system management mode
// Noticed by: a guest with UEFI firmware dies if it is migrated while it writes a variable
// Files: arch/x86/kvm/x86.c
// Reaches: smm
// Cases: smm/precopy
// Test: in_handler
//
// What must hold: RSM, which is invalid outside of system management mode, ends the handler.

@@
@@
 kvm_vcpu_ioctl_x86_set_vcpu_events(...)
 {
 <...
- kvm_smm_changed(...);
 ...>
 }
