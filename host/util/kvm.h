/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM offers on this machine. */
#ifndef FERRY_HOST_KVM_H
#define FERRY_HOST_KVM_H

#include <glib.h>

struct kvm_offers {
	/* One line that says why KVM cannot be used; all other members are then 0. NULL: it can. */
	const char *problem;
	unsigned most_vcpus;	   /* that a VM may have */
	unsigned dirty_ring_bytes; /* the size of the largest dirty ring; 0: there are none */
	gboolean shadow_paging;	   /* without EPT or NPT KVM keeps copies of guests' page tables */
	gboolean kvmclock;
	gboolean synic;	      /* Hyper-V's synthetic interrupt controller */
	gboolean smm;	      /* system management mode */
	gboolean tsc_scaling; /* a guest's TSC may have another frequency than the host's */
	/* A guest may run its own VMs, with AMD's SVM or with Intel's VMX. */
	gboolean svm, vmx;
	/* The MSRs that KVM saves and restores (KVM_GET_MSR_INDEX_LIST). */
	const guint32 *msrs;
	unsigned msr_count;
	/* KVM refuses the value of IA32_ARCH_CAPABILITIES that it advertises itself. */
	gboolean refuses_arch_capabilities;
};

/*
 * Asks /dev/kvm once, and remembers the answers. Tests name another file in the environment
 * variable FERRY_KVM.
 */
const struct kvm_offers *kvm_offers(void);

/* The file that is asked, "/dev/kvm". */
const char *kvm_device(void);

/* For tests: from now on the answers are these. */
void kvm_pretend(const struct kvm_offers *offers);

/* Single answers of kvm_offers(). */
const char *kvm_problem(void);
gboolean kvm_offers_svm(void);
gboolean kvm_offers_vmx(void);

/*
 * Why DEVICE could not be opened, and what to do; ERROR is the errno. GROUP has the users who may
 * open it; NULL: there is no such group. The caller frees the line.
 */
char *kvm_open_problem(const char *device, int error, const char *group);

/*
 * The clock source of this machine's kernel, or "unknown". Unless it is "tsc", KVM keeps guests'
 * clocks in another way. The caller frees it.
 */
char *host_clock_source(void);

/* This machine's kernel takes the TSC for reliable, whichever clock source it uses. */
gboolean host_trusts_tsc(void);

#endif
