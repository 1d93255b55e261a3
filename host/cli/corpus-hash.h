/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Short hashes that tell whether a line of corpus/matrix is still about the same things. */
#ifndef FERRY_HOST_CORPUS_HASH_H
#define FERRY_HOST_CORPUS_HASH_H

#include "suite/suite.h"

/* Eight hexadecimal digits. The caller frees them. */
char *hash_of_text(const char *text);

/*
 * Of the program's own sources, x86/NAME.c or all files of x86/NAME/. What it shares with other
 * programs is left out: otherwise nearly every commit would make the whole matrix stale.
 */
char *hash_of_program(const struct program *program);

#endif
