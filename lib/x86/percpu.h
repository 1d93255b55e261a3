/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU variables. PER_CPU(type, name) defines a variable, which is 0 at first. this_cpu(name) is
 * this CPU's copy, and cpu_ptr(name, cpu) points to another CPU's. The linker gives each variable
 * an address. A CPU's copy is at that address plus the CPU's GS base.
 */
#ifndef X86_PERCPU_H
#define X86_PERCPU_H

#include "libcflat.h"
#include "boot.h"

#define PER_CPU(type, name)	    __attribute__((section(".percpu"))) type name
#define DECLARE_PER_CPU(type, name) extern PER_CPU(type, name)

/* The GS base of each CPU. CPU 0's is 0: it uses the variables as linked. */
extern u64 percpu_offsets[MAX_CPUS];

/* A copy of this CPU's GS base, which C code can read. */
DECLARE_PER_CPU(u64, percpu_offset);

static inline u64 this_cpu_offset(void)
{
	u64 offset;

	asm volatile("mov %%gs:percpu_offset, %0" : "=r"(offset));
	return offset;
}

#define this_cpu(name)	   (*(typeof(name) *)((u64) & (name) + this_cpu_offset()))
#define cpu_ptr(name, cpu) ((typeof(name) *)((u64) & (name) + percpu_offsets[cpu]))

#endif
