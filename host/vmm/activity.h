/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the vCPUs of a VMM do anything. */
#ifndef FERRY_HOST_ACTIVITY_H
#define FERRY_HOST_ACTIVITY_H

#include <glib.h>

/*
 * The `activity` of struct vmm, for the process PID. Each vCPU has a thread of its own, and the
 * main thread runs none. PID is 0 if the process has ended.
 */
gint64 vm_activity(GPid pid);

#endif
