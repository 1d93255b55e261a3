/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UEFI firmware for QEMU: OVMF, in two flash images, as the distribution has it. */
#ifndef FERRY_HOST_QEMU_UEFI_H
#define FERRY_HOST_QEMU_UEFI_H

#include "suite/firmware.h"

/* One build of an installed OVMF. */
struct uefi_build {
	char *code, *code_format;	    /* the firmware itself, which is never written */
	char *variables, *variables_format; /* a template of its variables */
	gboolean secure;		    /* with SMM, for Secure Boot */
};

/*
 * The OVMF that the distribution's descriptors name first for q35, without Secure Boot or with it.
 * With Secure Boot its variables are a file in the user's cache, with the key that this build's
 * guests are signed with. It is never freed. NULL and ERROR if there is none.
 */
const struct uefi_build *uefi_find(enum firmware firmware, GError **error);

/* The same among the descriptors in FOLDERS, ended by NULL. The caller frees it with uefi_free().
 */
struct uefi_build *uefi_find_in(const char *const *folders, enum firmware firmware, GError **error);
void uefi_free(struct uefi_build *build);

/* Adds the arguments that give a machine this firmware to ARGUMENTS, of char *. */
void uefi_add_arguments(GPtrArray *arguments, const struct uefi_build *build);
/* Adds a disk with the FAT image FILE, which firmware starts, and the guest's command line. */
void uefi_add_disk(GPtrArray *arguments, const char *file, const char *command_line);

#endif
