// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: a hypercall that sends an IPI to all CPUs does nothing if it names no banks
// Noticed by: Windows, which hangs or dies of a watchdog: an IPI to all CPUs never comes
// Files: arch/x86/kvm/hyperv.c
// Cases: hyperv_calls/none
// Test: ipis_reach_set
//
// What must hold: HvGenericSetAll means all CPUs, and needs no banks. This undoes "KVM: x86: Ignore sparse
// banks size for an "all CPUs", non-sparse IPI req" (Linux 5.17).

@@
identifier hc, all_cpus, ret_success;
@@
 kvm_hv_send_ipi(...)
 {
 <...
- if (all_cpus)
-	goto check_and_send_ipi;
-
 if (!hc->var_cnt)
	goto ret_success;
+
+ if (all_cpus)
+	goto check_and_send_ipi;
 ...>
 }
