// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: changes of the virtual GIF by STGI and CLGI in L2 are neither seen by L1 nor saved
// Noticed by: a hypervisor inside a nested guest (three levels) is interrupted where it cannot be
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/none svm_event/precopy
// Test: vgif_*
//
// What must hold: with V_GIF_ENABLE, int_ctl.V_GIF at #VMEXIT has the value of the last STGI or
// CLGI of L2; and a V_IRQ that is held back by the virtual GIF is still held back after a
// migration.

@@
expression svm, mask;
@@
 nested_sync_control_from_vmcb02(...)
 {
 <...
- if (nested_vgif_enabled(svm))
-	mask |= V_GIF_MASK;
 ...>
 }
