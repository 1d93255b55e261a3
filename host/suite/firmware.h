/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kinds of firmware that a guest may be started by: the words of --firmware. */
#ifndef FERRY_HOST_SUITE_FIRMWARE_H
#define FERRY_HOST_SUITE_FIRMWARE_H

#include <glib.h>

enum firmware {
	FIRMWARE_USUAL, /* what the VMM boots a multiboot image with */
	FIRMWARE_UEFI,
	FIRMWARE_UEFI_SECURE, /* with Secure Boot, and with SMM, which protects its variables */
};

/* The least RAM of a guest that UEFI firmware starts, in MiB. */
#define LEAST_UEFI_MEMORY_MIB 128

/* The kind that WORD names; NULL names the usual one. FALSE and ERROR if there is none. */
gboolean firmware_find(const char *word, enum firmware *firmware, GError **error);

/* All words, ended by NULL. */
const char *const *firmware_words(void);

/* The kind that WORD names, which firmware_find() knows. */
enum firmware firmware_of(const char *word);

/*
 * The file that FIRMWARE starts for a program whose multiboot image is FILE, build/x86/NAME.flat:
 * NAME.efi or NAME.secure.img beside it, or FILE itself. The caller frees it.
 */
char *firmware_image(enum firmware firmware, const char *file);

#endif
