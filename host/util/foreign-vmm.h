/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose virtual machine is it? The log of a host's kernel speaks of all virtual machines on the
 * host, and of a process by the number of one of its threads.
 */
#ifndef FERRY_HOST_UTIL_FOREIGN_VMM_H
#define FERRY_HOST_UTIL_FOREIGN_VMM_H

#include <glib.h>

/*
 * Is the thread one of a process that has a KVM virtual machine, and that is neither the process
 * RUNNER nor one of its descendants? FALSE if that is not known for certain: the thread has ended,
 * or this process may not see it. The kernel's log numbers threads as the machine's first PID
 * namespace does, so the answer is FALSE in any other.
 *
 * The environment variable FERRY_PROC names another folder in place of /proc.
 */
gboolean foreign_vmm(GPid thread, GPid runner);

#endif
