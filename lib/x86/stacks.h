/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every CPU's stacks: one to run on, and one for each of #DF, NMI and #MC, which
 * must work when that one does not. Below each lies a page that is not mapped, so
 * that running out of stack is an exception and not silent damage.
 */
#ifndef X86_STACKS_H
#define X86_STACKS_H

#include "libcflat.h"

#define STACK_PAGES	8
#define IST_STACK_PAGES 2

/* Maps them and puts them in the TSS; returns the top of the main stack. */
u64 stacks_init(int cpu);

/* The CPU in whose stacks' guard page the address is, or -1. */
int stack_guard_owner(u64 address);

/* The lowest address of a CPU's main stack. */
u64 stack_bottom(int cpu);

#endif
