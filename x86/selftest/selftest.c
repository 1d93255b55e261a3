// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The library's own tests: what every other program takes for granted. When one
 * of these fails, look here first, and at other programs' results later.
 *
 * Most of them do not ask whether the hypervisor is right, but whether the library
 * is; still each runs on the machine that the hypervisor gives, so that a failure
 * has both as suspects. The truth is the Intel SDM, volume 3, and for the C
 * functions ISO C, by the chapters that the library's headers name. Where a test
 * is about the machine, its comment says what a broken one would do.
 */
#include "apic.h"
#include "x86/selftest/selftest.h"

PER_CPU(int, arrived);

void count_arrival(isr_regs_t *regs)
{
	this_cpu(arrived)++;
}

/* Waits on this CPU; memory is changed by its own handler. */
bool arrives(int count)
{
	return wait_until(READ_ONCE(this_cpu(arrived)) >= count, ARRIVAL_MS) &&
	       READ_ONCE(this_cpu(arrived)) == count;
}
