/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps a CPU over OUT instructions, so that an action nearly always finds it with an exception
 * pending (Intel SDM volume 3, "Single-Step Exception Condition" and "Debug Status Register
 * (DR6)").
 *
 * While RFLAGS.TF is set, each instruction is followed by a #DB. An OUT leaves the guest for the
 * VMM. When the VMM stops the guest there, KVM ends the instruction and returns with the #DB
 * pending. In a nested guest the #DB's bits are not in DR6 yet, but in its payload (KVM API,
 * "KVM_GET_VCPU_EVENTS", exception_has_payload).
 */
#ifndef X86_STEP_OVER_H
#define X86_STEP_OVER_H

#include "libcflat.h"

/*
 * All these act on the calling CPU. step_begin() resets the counts and takes #DB over, step_end()
 * gives it back.
 */
void step_begin(void);
void step_end(void);
/* Steps over some OUTs. For migrate_quiet_while(). */
void step_over_some(void);
/* Whether each OUT had one #DB, with the address of the next instruction and only BS in DR6. */
bool step_is_right(void);
/* The counts, for messages. */
void step_text(char *text, size_t size);

#endif
