/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What carries a migration: a UNIX socket, TCP, two processes and a FIFO, or a file. */
#ifndef FERRY_HOST_QEMU_CHANNEL_H
#define FERRY_HOST_QEMU_CHANNEL_H

#include "vmm/qemu/qemu.h"

/* Makes the FIFO to QEMU, a destination, if its channel needs one. FALSE and ERROR on failure. */
gboolean qemu_channel_make(struct qemu *qemu, GError **error);
/* The stream flows, or never will: closes what the runner has open of the channel. */
void qemu_channel_drop(struct qemu *qemu);

/* Tells a destination to wait for its guest. It then becomes ready, or is reported as broken. */
void qemu_channel_await_guest(struct qemu *qemu);
/* The arguments of `migrate`, which tell where the source sends the guest to. */
JsonObject *qemu_channel_target(const struct qemu *to);
/* The source has sent all: lets a destination that reads a file begin. */
void qemu_channel_sent(struct qemu *to);
/* Handles the reply to a command that names the channel, whose kind QEMU may not know. */
void qemu_channel_on_reply(void *data, JsonNode *value, const char *problem);

#endif
