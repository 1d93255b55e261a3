/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Follows the messages of this machine's kernel: /dev/kmsg, in the format of the kernel's
 * Documentation/ABI/testing/dev-kmsg. The environment variable FERRY_KMSG names another file, or a
 * FIFO, in its place.
 */
#ifndef FERRY_HOST_KMSG_H
#define FERRY_HOST_KMSG_H

#include "util/kernel-report.h"

struct kmsg;

/*
 * Reports from now on. The listener is called from the main loop, and from kmsg_read() and
 * kmsg_flush(). NULL if the messages may not be read here.
 */
struct kmsg *kmsg_open(const struct kernel_report_listener *listener, void *data);
/* Takes all messages that have come by now. */
void kmsg_read(struct kmsg *kmsg);
/* Has a report begun whose end has not come? It comes, at the latest, after two seconds. */
gboolean kmsg_is_open(const struct kmsg *kmsg);
/* Takes a report that has begun for complete. */
void kmsg_flush(struct kmsg *kmsg);
void kmsg_close(struct kmsg *kmsg);

#endif
