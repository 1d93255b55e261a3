/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers that a reset of the machine must set to their initial state, as far as a program
 * can read them when it begins.
 */
#ifndef X86_MACHINE_STATE_H
#define X86_MACHINE_STATE_H

/* Prints a `machine` line for each CPU: docs/protocol.md, "Machine lines". */
void machine_state_tell(void);
/* The same for devices. machine_state_tell() calls it. */
void device_state_tell(void);

#endif
