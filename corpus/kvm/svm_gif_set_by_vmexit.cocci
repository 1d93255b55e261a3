// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: #VMEXIT sets GIF instead of clearing it
// Noticed by: hypervisor guests crash under load: an interrupt comes before they have put their own state in order
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/none
// Test: gif_clear_after_exit
//
// What must hold: after #VMEXIT L1 takes no interrupt and no NMI until STGI, although
// RFLAGS.IF is set.

@@
expression svm;
@@
 nested_svm_vmexit(...)
 {
 <...
- svm_set_gif(svm, false);
+ svm_set_gif(svm, true);
 ...>
 }
