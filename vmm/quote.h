/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts in lines of the control protocol (docs/native-vmm.md). */
#ifndef VMM_QUOTE_H
#define VMM_QUOTE_H

#include <stddef.h>

/*
 * Writes TEXT to the ROOM bytes at QUOTED, as it has to be between double quotes: with a backslash
 * before each double quote and backslash, and a space for each newline. Cuts off what does not fit.
 */
void quote(char *quoted, size_t room, const char *text);

#endif
