/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Post-copy migrations of a QEMU whose stream is cut and mended. */
#ifndef FERRY_HOST_QEMU_RECOVER_H
#define FERRY_HOST_QEMU_RECOVER_H

#include "vmm/qemu/action.h"

/* Something has happened in MOVE, a post-copy one: cuts and mends its stream as it is to. */
void qemu_recover_advance(struct qemu_action *action);

#endif
