/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt handlers. All CPUs share one table of handlers. A handler runs on the interrupted CPU,
 * on its stack, with interrupts off. It does not get interrupts that an emulated CPU has delivered
 * twice (ghost.h).
 */
#ifndef X86_ISR_H
#define X86_ISR_H

#include "exception.h"

typedef struct ex_regs isr_regs_t;
typedef void (*isr)(isr_regs_t *regs);

/* Vectors that tests may use, and the library's own. */
#define FIRST_TEST_VECTOR  0x20
#define LAST_TEST_VECTOR   0xef
#define REMOTE_CALL_VECTOR 0xf0
#define TLB_FLUSH_VECTOR   0xf1
#define SPURIOUS_VECTOR	   0xff

/* Sets a handler that calls eoi() itself where the interrupt needs it. */
void handle_irq(unsigned vector, isr function);

/* Sets a handler. The library sends EOI after it has returned. */
void handle_irq_eoi(unsigned vector, isr function);

/*
 * Sets a handler for interrupts that need not be in service in the local APIC: INT n, an interrupt
 * that L1 injects into L2 or that its virtual APIC delivers, a SINT with AutoEOI. The handler sends
 * EOI itself. It calls a function of ghost.h if the vector can have ghosts.
 */
void handle_irq_any(unsigned vector, isr function);

/*
 * Removes the handler: an interrupt with this vector is unexpected again, and ends the guest. If
 * interrupts are on, an interrupt that is pending on this CPU is handled first.
 */
void unhandle_irq(unsigned vector);

/* How many spurious interrupts all CPUs have got. */
u64 spurious_interrupts(void);

#endif
