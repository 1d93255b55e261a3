/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a host offers, asked of KVM itself (KVM API documentation: capabilities and
 * KVM_GET_SUPPORTED_CPUID), never guessed from a name.
 */
#ifndef FERRY_HOST_NEEDS_H
#define FERRY_HOST_NEEDS_H

#include <glib.h>

/* Why KVM cannot be used on this machine, in one line, or NULL if it can. */
const char *kvm_problem(void);

/* Does KVM here let a guest run VMs of its own with AMD's SVM? */
gboolean kvm_offers_svm(void);

/* How many vCPUs a VM may have under ACCEL ("kvm" or "tcg"). */
unsigned most_vcpus(const char *accel);

/* The words that `needs` in unittests.cfg knows, ended by NULL. */
const char *const *need_names(void);

/* Does the lab NAME meet NEED, whatever kernel is in it? The kernel has the last word. */
gboolean need_met_by_lab(const char *need, const char *lab);

/* Why this machine does not meet NEED under ACCEL, or NULL if it does. */
const char *need_missing(const char *need, const char *accel);

#endif
