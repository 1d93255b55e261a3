/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reset of the machine has to bring back to its initial state, as far as a
 * program can see it when it begins.
 */
#ifndef X86_MACHINE_STATE_H
#define X86_MACHINE_STATE_H

/* Prints a `machine` line for each CPU (docs/protocol.md). */
void machine_state_tell(void);

#endif
