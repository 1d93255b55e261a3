/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupts: one table of handlers for all CPUs, a handler runs on the CPU that
 * was interrupted, on its stack, with interrupts off.
 */
#ifndef X86_ISR_H
#define X86_ISR_H

#include "exception.h"

typedef struct ex_regs isr_regs_t;
typedef void (*isr)(isr_regs_t *regs);

/* The library's own; a test takes vectors from 0x20 to 0xef. */
#define FIRST_TEST_VECTOR  0x20
#define LAST_TEST_VECTOR   0xef
#define REMOTE_CALL_VECTOR 0xf0
#define TLB_FLUSH_VECTOR   0xf1
#define SPURIOUS_VECTOR	   0xff

/* The handler sends EOI itself, by eoi(), where its interrupt needs one. */
void handle_irq(unsigned vector, isr function);

/* EOI is sent once the handler has returned. */
void handle_irq_eoi(unsigned vector, isr function);

/*
 * An interrupt at this vector is unexpected again, and ends the guest. One that is
 * pending on this CPU is still handled, if interrupts are on.
 */
void unhandle_irq(unsigned vector);

/* Spurious interrupts of all CPUs so far. */
u64 spurious_interrupts(void);

#endif
