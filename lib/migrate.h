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
/* migrate(), if nobody has called this before. */
void migrate_once(void);
/* Says that there will be no move, once, for a runner that expects one. */
void migrate_skip(void);

/* From the first to the second, the guest is moved again and again. */
void migrate_begin_continuous(void);
void migrate_end_continuous(void);

#endif
