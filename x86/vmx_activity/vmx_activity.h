/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_activity share: an L2 that sleeps. */
#ifndef VMX_ACTIVITY_H
#define VMX_ACTIVITY_H

#include "nested/vmx/vmx-event.h"

/* L2's code: HLT for ever; RIP is behind_hlt while it sleeps. */
void halt_forever(void);
extern char behind_hlt[];

/* L2's code: makes call 1. */
void run_and_call(void);

u64 cycles_of_ms(u64 ms);

/* An L2 that begins at RIP in an activity state, with interrupts off. */
struct l2 *new_sleeper(void (*rip)(void), u32 state);

/* Checks that L2 slept at RIP until now, wakes it, lets it make its call, and frees it. */
void end_sleeper(struct l2 *l2, const void *rip);

#endif
