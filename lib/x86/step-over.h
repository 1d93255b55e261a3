/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CPU that steps over OUT instructions, so that it is nearly always stopped with an exception
 * that waits (Intel SDM volume 3, "Single-Step Exception Condition" and "Debug Status Register
 * (DR6)").
 *
 * While RFLAGS.TF is set, each instruction is followed by a #DB. An OUT leaves the guest for the
 * VMM. When the VMM stops the guest there, KVM ends the instruction and returns with the #DB
 * pending. In a nested guest what it will put into DR6 is not in DR6 yet (KVM API,
 * "KVM_GET_VCPU_EVENTS", exception_has_payload).
 */
#ifndef X86_STEP_OVER_H
#define X86_STEP_OVER_H

#include "libcflat.h"

/* These are about the CPU that calls. Begins to count, and takes #DB over; gives it back. */
void step_begin(void);
void step_end(void);
/* Steps over some OUTs. For migrate_quiet_while(). */
void step_over_some(void);
/* One #DB for each OUT, with the address of the next instruction, and BS in DR6 and no more. */
bool step_is_right(void);
/* What was counted. */
void step_text(char *text, size_t size);

#endif
