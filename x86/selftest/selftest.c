// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: the library's own tests. Every other program relies on what they test. If one of them
 * fails, explain that first, and look at other programs' results later.
 *
 * Most of them ask whether the library is right, and not whether the hypervisor is. But each runs
 * on the machine that the hypervisor offers, so a failure may be the library's or the hypervisor's.
 * The tests cannot tell them apart. If a test is about the machine, its comment says what a broken
 * hypervisor would do.
 *
 * Specification: Intel SDM volume 3, and ISO C for the C functions. The library's headers name
 * the chapters.
 *
 * The tests are in the other files of this folder. This one has what they share.
 */
#include "apic.h"
#include "x86/selftest/selftest.h"

PER_CPU(int, arrived);

void count_arrival(isr_regs_t *regs)
{
	this_cpu(arrived)++;
}

/* READ_ONCE(), since this CPU's own handler counts. */
bool arrives(int count)
{
	return wait_until(READ_ONCE(this_cpu(arrived)) >= count, ARRIVAL_MS) &&
	       READ_ONCE(this_cpu(arrived)) == count;
}
