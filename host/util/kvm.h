/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM on this machine offers, asked of /dev/kvm once. */
#ifndef FERRY_HOST_KVM_H
#define FERRY_HOST_KVM_H

#include <glib.h>

/* Why KVM cannot be used, in one line, or NULL if it can. Without it, all below is 0. */
const char *kvm_problem(void);

/* How many vCPUs a VM may have. */
unsigned kvm_most_vcpus(void);

gboolean kvm_offers_kvmclock(void);
/* Hyper-V's synthetic interrupt controller. */
gboolean kvm_offers_synic(void);
/* A guest may run VMs of its own with AMD's SVM, or with Intel's VMX. */
gboolean kvm_offers_svm(void);
gboolean kvm_offers_vmx(void);

/* The size of the largest ring in which KVM tells of written pages; 0 if it has none. */
unsigned kvm_dirty_ring_bytes(void);

/* A vCPU cannot be given the IA32_ARCH_CAPABILITIES that KVM advertises. */
gboolean kvm_refuses_arch_capabilities(void);

/*
 * The clock source of this machine's kernel, or "unknown": where it is not "tsc", KVM
 * keeps guests' clocks in another way. The caller frees it.
 */
char *host_clock_source(void);

#endif
