/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's check of a reset: at each boot a guest tells what the registers of each CPU and device
 * hold (`machine` lines, docs/protocol.md). That has to be what it told at the first boot.
 */
#ifndef FERRY_HOST_MACHINE_CHECK_H
#define FERRY_HOST_MACHINE_CHECK_H

#include "guest/console.h"

struct machine_check;

struct machine_check *machine_check_new(void);

/*
 * A `machine` line has come. It is compared with the first one of its CPU or device. Returns what
 * is wrong and was not told before, in one line that the caller frees, or NULL.
 */
char *machine_check_line(struct machine_check *check, const struct machine_line *line);

void machine_check_free(struct machine_check *check);

#endif
