// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: CPUs that halt until another one kicks them (Linux
 * Documentation/virt/kvm/x86/hypercalls.rst, KVM_HC_KICK_CPU). A part of the program modes: see
 * modes.c.
 *
 * Linux waits like this for its paravirtual spinlocks, with interrupts off. A CPU that waits looks
 * at the lock once more and halts, and the kick may come in between. So a kick that comes before
 * the HLT has to end it; else the CPU sleeps for ever. A broken hypervisor forgets the kick in an
 * action, or restores a halted CPU in such a way that no kick wakes it.
 *
 * The tests see a CPU that does not wake, and then kick it once more. They do not see a CPU that
 * wakes without a kick. Each test does the same without an action first. This shows whether a
 * hypervisor never keeps kicks, or loses them in the action.
 */
#include "libcflat.h"
#include "kvm-para.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "test.h"

#define ARRIVAL_MS 2000
#define HALT_US	   50000

FEATURE(PV_UNHALT, "KVM's hypercall that kicks a CPU out of HLT")
{
	return kvm_para_has_feature(KVM_FEATURE_PV_UNHALT) && kvm_para_can_call();
}

enum stage { COMES, READY, MAY_HALT, AWAKE };

static enum stage stage;

/* Interrupts are off, so only a kick ends the HLT. */
static void halt_once(void *data)
{
	u64 flags = irq_save();

	WRITE_ONCE(stage, READY);
	while (READ_ONCE(stage) != MAY_HALT) {
		show_life();
		pause();
	}
	asm volatile("hlt" ::: "memory");
	WRITE_ONCE(stage, AWAKE);
	irq_restore(flags);
}

static void kick(int cpu)
{
	long result = kvm_hypercall2(KVM_HC_KICK_CPU, 0, cpu_apic_id(cpu));

	if (result)
		report_fail("KVM_HC_KICK_CPU returns %ld", result);
}

static bool is_awake(void)
{
	return wait_until(READ_ONCE(stage) == AWAKE, ARRIVAL_MS);
}

/* Brings the CPU to its HLT, or to just before it if it may not halt yet. */
static void begin(int cpu, bool may_halt)
{
	WRITE_ONCE(stage, COMES);
	on_cpu_async(cpu, halt_once, NULL);
	report_if_failed(wait_until(READ_ONCE(stage) == READY, ARRIVAL_MS), "CPU %d comes", cpu);
	if (may_halt)
		WRITE_ONCE(stage, MAY_HALT);
}

/* Whatever became of the kick, the CPU is needed again. */
static void end(int cpu)
{
	if (READ_ONCE(stage) != AWAKE) {
		kick(cpu);
		if (!report_if_failed(is_awake(), "CPU %d wakes by a further kick", cpu))
			report_abort("CPU %d, which every later test needs, does not wake", cpu);
	}
	on_cpu_wait(cpu);
}

static void check_kick_before_halt(int cpu, bool act)
{
	begin(cpu, false);
	kick(cpu);
	if (act)
		migrate_quiet();
	WRITE_ONCE(stage, MAY_HALT);
	report(is_awake(), "%s: CPU %d, which was kicked before its HLT, does not stay halted",
	       act ? "the action comes after the kick" : "no action", cpu);
	end(cpu);
}

TEST(kick_before_halt, .needs = ALL_OF(SMP, PV_UNHALT),
     .about = "a kick that a CPU gets before an action ends the HLT that it executes after it")
{
	check_kick_before_halt(other_cpu(), false);
	check_kick_before_halt(other_cpu(), true);
}

static void check_kick_of_halted(int cpu, bool act)
{
	begin(cpu, true);
	/* By then the CPU has halted, unless the host is too busy. */
	delay_us(HALT_US);
	if (act)
		migrate_quiet();
	kick(cpu);
	report(is_awake(), "%s: a kick wakes CPU %d from its HLT",
	       act ? "the action comes before the kick" : "no action", cpu);
	end(cpu);
}

TEST(kick_of_halted, .needs = ALL_OF(SMP, PV_UNHALT),
     .about = "a CPU that was halted during an action wakes when another one kicks it")
{
	check_kick_of_halted(other_cpu(), false);
	check_kick_of_halted(other_cpu(), true);
}
