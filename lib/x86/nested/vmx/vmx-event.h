/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of events in an L2 on VMX include this file: it adds to l2-event.h what only VMX has. */
#ifndef X86_VMX_EVENT_H
#define X86_VMX_EVENT_H

#include "nested/l2-event.h"
#include "nested/vmx/vmx.h"

/* The interruption information of an exception, without its valid bit. */
#define HARD(vector)	       (INTR_TYPE_HARD_EXCEPTION | (vector))
#define HARD_WITH_CODE(vector) (HARD(vector) | (u32)INTR_INFO_DELIVER_CODE_MASK)

/* What to compare of an exit's interruption information: bit 12 may be undefined (25.9.2). */
#define INTR_INFO_DEFINED (INTR_INFO_VALID_MASK | INTR_INFO_DELIVER_CODE_MASK | 0x7ff)

/* A check: the bits `mask` of a field of L2's VMCS are `value`. `when` begins its text. */
bool check_field(const struct l2 *l2, enum vmcs_field field, u64 mask, u64 value, const char *when);

/* Runs L1's handler by INT, as L1 must for an interrupt or NMI that the exit has acknowledged. */
void dispatch(u8 vector);

#endif
