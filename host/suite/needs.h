/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a case may need of its host: the words of `needs` in unittests.cfg. The runner asks KVM and
 * the kernel (kvm.h) what the host has, and never guesses from a CPU's name.
 */
#ifndef FERRY_HOST_NEEDS_H
#define FERRY_HOST_NEEDS_H

#include <glib.h>

/* The need for UEFI firmware. Whether it is met depends on --firmware, not on the host. */
#define NEEDS_UEFI "uefi"

/* How many vCPUs a VM may have under ACCEL ("kvm" or "tcg"). */
unsigned most_vcpus(const char *accel);

/* All words that `needs` in unittests.cfg may have, ended by NULL. */
const char *const *need_names(void);

/* The clock that a lab must have for NEED: "tsc" or "hpet" (--lab-clock). NULL: any will do. */
const char *need_lab_clock(const char *need);

/* One line that says why this machine does not meet NEED under ACCEL. NULL if it does. */
const char *need_missing(const char *need, const char *accel);

#endif
