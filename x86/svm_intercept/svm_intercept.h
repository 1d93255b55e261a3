/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_intercept need of each other. */
#ifndef SVM_INTERCEPT_H
#define SVM_INTERCEPT_H

#include "x86/nested/instructions.h"
#include "nested/svm/svm.h"

/* Each has a test of its own, since there are CPUs and hypervisors that get it wrong. */
extern const struct row further_instructions[];
enum { RDTSCP, INVD, ICEBP, XSETBV, VMMCALL };

/* Runs the rows in L1 and gives an L2 for turns; end() is for it. */
struct l2 *begin(const struct row *table, int count);
/* As turn_after_move(), and GIF is clear from before the migration to VMRUN. */
bool turn_after_move_with_gif_clear(struct l2 *l2, const char *when);

/* An L2's function that returns. */
void nothing(void *unused);

/* How many bits a physical address has on this CPU. */
u32 physical_bits(void);

/* Rows of ports and MSRs (ports.c, msrs.c): whether L1 wants an exit, and what it says. */
bool port_should_exit(const struct l2 *l2, const struct row *row);
bool check_port(const struct l2 *l2, const struct row *row, const char *when);
bool msr_should_exit(const struct l2 *l2, const struct row *row);
bool check_msr(const struct l2 *l2, const struct row *row, const char *when);

#endif
