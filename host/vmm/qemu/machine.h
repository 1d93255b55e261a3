/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which machine types the QEMUs of a run have. They are asked before anything starts. */
#ifndef FERRY_HOST_QEMU_MACHINE_H
#define FERRY_HOST_QEMU_MACHINE_H

#include "vmm/vmm.h"

/*
 * The newest versioned machine type of a KIND ("q35", "i440fx") that both QEMUs have, for example
 * "pc-q35-7.2". The caller frees it. NULL and ERROR if there is none.
 */
char *qemu_newest_common_machine(const char *kind, const char *binary, const char *other,
				 GError **error);

/*
 * Fills in TYPES: WANTED, which both QEMUs must have, or if it is NULL the newest types that both
 * have. Without OTHER and WANTED nothing is filled in. FALSE and ERROR on failure.
 */
gboolean qemu_choose_machine_types(struct machine_types *types, const char *wanted,
				   const char *binary, const char *other, GError **error);

#endif
