/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Another CPU that halts with interrupts off. Only an NMI, an SMI, INIT or RESET ends its HLT
 * (Intel SDM volume 2, "HLT"; AMD APM volume 3, "HLT"). One CPU at a time.
 */
#ifndef X86_HALTED_CPU_H
#define X86_HALTED_CPU_H

#include "libcflat.h"

/*
 * Has CPU call `before`, which may be NULL, with interrupts off, and halt. Gives it time for that,
 * but a busy host may keep it from it. If the HLT ends, the CPU waits with interrupts off for
 * halted_cpu_end().
 */
void halted_cpu_begin(int cpu, void (*before)(void));
/* A check: the HLT has not ended. WHEN begins the check's text. */
void halted_cpu_check(int cpu, const char *when);
/*
 * A check: an NMI ends the HLT. The CPU turns interrupts on then, takes those that have waited,
 * calls `after`, which may be NULL, and is idle again.
 */
void halted_cpu_end(int cpu, void (*after)(void), const char *when);

#endif
