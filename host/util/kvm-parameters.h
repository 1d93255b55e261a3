/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parameters that the running kernel's KVM modules have. */
#ifndef FERRY_HOST_UTIL_KVM_PARAMETERS_H
#define FERRY_HOST_UTIL_KVM_PARAMETERS_H

#include <glib.h>

/*
 * What /sys tells: "kvm_amd.npt" -> "Y", both strings. It has no parameters that the user may not
 * read. NULL if KVM is not there. Tests name another folder than /sys/module in the environment
 * variable FERRY_MODULES. The caller unrefs it.
 */
GHashTable *kvm_parameters(void);

#endif
