// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the TSC offset that L1 gave to L2 is not in the saved nested state
// Noticed by: the clock of a nested guest jumps at a migration, by days; timers fire at once or never
// Files: arch/x86/kvm/svm/nested.c
// Cases: svm_time/precopy
// Test: tsc_offset
//
// What must hold: before and after a migration, RDTSC in L2 gives the TSC of L1 plus the
// TSC_OFFSET of the VMCB.

@@
identifier dst, from;
@@
 nested_copy_vmcb_cache_to_control(struct vmcb_control_area *dst,
				   struct vmcb_ctrl_area_cached *from)
 {
 <...
- dst->tsc_offset = from->tsc_offset;
 ...>
 }
