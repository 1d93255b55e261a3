/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's own check of a reset: what a guest tells of each CPU's registers at a boot
 * (`machine` lines, docs/protocol.md) is what it told at the first one.
 */
#ifndef FERRY_HOST_MACHINE_CHECK_H
#define FERRY_HOST_MACHINE_CHECK_H

#include "guest/console.h"

struct machine_check;

struct machine_check *machine_check_new(void);

/*
 * A `machine` line has come. The first of each CPU is what the others are compared with.
 * Returns what is wrong, and was not told before, in one line that the caller frees, or
 * NULL.
 */
char *machine_check_line(struct machine_check *check, const struct machine_line *line);

void machine_check_free(struct machine_check *check);

#endif
