/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM offers on this machine. /dev/kvm is asked once. */
#ifndef FERRY_HOST_KVM_H
#define FERRY_HOST_KVM_H

#include <glib.h>

/* One line that says why KVM cannot be used, or NULL. In that case all functions below return 0. */
const char *kvm_problem(void);

/* The most vCPUs that a VM may have. */
unsigned kvm_most_vcpus(void);

gboolean kvm_offers_kvmclock(void);
/* Hyper-V's synthetic interrupt controller. */
gboolean kvm_offers_synic(void);
/* A guest may run its own VMs, with AMD's SVM or with Intel's VMX. */
gboolean kvm_offers_svm(void);
gboolean kvm_offers_vmx(void);

/* The size of the largest dirty ring, in bytes; 0 if KVM has none. */
unsigned kvm_dirty_ring_bytes(void);

/* KVM refuses the value of IA32_ARCH_CAPABILITIES that it advertises itself. */
gboolean kvm_refuses_arch_capabilities(void);

/*
 * The clock source of this machine's kernel, or "unknown". Unless it is "tsc", KVM keeps guests'
 * clocks in another way. The caller frees it.
 */
char *host_clock_source(void);

#endif
