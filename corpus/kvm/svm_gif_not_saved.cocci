// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: KVM_GET_NESTED_STATE always says that GIF is set
// Noticed by: a hypervisor guest that is migrated between #VMEXIT and STGI is interrupted where it cannot be, and crashes
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/precopy
// Test: gif_holds_events gif_clear_after_exit
//
// What must hold: with GIF clear, after CLGI or #VMEXIT, L1 takes no interrupt and no
// NMI until STGI, although it is migrated in between.

@@
expression svm, state;
@@
 svm_get_nested_state(...)
 {
 <...
- if (gif_set(svm))
	state.flags |= KVM_STATE_NESTED_GIF_SET;
 ...>
 }
