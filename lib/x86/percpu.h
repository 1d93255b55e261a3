/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of which every CPU has its own. PER_CPU(type, name) defines a variable
 * (all zero at first); this_cpu(name) is this CPU's, cpu_ptr(name, cpu) points
 * to another's. GS base holds the distance between the variable's address as
 * linked and this CPU's copy, so that access is one instruction.
 */
#ifndef X86_PERCPU_H
#define X86_PERCPU_H

#include "libcflat.h"
#include "boot.h"

#define PER_CPU(type, name)	    __attribute__((section(".percpu"))) type name
#define DECLARE_PER_CPU(type, name) extern PER_CPU(type, name)

/* By CPU number; CPU 0 uses the variables as linked. */
extern u64 percpu_offsets[MAX_CPUS];

/* This CPU's offset, kept in the variable of that name so that C can read it. */
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
