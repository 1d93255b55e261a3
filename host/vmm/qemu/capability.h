/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a QEMU is asked for before it migrates a guest. */
#ifndef FERRY_HOST_QEMU_CAPABILITY_H
#define FERRY_HOST_QEMU_CAPABILITY_H

#include "vmm/qemu/qemu.h"

/* Asks QEMU for all that its uses and options need. The VM's listener is told of a refusal. */
void qemu_ask_capabilities(struct qemu *qemu);
/*
 * Turns the capability postcopy-ram on or off for the action that has begun: QEMU writes no file
 * while it is on, and both sides of a migration have to agree.
 */
void qemu_want_postcopy(struct qemu *qemu, gboolean wanted);
/*
 * Says whether migrations from now on stop in the state "pre-switchover", in which the guest has
 * stopped, and all but the state of its devices is sent.
 */
void qemu_want_switchover_pause(struct qemu *qemu, gboolean wanted);

#endif
