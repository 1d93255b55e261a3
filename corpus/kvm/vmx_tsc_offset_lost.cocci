// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: when the TSC of a vCPU in L2 is restored, KVM forgets the TSC offset of L1
// Noticed by: the clock of a nested guest jumps at a migration, by days; timers fire at once or never
// Files: arch/x86/kvm/vmx/vmx.c
// Cases: vmx_time_up/precopy
// Test: tsc_offset
//
// What must hold: before and after a migration, RDTSC in L2 gives the TSC of L1 plus the TSC
// offset of the VMCS.

@@
@@
 vmx_get_l2_tsc_offset(...)
 {
 ...
- if (nested_cpu_has(...))
-	return ...;
  return 0;
 }
