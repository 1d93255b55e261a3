/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_exit share. */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "x86/nested/instructions.h"
#include "nested/vmx/vmx.h"

/*
 * Enters VMX operation, runs the rows in L1, and returns an L2 for turns (x86/nested/instructions.h
 * says what rows and turns are). end() frees it.
 */
struct l2 *begin(const struct row *table, int count);

/* Exit qualifications of MOV from and to control registers. */
#define MOV_TO_CR(number, gpr)	 ((number) | CONTROL_REG_MOV_TO | CONTROL_REG_GPR(gpr))
#define MOV_FROM_CR(number, gpr) ((number) | CONTROL_REG_MOV_FROM | CONTROL_REG_GPR(gpr))

/* Code of L2: it makes l2_call(1), l2_call(2) and so on, for ever. */
void calls_in_l2(void *data);

#endif
