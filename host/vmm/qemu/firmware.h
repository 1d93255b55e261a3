/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The firmware that Ferry's guests need, and where a QEMU finds it. */
#ifndef FERRY_HOST_QEMU_FIRMWARE_H
#define FERRY_HOST_QEMU_FIRMWARE_H

#include <glib.h>

/*
 * qboot boots a multiboot image in milliseconds. SeaBIOS spends seconds in 16-bit code on a KVM
 * that emulates it.
 */
#define FIRMWARE "qboot.rom"

/*
 * The folders to give BINARY, a path or a name in PATH, with -L, ended by NULL. There are none if
 * BINARY by itself finds what Ferry's guests need, or does not say where it looks. Otherwise they
 * are its own folders and then the distribution's. Asks BINARY once, and keeps the result.
 */
const char *const *qemu_firmware_folders(const char *binary);

/* Does BINARY find FIRMWARE, with these folders? FALSE and ERROR if not, TRUE if it is unknown. */
gboolean qemu_finds_firmware(const char *binary, GError **error);

/*
 * Like qemu_firmware_folders(), for a QEMU that has answered HELP to `-L help`, with DISTRIBUTION's
 * folders in place of the usual ones. The caller frees the result with g_strfreev().
 */
char **qemu_choose_firmware_folders(const char *help, const char *const *distribution);

#endif
