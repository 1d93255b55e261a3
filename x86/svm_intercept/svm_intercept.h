/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_intercept share. */
#ifndef SVM_INTERCEPT_H
#define SVM_INTERCEPT_H

#include "x86/nested/instructions.h"
#include "nested/svm/svm.h"

/* Instructions with a test of their own, since some CPUs and hypervisors get them wrong. */
extern const struct row further_instructions[];
enum { RDTSCP, INVD, ICEBP, XSETBV, VMMCALL };

/* Runs the rows in L1 and returns an L2 for turns. The caller ends it by end(). */
struct l2 *begin(const struct row *table, int count);
/* turn_after_migration(), with GIF clear from before the migration to VMRUN. */
bool turn_after_migration_with_gif_clear(struct l2 *l2, const char *when);

/* L2's code: returns at once. */
void nothing(void *unused);

/* How many bits a physical address has on this CPU. */
u32 physical_bits(void);

/*
 * For rows of ports and MSRs (ports.c, msrs.c): whether L1 wants an exit, and a check of what the
 * exit reports.
 */
bool port_should_exit(const struct l2 *l2, const struct row *row);
bool check_port(const struct l2 *l2, const struct row *row, const char *when);
bool msr_should_exit(const struct l2 *l2, const struct row *row);
bool check_msr(const struct l2 *l2, const struct row *row, const char *when);

#endif
