/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Describes this machine as the environment of results. */
#ifndef FERRY_HOST_RUN_ENVIRONMENT_H
#define FERRY_HOST_RUN_ENVIRONMENT_H

#include "report/result.h"
#include "vmm/vmm.h"

/*
 * The accelerator that cases on this machine run with: "kvm" where it works, else "tcg". If the
 * user has chosen one (OPTION is not NULL), it is that one. NULL and ERROR if that cannot be used.
 */
const char *choose_accel(const char *option, GError **error);

/*
 * This machine with VMMs of the program BINARY and, if there are two, of OTHER_BINARY (or NULL).
 * The timescale is 1 until it is measured. The caller frees it with environment_free().
 */
struct environment *environment_here(const struct vmm *vmm, const char *binary,
				     const char *other_binary, const char *accel, guint32 seed);

#endif
