/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words that give a `ferry run` the same options again. */
#ifndef FERRY_HOST_RUN_AGAIN_H
#define FERRY_HOST_RUN_AGAIN_H

#include "cli/run-options.h"

/*
 * Those of OPTIONS that change what a case does, and that a result does not tell otherwise: not its
 * host, VMM, plan and seed. The caller frees them with g_strfreev().
 */
char **run_again_words(const struct run_options *options);

#endif
