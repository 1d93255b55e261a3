/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asking to be moved: docs/protocol.md, "Migration sentences". From any CPU. What
 * the host then does is the plan's affair, and may be nothing at all; these
 * return when it has been done.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

void migrate(void);
/* Without the lines for people: for many moves in a loop. */
void migrate_quiet(void);
/*
 * The same, and until the host has answered this CPU calls MEANWHILE, again and again.
 * The host's answer is looked for after some tens of calls: let one take microseconds.
 */
void migrate_quiet_while(void (*meanwhile)(void));
/*
 * The same in two steps, for what has to happen in between with no exit to the VMM: nothing
 * may be printed there.
 */
void migrate_request(void);
void migrate_await(void (*meanwhile)(void));
/*
 * For code that cannot call C, such as a nested guest that is not in 64-bit mode: between
 * these two it asks by itself. It waits for bit 5 of port 0x3fd (room to send), writes '\n'
 * to port 0x3f8, waits for bit 0 of port 0x3fd (a byte has come), reads port 0x3f8, and
 * writes to memory meanwhile. Nothing may be printed between the two.
 */
void migrate_by_hand_begin(void);
void migrate_by_hand_end(void);
/* migrate(), if nobody has called this before. */
void migrate_once(void);
/* Says that there will be no move, once, for a runner that expects one. */
void migrate_skip(void);

/* From the first to the second, the guest is moved again and again. */
void migrate_begin_continuous(void);
void migrate_end_continuous(void);

#endif
