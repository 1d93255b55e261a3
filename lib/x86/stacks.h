/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Each CPU's stacks: a main stack, and one each for #DF, NMI and #MC, which must work when the main
 * stack does not. The page below each stack is not mapped, so that running out of stack raises an
 * exception.
 */
#ifndef X86_STACKS_H
#define X86_STACKS_H

#include "libcflat.h"

#define STACK_PAGES	8
#define IST_STACK_PAGES 2

/* Maps a CPU's stacks and puts them into its TSS. Returns the top of the main stack. */
u64 stacks_init(int cpu);

/* The CPU that has a stack whose guard page has this address, or -1. */
int stack_guard_owner(u64 address);

/* The lowest address of a CPU's main stack. */
u64 stack_bottom(int cpu);

#endif
