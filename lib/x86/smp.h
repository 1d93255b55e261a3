/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs: numbers from 0, the boot CPU's, in the order of the MADT. All that
 * the MADT calls enabled are running before a program's first test. A CPU with
 * nothing to do waits in HLT, with interrupts on.
 */
#ifndef X86_SMP_H
#define X86_SMP_H

#include "libcflat.h"
#include "percpu.h"

int cpu_count(void);
int smp_id(void);
u32 cpu_apic_id(int cpu);

/* One that is not this CPU, if there are several. */
static inline int other_cpu(void)
{
	return (smp_id() + 1) % cpu_count();
}

/*
 * Run function(data) on a CPU: on_cpu waits until it has returned, on_cpu_async
 * only until an earlier call on that CPU has. On this CPU itself it is a plain
 * call. On another it runs with interrupts on, in place of what the CPU was
 * doing, and with the caller's report prefixes. A CPU does not take two calls at
 * once. on_cpu aborts when the function has not returned within ten minutes
 * (times timescale): a test's own waits have closer deadlines.
 */
void on_cpu(int cpu, void (*function)(void *data), void *data);
void on_cpu_async(int cpu, void (*function)(void *data), void *data);
/* Waits for what on_cpu_async has begun on this CPU. */
void on_cpu_wait(int cpu);
/* On all at the same time, this one included; waits for all. */
void on_cpus(void (*function)(void *data), void *data);

#define for_each_cpu(cpu) for ((cpu) = 0; (cpu) < cpu_count(); (cpu)++)

/* For the library. */
void smp_init(void);

#endif
