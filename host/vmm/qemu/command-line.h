/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a QEMU. */
#ifndef FERRY_HOST_QEMU_COMMAND_LINE_H
#define FERRY_HOST_QEMU_COMMAND_LINE_H

#include "vmm/vmm.h"

/* The file descriptor under which QEMU finds its monitor. */
#define MONITOR_FD 3

/* The descriptor of the file that its guest is restored from. */
#define RESTORE_FD 4

/* The arguments that start QEMU for the runner, ended by NULL. The caller unrefs the array. */
GPtrArray *qemu_command_line(const struct vm_config *config);

/*
 * Writes the command to CONFIG's `command_path` in a form that a person can run: without the
 * runner's monitor and `runner_word`. FALSE and ERROR if it cannot be written.
 */
gboolean qemu_write_command(const struct vm_config *config, GError **error);

/* Does QEMU find the firmware that CONFIG's guest needs? FALSE and ERROR if not. */
gboolean qemu_has_firmware(const struct vm_config *config, GError **error);

/* Whether the guest's first instruction waits for the first migration (struct vm_machine). */
gboolean qemu_waits_for_migration(const struct vm_config *config);
/* Does a guest that arrives wait for `cont`, so that images of its memory can be made first? */
gboolean qemu_starts_stopped(const struct vm_config *config);

#endif
