/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of Hyper-V's interface for guests that KVM is asked to offer, in the words of QEMU's
 * -cpu: hv-vpindex, hv-synic and so on. Without any, the guest sees KVM's own interface alone.
 */
#ifndef VMM_HYPERV_H
#define VMM_HYPERV_H

#include "kvm.h"

/* A set of words, one bit each. 0: no Hyper-V. */
typedef uint32_t hyperv_words;

/*
 * Adds WORDS, with or without "hv-", to *SET. Ends the process after one that it does not know.
 */
void hyperv_read(hyperv_words *set, const char *words);
/* The same for those of WORDS that begin with "hv-" or "hv_"; others are cpu-features.h's. */
void hyperv_read_cpu(hyperv_words *set, const char *words);
/* Ends the process if a word needs another one that is not there. */
void hyperv_check(hyperv_words set);
/* Whether the guest has a SynIC. Its connections are ours (devices/hyperv-testdev.c). */
bool hyperv_has_synic(hyperv_words set);

/* Most entries that hyperv_cpuid() adds. */
#define MOST_HYPERV_ENTRIES 16
/*
 * Adds Hyper-V's leaves to CPUID, which has room for them, and moves KVM's own leaves behind them.
 * Ends the process if KVM does not offer what SET wants.
 */
void hyperv_cpuid(const struct kvm *kvm, hyperv_words set, struct kvm_cpuid2 *cpuid);
/*
 * Enables the capabilities that a new vCPU, CPU_FD, needs besides CPUID. Call it before MSRs are
 * set, since those of a SynIC that is off cannot be written.
 */
void hyperv_enable(const struct kvm *kvm, hyperv_words set, int cpu_fd);

#endif
