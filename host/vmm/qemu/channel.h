/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What carries a migration: a UNIX socket, TCP, two processes and a FIFO, or a file. */
#ifndef FERRY_HOST_QEMU_CHANNEL_H
#define FERRY_HOST_QEMU_CHANNEL_H

#include "vmm/qemu/qemu.h"

/* Makes what the stream to QEMU, a destination, goes through. FALSE and ERROR if it cannot be. */
gboolean qemu_channel_make(struct qemu *qemu, GError **error);
/* The stream flows, or never will: gives back all that the runner holds of the channel. */
void qemu_channel_drop(struct qemu *qemu);

/* Tells a destination to wait for its guest. It then becomes ready, or is reported as broken. */
void qemu_channel_await_guest(struct qemu *qemu);
/* The arguments of `migrate`, which tell where the source sends the guest to. */
JsonObject *qemu_channel_target(const struct qemu *to);
/* The source has sent all. A destination that reads a file begins now. */
void qemu_channel_sent(struct qemu *to);
/* The reply to a command that names the channel: QEMU may not know that kind. */
void qemu_channel_on_reply(void *data, JsonNode *value, const char *problem);

#endif
