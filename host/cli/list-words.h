/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry list --words`: what a shell completes. */
#ifndef FERRY_HOST_CLI_LIST_WORDS_H
#define FERRY_HOST_CLI_LIST_WORDS_H

#include "suite/suite.h"

/*
 * Prints, a line each, the words that may be the value of the option OPTION of `ferry run`, "host"
 * say, or a case for "case". Nothing for an option whose values nobody can list.
 */
void list_words(const struct suite *suite, const char *option);

#endif
