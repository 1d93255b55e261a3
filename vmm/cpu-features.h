/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CPU that the guest sees, in the words of QEMU's -cpu. */
#ifndef VMM_CPU_FEATURES_H
#define VMM_CPU_FEATURES_H

#include <linux/kvm.h>
#include <stdbool.h>

/*
 * Changes CPUID, which has all that KVM supports, as WORDS say: "max", "host" or "qemu64", then
 * "+feature", "-feature", "feature=on", "feature=off", "vendor=TEXT", "phys-bits=N", with commas
 * between them. Hyper-V's words are left to hyperv.h, and "tsc-frequency=HZ" to features_tsc_khz().
 * Ends the process after a word that it does not know.
 */
void features_apply(struct kvm_cpuid2 *cpuid, const char *words);

/* The frequency of the TSC that WORDS ask for, or 0. Ends the process if it is no frequency. */
unsigned features_tsc_khz(const char *words);

/* The entry of a leaf, or NULL. */
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, __u32 function, __u32 index);

enum cpuid_reg { EAX, EBX, ECX, EDX };

/* One register of an entry, to read or to change. */
__u32 *cpuid_reg_of(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg);

/*
 * Returns the next of WORDS, or NULL at their end, and moves *WORDS behind it. The word is in a
 * buffer that the next call overwrites.
 */
const char *next_word(const char **words);
/* Whether WORD is Hyper-V's: it begins with "hv-" or "hv_". */
bool is_hyperv_word(const char *word);

#endif
