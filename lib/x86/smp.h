/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPUs. They are numbered from 0, the boot CPU, in the order of the MADT. All CPUs that the
 * MADT calls enabled are running when a program's first test begins. An idle CPU waits in HLT with
 * interrupts on.
 */
#ifndef X86_SMP_H
#define X86_SMP_H

#include "libcflat.h"
#include "percpu.h"

/* cpu_count() is declared in test.h. */
int smp_id(void);
u32 cpu_apic_id(int cpu);

/* A CPU other than this one, or this one if there is no other. */
static inline int other_cpu(void)
{
	return (smp_id() + 1) % cpu_count();
}

/*
 * Run function(data) on a CPU. on_cpu() waits until the function has returned, on_cpu_async() only
 * until an earlier function on that CPU has. For this CPU it is a plain call. On another CPU the
 * function interrupts what the CPU does, and runs with interrupts on and with the caller's report
 * prefixes. A CPU runs one such function at a time. They abort after ten minutes times timescale: a
 * test's own waits have shorter deadlines. They abort sooner if the CPU is idle and does not take
 * the function, or shows no sign of life for half a minute while no CPU waits for the host.
 */
void on_cpu(int cpu, void (*function)(void *data), void *data);
void on_cpu_async(int cpu, void (*function)(void *data), void *data);
/* Waits until the function that on_cpu_async() has begun on `cpu` has returned. */
void on_cpu_wait(int cpu);
/* Runs a function on all CPUs at the same time, this one included, and waits for all. */
void on_cpus(void (*function)(void *data), void *data);

#define for_each_cpu(cpu) for ((cpu) = 0; (cpu) < cpu_count(); (cpu)++)

/*
 * For tests of INIT and SIPI, on another CPU than the boot CPU and this one. smp_send_init() sends
 * an INIT. A CPU that has taken it waits for a SIPI. Then call smp_forget(), since the function
 * that on_cpu() runs there never returns. smp_start() sends the SIPI, and returns whether the CPU
 * is idle again, as after the boot. Such a CPU must be started in the end.
 *
 * smp_start_at() has the CPU start with other code. This is copied to TRAMPOLINE_BASE, has at most
 * TRAMPOLINE_SIZE bytes, and goes on at ap_start64 (boot.h) as the library's own code does.
 */
void smp_send_init(int cpu);
void smp_forget(int cpu);
bool smp_start(int cpu);
bool smp_start_at(int cpu, const char *code, size_t size);

/* For the library. */
void smp_init(void);
/*
 * Each CPU raises this count while it waits, prints or enters an L2. on_cpu_wait() considers a CPU
 * dead whose count has not changed for too long.
 */
DECLARE_PER_CPU(u64, signs_of_life);
static inline void show_life(void)
{
	this_cpu(signs_of_life)++;
}

#endif
