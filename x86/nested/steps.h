/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug exceptions in L2: what svm_event and vmx_order share in steps.c. */
#ifndef L2_STEPS_H
#define L2_STEPS_H

#include "nested/l2-event.h"

#define DR6_B0	 BIT(0)
#define DR6_BS	 BIT(14)
#define DR6_INIT 0xffff0ff0

/* ---- of the program ---- */

/* Breakpoints of L2 work on this CPU. */
DECLARE_FEATURE(L2_BREAKPOINTS);

/* ---- for the program's own tests (steps.c) ---- */

/* Writes to a variable that breakpoint 0 watches, and again when it is not watched. */
void store_watched(void);

/* L2's code: single steps by TF, each of which ends at one of these addresses; then call 1. */
void in_steps(void *data);
#define STEPS 6
extern const char *const steps[STEPS];

/* A test of single steps whose #DB L2 itself handles. */
enum step_migration { MIGRATED_IN_HANDLER, MIGRATED_ANYWHERE };
void step_in_l2(enum step_migration move);

#endif
