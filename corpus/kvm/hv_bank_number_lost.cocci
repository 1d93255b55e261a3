// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: the banks of a sparse VP set are taken for the first ones, whatever numbers they have
// Noticed by: Windows with more than 64 CPUs: IPIs and TLB flushes reach other CPUs than those that need them
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: ipis_reach_set
//
// What must hold: bit n of the valid banks says that the next bank in the input has VP indices from 64 * n.

@@
identifier bank, sbank, bitmap, sparse_banks;
@@
 sparse_set_to_vcpu_mask(...)
 {
 <...
- bitmap[bank] = sparse_banks[sbank++];
+ bitmap[sbank] = sparse_banks[sbank];
+ sbank++;
 ...>
 }
