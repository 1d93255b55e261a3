/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Halts another CPU with interrupts off. Only an NMI, an SMI, INIT or RESET ends its HLT (Intel SDM
 * volume 2, "HLT"; AMD APM volume 3, "HLT"). Only one CPU can be halted at a time.
 */
#ifndef X86_HALTED_CPU_H
#define X86_HALTED_CPU_H

#include "libcflat.h"

/*
 * Makes CPU call `before`, which may be NULL, with interrupts off, and halt. Waits a while for the
 * HLT, but on a busy host it may come later. If the HLT ends, the CPU waits with interrupts off for
 * halted_cpu_end().
 */
void halted_cpu_begin(int cpu, void (*before)(void));
/* A check: the HLT has not ended. WHEN begins the check's text. */
void halted_cpu_check(int cpu, const char *when);
/*
 * A check: an NMI ends the HLT. Then the CPU turns interrupts on, takes those that are pending,
 * calls `after`, which may be NULL, and is idle again.
 */
void halted_cpu_end(int cpu, void (*after)(void), const char *when);

#endif
