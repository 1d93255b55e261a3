/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_exit need of each other. */
#ifndef VMX_EXIT_H
#define VMX_EXIT_H

#include "x86/nested/instructions.h"
#include "nested/vmx/vmx.h"

/* Runs the rows in L1 and gives an L2 for turns; end() is for it. */
struct l2 *begin(const struct row *table, int count);

/* Exit qualifications of MOV from and to control registers. */
#define MOV_TO_CR(number, gpr)	 ((number) | CONTROL_REG_MOV_TO | CONTROL_REG_GPR(gpr))
#define MOV_FROM_CR(number, gpr) ((number) | CONTROL_REG_MOV_FROM | CONTROL_REG_GPR(gpr))

/* An L2's function: calls 1, 2, 3 and so on. */
void calls_in_l2(void *data);

#endif
