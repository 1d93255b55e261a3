/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UEFI firmware for QEMU: OVMF, in two flash images, as the distribution has it. */
#ifndef FERRY_HOST_QEMU_UEFI_H
#define FERRY_HOST_QEMU_UEFI_H

#include <glib.h>

/* One of an installed OVMF's builds. */
struct uefi_build {
	char *code, *code_format;	    /* the firmware itself, which is never written */
	char *variables, *variables_format; /* a template of its variables */
};

/*
 * The OVMF that the distribution's descriptors name first for q35, without Secure Boot. The answer
 * stays. NULL and ERROR if there is none.
 */
const struct uefi_build *uefi_find(GError **error);

/* The same among the descriptors in FOLDERS, ended by NULL. The caller frees it with uefi_free().
 */
struct uefi_build *uefi_find_in(const char *const *folders, GError **error);
void uefi_free(struct uefi_build *build);

/* Adds the arguments that give a machine this firmware to ARGUMENTS, of char *. */
void uefi_add_arguments(GPtrArray *arguments, const struct uefi_build *build);

#endif
