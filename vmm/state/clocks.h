/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How clocks fare when a state is restored. */
#ifndef VMM_STATE_CLOCKS_H
#define VMM_STATE_CLOCKS_H

#include "state.h"

/*
 * Whether the guest's clocks go on between saving STATE and restoring it. They stand still if this
 * KVM lacks KVM_VCPU_TSC_OFFSET or KVM_CLOCK_REALTIME (Linux 5.16), or if the host's TSC is not its
 * clock.
 */
bool clocks_run(const struct state *state);

#endif
