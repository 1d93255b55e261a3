// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_stimer: a timer expires while its CPU has halted with interrupts off (Hyper-V TLFS,
 * "Timers"; Intel SDM volume 2, "HLT"). A part of the program hyperv_stimer: see hyperv_stimer.c.
 *
 * The timer's interrupt has to wait until interrupts are on, and does not end the HLT. A broken
 * hypervisor lets the CPU run on, at the instruction behind HLT, since it has work to do for the
 * CPU, or loses the interrupt. The tests see a CPU that is awake before it has got an NMI.
 */
#include "deadline.h"
#include "halted-cpu.h"
#include "migrate.h"
#include "smp.h"
#include "x86/hyperv_stimer/hyperv_stimer.h"

#define INDEX 0

static u64 expires, config;

static void arm_soon(void)
{
	expires = from_now(in_units(4));
	arm(INDEX, config, expires);
}

static void check_fired(void *data)
{
	wait_fired(INDEX, 1);
	if (broken("lost"))
		this_cpu(timers[INDEX]).fired = 0;
	check_timer(INDEX, 1, 1, true, "after an NMI");
}

static void expire_in_halt(u64 how)
{
	int cpu = other_cpu();

	begin();
	config = how;
	halted_cpu_begin(cpu, arm_soon);
	wait_for(hv_ref_count() > expires, PATIENCE_MS, "the timer's time");
	linger(2);
	halted_cpu_check(cpu, "the timer has expired");
	migrate_quiet();
	linger(2);
	halted_cpu_check(cpu, "after the action");
	halted_cpu_end(cpu, NULL, "after the action");
	on_cpu(cpu, check_fired, NULL);
	end_with(true);
}

TEST(halt_lasts, .needs = ALL_OF(HV_SYNIC, HV_STIMER, HV_TIME_REF_COUNT, SMP),
     .about =
	     "a Hyper-V timer that expires does not wake a CPU that has halted with interrupts off, but its message comes after an NMI")
{
	expire_in_halt(HV_STIMER_SINT(SINT_OF(INDEX)));
}

TEST(direct_halt_lasts, .needs = ALL_OF(HV_SYNIC, HV_STIMER_DIRECT, HV_TIME_REF_COUNT, SMP),
     .about =
	     "a Hyper-V timer in direct mode that expires does not wake a CPU that has halted with interrupts off, but interrupts it after an NMI")
{
	expire_in_halt(hv_direct_config(INDEX));
}
