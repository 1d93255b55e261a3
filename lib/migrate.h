/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests for a migration: docs/protocol.md, "Migration sentences". The plan decides what the
 * host does then: a migration, another action (a pause, a reset, ...), or nothing. These functions
 * return when that has been done, and abort after ten minutes times timescale. From any CPU; only
 * one CPU has a request at a time, and others wait.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

/* Requests a migration, and prints lines for people. */
void migrate(void);
/* The same without these lines, for many requests in a loop. */
void migrate_quiet(void);
/*
 * Calls `meanwhile` again and again until the host has answered. It looks for the answer after
 * some tens of calls only, so one call may take microseconds.
 */
void migrate_quiet_while(void (*meanwhile)(void));
/*
 * A quiet request in two steps, for what has to happen in between without an exit to the VMM.
 * Nothing may be printed in between. `meanwhile` is as above, or NULL. Unlike the functions above,
 * these write to no memory of their own meanwhile.
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
/* Tells a runner that expects a request, once, that there will be none. */
void migrate_skip(void);

/* Asks for one migration after the other from the first call to the second. */
void migrate_begin_continuous(void);
void migrate_end_continuous(void);

#endif
