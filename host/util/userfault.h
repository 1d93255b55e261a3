/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a VMM may handle page faults of its guest here: userfaultfd(2). */
#ifndef FERRY_HOST_USERFAULT_H
#define FERRY_HOST_USERFAULT_H

#include <glib.h>

/*
 * One line that says why a VMM cannot handle faults on missing pages, or, with WRITES, on
 * write-protected pages, and what to do about it. NULL if it can, or if only the VMM can find out.
 * The kernel is asked once.
 */
const char *userfault_problem(gboolean writes);

/*
 * For tests: from now on this is the problem with both, or NULL. PROBLEM must live as long as the
 * runner.
 */
void userfault_pretend(const char *problem);

#endif
