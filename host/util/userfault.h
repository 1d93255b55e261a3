/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this machine's kernel lets a VMM do with a guest's page faults: userfaultfd(2). */
#ifndef FERRY_HOST_USERFAULT_H
#define FERRY_HOST_USERFAULT_H

#include <glib.h>

/*
 * Why a VMM cannot handle faults on pages that are missing (and, with WRITES, on pages
 * that are protected from being written), in one line that says what to do, or NULL if
 * it can, or if only the VMM can know. Asked of the kernel once.
 */
const char *userfault_problem(gboolean writes);

#endif
