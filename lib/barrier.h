/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory barriers (Intel SDM volume 3, "Memory Ordering"), and a rendezvous: a point that all CPUs
 * must have reached before any goes on.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include "atomic.h"

#define barrier() asm volatile("" : : : "memory")
#define mb()	  asm volatile("mfence" : : : "memory")
#define rmb()	  asm volatile("lfence" : : : "memory")
#define wmb()	  asm volatile("sfence" : : : "memory")
/*
 * These order accesses to ordinary memory between CPUs. x86 only lets a load overtake an earlier
 * store.
 */
#define smp_mb()  asm volatile("lock; addl $0, -4(%%rsp)" : : : "memory", "cc")
#define smp_rmb() barrier()
#define smp_wmb() barrier()

/* A rendezvous of `count` CPUs. It can be used again and again. */
struct rendezvous {
	int count;
	atomic_t arrived;
	atomic_t generation;
};

#define RENDEZVOUS(cpus)                                                                           \
	{                                                                                          \
		.count = (cpus)                                                                    \
	}

/*
 * Waits until `count` CPUs have called it. Aborts after ten seconds times timescale and says how
 * many came. Returns true on the CPU that arrived last, false on the others.
 */
bool rendezvous(struct rendezvous *at);

#endif
