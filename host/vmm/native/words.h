/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of a ferry-vmm. A program's machine is described in QEMU's words. */
#ifndef FERRY_HOST_NATIVE_WORDS_H
#define FERRY_HOST_NATIVE_WORDS_H

#include "vmm/vmm.h"

/*
 * The options for the machine that MACHINE describes, of char *. NULL if ferry-vmm lacks what one
 * of the words stands for; then PROBLEM says which, "the native VMM has no -device edu". The caller
 * frees both.
 */
GPtrArray *native_translate(const struct vm_machine *machine, char **problem);

/* The `lacks` of struct vmm. */
char *native_lacks(const struct vm_machine *machine);

/*
 * The arguments that start ferry-vmm for the runner, ended by NULL. The caller unrefs the array.
 * The machine must lack nothing.
 */
GPtrArray *native_command_line(const struct vm_config *config);

/*
 * Writes the command to CONFIG's `command_path` in a form that a person can run: without the
 * control socket and `runner_word`. FALSE and ERROR if it cannot be written.
 */
gboolean native_write_command(const struct vm_config *config, GError **error);

#endif
