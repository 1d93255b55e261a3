/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guest's clocks across a save and restore. */
#ifndef VMM_STATE_CLOCKS_H
#define VMM_STATE_CLOCKS_H

#include "state.h"

/*
 * Whether the guest's clocks go on between saving STATE and restoring it. The TSC stands still if
 * this KVM lacks KVM_VCPU_TSC_OFFSET (Linux 5.16).
 */
bool clocks_run(const struct state *state);

#endif
