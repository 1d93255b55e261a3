/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arguments: the KEY=VALUE words of the guest's command line. */
#ifndef ARGUMENT_H
#define ARGUMENT_H

#include "libcflat.h"

/*
 * The value of the first argument with this key, or NULL. The library owns the text, and never
 * changes it.
 */
const char *argument(const char *key);
/* The value of the nth argument with this key, counted from 0, or NULL. */
const char *argument_nth(const char *key, int n);
/*
 * The value of an argument as a number (0x and 0 prefixes as in C), or `otherwise` if it is not
 * given. Aborts if the value is not a number.
 */
u64 argument_number(const char *key, u64 otherwise);

/* For the library: copies the first 4095 bytes of the command line. */
void arguments_read(const char *command_line);

#endif
