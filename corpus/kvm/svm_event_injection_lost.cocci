// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: an event that VMRUN is about to inject (EVENTINJ) is not in the saved nested state
// Noticed by: a nested guest loses an interrupt now and then, if migrations are frequent; its disk or network hangs
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_event/precopy svm_event/storm
// Test: inject_* many_events
// Missed: the vCPU would have to be stopped after VMRUN's exit to KVM and before the entry of L2, and no migration has hit that, nor have the cycles of cycle@kick
//
// What must hold: an event that L1 injects by EVENTINJ is delivered exactly once,
// although the migration hits between VMRUN and the first instruction of L2. It takes many
// migrations while L1 injects in a loop.

@@
identifier dst, from;
@@
 nested_copy_vmcb_cache_to_control(struct vmcb_control_area *dst,
				   struct vmcb_ctrl_area_cached *from)
 {
 <...
- dst->event_inj = from->event_inj;
 ...>
 }
