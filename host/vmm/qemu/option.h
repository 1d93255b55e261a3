/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the options of a plan (enum vm_option) mean to a QEMU. */
#ifndef FERRY_HOST_QEMU_OPTION_H
#define FERRY_HOST_QEMU_OPTION_H

#include "vmm/qemu/action.h"

/* Makes what the stream to QEMU, a destination, goes through. FALSE and ERROR if it cannot be. */
gboolean qemu_option_make_channel(struct qemu *qemu, GError **error);
/* The stream flows, or never will: all that the runner holds of the channel is given back. */
void qemu_option_drop_channel(struct qemu *qemu);

/* Asks QEMU for what its options need; REPLY gets each answer. */
void qemu_option_ask(struct qemu *qemu, qmp_reply_function reply);
/* Tells a destination to wait for its guest; `ready` or a report of failure follows. */
void qemu_option_await_guest(struct qemu *qemu);
/* Where the source sends the guest to. The caller frees it. */
char *qemu_option_target(const struct qemu *to);
/* The source has sent all: a destination that reads a file begins now. */
void qemu_option_sent(struct qemu *to);
/* The reply to a command that names the channel: QEMU may not know that kind. */
void qemu_option_on_channel_reply(void *data, JsonNode *value, const char *problem);

/*
 * A move whose options show themselves only when memory is gone over again and again is
 * held in flight: slow, until the figures tell that they work. Called for the bandwidth in
 * bytes a second (0: no limit) that a move begins with ...
 */
void qemu_option_begin(struct qemu_action *action, guint64 bandwidth);
/* ... and for each pass over memory. */
void qemu_option_pass(struct qemu_action *action, gint64 pass);

/* The options (enum vm_option) that did nothing, as the FIGURES of query-migrate show. */
unsigned qemu_option_unused(const struct qemu_action *action, JsonObject *figures);

#endif
