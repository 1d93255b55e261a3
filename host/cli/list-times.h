/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry list --times`: how long cases are expected to take, and how that is known. */
#ifndef FERRY_HOST_CLI_LIST_TIMES_H
#define FERRY_HOST_CLI_LIST_TIMES_H

#include <glib.h>

#include "vmm/vmm.h"

/* Prints the times of CASES, of struct test_case, on this machine with ACCEL, and in labs. */
void list_times(GPtrArray *cases, const char *accel);

#endif
