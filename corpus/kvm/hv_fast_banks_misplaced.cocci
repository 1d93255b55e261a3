// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the banks of an IPI whose input is in registers are read from half a register too far
// Noticed by: Windows, which sends its IPIs in this way: other CPUs are interrupted, or none
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: ipis_reach_set
//
// What must hold: input in registers has the same layout as in memory.

@@
expression kvm, hc, sparse_banks, offset;
@@
 kvm_hv_send_ipi(...)
 {
 <...
 kvm_get_sparse_vp_set(kvm, hc,
- 1,
+ 2,
  sparse_banks, offset)
 ...>
 }
