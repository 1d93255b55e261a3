/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests for a migration: docs/protocol.md, "Migration sentences". The plan decides what the host
 * does then: a migration, another action (a pause, a reset, ...), or nothing. These functions
 * return when that has been done, and abort after ten minutes times timescale. Any CPU may call
 * them; only one CPU has a request at a time, and others wait.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

/* Requests a migration, and prints lines for people. */
void migrate(void);
/* Requests a migration without these lines, for many requests in a loop. */
void migrate_quiet(void);
/*
 * Like migrate_quiet(), but calls `meanwhile` again and again until the host has answered. It looks
 * for the answer only once in some tens of calls, so a call should take no more than microseconds.
 */
void migrate_quiet_while(void (*meanwhile)(void));
/*
 * A quiet request in two steps, so that something can happen in between without an exit to the VMM.
 * Nothing may be printed in between. `meanwhile` is as above, or NULL. Unlike the functions above,
 * these do not themselves write to memory while they wait.
 */
void migrate_request(void);
void migrate_await(void (*meanwhile)(void));
/*
 * For code that cannot call C, such as an L2 that is not in 64-bit mode: it makes the request by
 * itself between these two calls. It waits for bit 5 of port 0x3fd (room to send), writes '\n' to
 * port 0x3f8, waits for bit 0 of port 0x3fd (a byte has come) while it writes to memory, and reads
 * port 0x3f8. Nothing may be printed in between.
 */
void migrate_by_hand_begin(void);
void migrate_by_hand_end(void);
/* Calls migrate() the first time only. */
void migrate_once(void);
/*
 * Tells the runner that there will be no request, in case it expects one. Calls after the first do
 * nothing.
 */
void migrate_skip(void);

/* Between these two calls, the host does one migration after the other. */
void migrate_begin_continuous(void);
void migrate_end_continuous(void);

#endif
