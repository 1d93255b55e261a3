/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Describes this machine as the environment of results. */
#ifndef FERRY_HOST_RUN_ENVIRONMENT_H
#define FERRY_HOST_RUN_ENVIRONMENT_H

#include "report/result.h"
#include "vmm/vmm.h"

/*
 * The accelerator that cases on this machine run with: "kvm", unless the user has chosen TCG.
 * OPTION is what --accel says, and HOST what --host says; both may be NULL. NULL and ERROR if the
 * user wants an accelerator that is unknown, or that this machine lacks.
 */
const char *choose_accel(const char *option, const char *host, GError **error);

/*
 * Describes this machine and the VMM of that name. BINARY is the VMM's program; OTHER_BINARY is the
 * second one, or NULL. The timescale is 1 until it is measured. The caller frees it with
 * environment_free().
 */
struct environment *environment_here(const char *vmm, const char *binary, const char *other_binary,
				     const char *accel, guint32 seed);

#endif
