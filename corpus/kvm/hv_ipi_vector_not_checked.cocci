// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a hypercall that sends an IPI takes any vector
// Noticed by: a guest whose vector is wrong gets no status; vectors below 16 reach the APIC, which must never deliver them
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: bad_ipis_refused
//
// What must hold: "Must be between >= 0x10 and <= 0xFF" (TLFS, HvCallSendSyntheticClusterIpi).

@@
identifier vector;
@@
 kvm_hv_send_ipi(...)
 {
 <...
- if ((vector < HV_IPI_LOW_VECTOR) || (vector > HV_IPI_HIGH_VECTOR))
-	return HV_STATUS_INVALID_HYPERCALL_INPUT;
 ...>
 }
