/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a QEMU is asked for before it migrates a guest. */
#ifndef FERRY_HOST_QEMU_CAPABILITY_H
#define FERRY_HOST_QEMU_CAPABILITY_H

#include "vmm/qemu/qemu.h"

/* Asks for all that QEMU's uses and options need. A refusal is told to the VM's listener. */
void qemu_ask_capabilities(struct qemu *qemu);

#endif
