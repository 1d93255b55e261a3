/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's command line: words, of which those with a = are arguments. */
#ifndef ARGUMENT_H
#define ARGUMENT_H

#include "libcflat.h"

/* What follows `key=` in the first word that begins so, or NULL. */
const char *argument(const char *key);
/* The nth, from 0, of several. */
const char *argument_nth(const char *key, int n);
/*
 * The same as a number in decimal, or with 0x or 0 before it as in C; otherwise
 * if there is no such word. Aborts if it is not a number.
 */
u64 argument_number(const char *key, u64 otherwise);

/* For the library: keeps a copy. */
void arguments_read(const char *command_line);

#endif
