/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that runs a case of some results again. */
#ifndef FERRY_HOST_REPORT_COMMAND_H
#define FERRY_HOST_REPORT_COMMAND_H

#include "report/result.h"

/*
 * "ferry run kvmclock --plan precopy --host amd --seed 17": runs just the case of RESULT as it was
 * run. Words are quoted for a shell. The caller frees it.
 */
char *command_again(const struct result *result);

#endif
