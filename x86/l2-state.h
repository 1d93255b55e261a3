/* SPDX-License-Identifier: GPL-2.0-or-later */
/* L2's registers through a move: what svm_state.c and vmx_state.c share. */
#ifndef L2_STATE_H
#define L2_STATE_H

#include "l2.h"

/*
 * Enters L2 with all the registers that it has but RIP, and has it moved while it does nothing but
 * hold them. Then it calls, from hold_ends, which the program brings.
 */
void hold_through_move(struct l2 *l2);
extern char hold_ends[];

#endif
