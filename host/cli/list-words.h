/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry list --words`: what a shell completes. */
#ifndef FERRY_HOST_CLI_LIST_WORDS_H
#define FERRY_HOST_CLI_LIST_WORDS_H

#include "suite/suite.h"

/*
 * Prints, one a line, the words that may be the value of OPTION, an option of `ferry run` such as
 * "host". For "case" these are the cases. Prints nothing for an option whose values nobody can
 * list.
 */
void list_words(const struct suite *suite, const char *option);

#endif
