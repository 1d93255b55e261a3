/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short hashes of patches and programs: are the lines of corpus/ still about the same? */
#ifndef FERRY_HOST_CORPUS_HASH_H
#define FERRY_HOST_CORPUS_HASH_H

#include "suite/suite.h"

/*
 * Eight hexadecimal digits, which the caller frees, of the LINES of a patch. They stay the same
 * when only words for people change in its head, such as the line Breaks or a remark.
 */
char *hash_of_patch(char **lines);

/*
 * The same of the program's own sources, x86/NAME.c or all files of x86/NAME/. What it shares with
 * other programs is left out: otherwise nearly every commit would make the whole matrix stale.
 */
char *hash_of_program(const struct program *program);

#endif
