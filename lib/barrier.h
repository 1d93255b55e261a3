/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Barriers of both kinds: for memory order (Intel SDM volume 3, "Memory
 * Ordering"), and for CPUs that must all arrive before any goes on.
 */
#ifndef BARRIER_H
#define BARRIER_H

#include "atomic.h"

#define barrier() asm volatile("" : : : "memory")
#define mb()	  asm volatile("mfence" : : : "memory")
#define rmb()	  asm volatile("lfence" : : : "memory")
#define wmb()	  asm volatile("sfence" : : : "memory")
/* Between CPUs and ordinary memory: x86 orders all but a store before a load. */
#define smp_mb()  asm volatile("lock; addl $0, -4(%%rsp)" : : : "memory", "cc")
#define smp_rmb() barrier()
#define smp_wmb() barrier()

/* A rendezvous of `count` CPUs, that can be used again and again. */
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
 * Waits until `count` CPUs are here. Aborts after ten seconds (times
 * timescale), saying how many came. One caller, the last to arrive, gets true.
 */
bool rendezvous(struct rendezvous *at);

#endif
