// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an entry that KVM has emulated, but the CPU has not carried out yet, is restored as completed
// Noticed by: a nested guest loses an interrupt now and then, if migrations are frequent; its disk or network hangs
// Files: arch/x86/kvm/vmx/nested.c
// Cases: vmx_state_up/precopy
// Test: moved_in_entry
//
// What must hold: an event that L1 injects by the VM-entry interruption-information
// field is delivered exactly once, although the migration hits between VMRESUME and the first
// instruction of L2.

@@
@@
 vmx_set_nested_state(...)
 {
 <...
- kvm_state->flags & KVM_STATE_NESTED_RUN_PENDING
+ 0
 ...>
 }
