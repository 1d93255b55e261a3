/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program selftest share: interrupts that are counted. */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "libcflat.h"
#include "isr.h"
#include "percpu.h"

/* How long an interrupt may take to arrive. */
#define ARRIVAL_MS 2000

#define VECTOR_A 0x41
#define VECTOR_B 0x82

/* How many interrupts this CPU got. Tests set it to 0 first. */
DECLARE_PER_CPU(int, arrived);
/* For handle_irq_eoi(). */
void count_arrival(isr_regs_t *regs);
/* Whether COUNT interrupts and no more have arrived at this CPU, now or soon. */
bool arrives(int count);

/* Whether a read of the byte raises the #PF of a page that is not present. */
bool faults_on_read(const volatile void *address);

#endif
