/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a VMM on this machine may handle its guest's page faults with userfaultfd(2). Post-copy
 * and background snapshots need that.
 */
#ifndef FERRY_HOST_USERFAULT_H
#define FERRY_HOST_USERFAULT_H

#include <glib.h>

/*
 * What a VMM lacks for handling faults on missing pages, or with WRITES on write-protected pages,
 * and what to do about it. It is one line, which continues the words "plan X needs". NULL if
 * nothing is lacking, or if only the VMM can find out. Only the first call asks the kernel.
 */
const char *userfault_problem(gboolean writes);

/*
 * For tests: from now on userfault_problem() returns PROBLEM, which may be NULL, for both kinds of
 * faults. PROBLEM must live as long as the runner.
 */
void userfault_pretend(const char *problem);

#endif
