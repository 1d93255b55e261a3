// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two events at a time, and events that end L2 from outside: AMD APM volume 2, 15.17 (GIF), 15.28
 * ("INIT Redirection"), 14.1 (what INIT resets), 8.2.3 (NMI). A part of the program svm_event: see
 * svm_event.c.
 */
#include "libcflat.h"
#include "apic.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_event/svm_event.h"

/* ---- two NMIs ---- */

#define ARRIVAL_MS 2000

static PER_CPU(u32, nmis);

static void count_nmi(struct ex_regs *regs)
{
	this_cpu(nmis)++;
}

static void do_nothing_meanwhile(void)
{
}

/* Sends two NMIs while GIF is clear, and returns how many come after STGI. */
static u32 two_nmis(void (*meanwhile)(void))
{
	handler before = handle_exception(NMI_VECTOR, count_nmi);

	this_cpu(nmis) = 0;
	clgi();
	apic_send_nmi(smp_id());
	apic_send_nmi(smp_id());
	meanwhile();
	report_if_failed(!this_cpu(nmis), "an NMI has come while GIF was clear");
	stgi();
	wait_until(READ_ONCE(this_cpu(nmis)), ARRIVAL_MS);
	handle_exception(NMI_VECTOR, before);
	return this_cpu(nmis);
}

/*
 * Hardware may or may not merge two pending NMIs. So the test only asks that a migration makes no
 * difference. A broken hypervisor saves that NMIs are pending, but not how many.
 */
TEST(two_nmis_wait, .on = EACH_CPU, .needs = SVM,
     .about =
	     "of two NMIs that are sent while GIF is clear, as many come after a migration as without one")
{
	u32 without, with;

	svm_enable();
	without = two_nmis(do_nothing_meanwhile);
	with = two_nmis(migrate_quiet);
	svm_disable();
	report(without >= 1 && with == without,
	       "%u NMIs came after a migration, and %u came without one, of two that were sent",
	       with, without);
}

/* ---- INIT ---- */

static PER_CPU(u32, rounds);
static PER_CPU(u64, efer);

static void run_for_ever(void *data)
{
	u32 *count = data;

	for (;;) {
		WRITE_ONCE(*count, *count + 1);
		pause();
	}
}

/* Never returns: an INIT ends it. */
static void be_in_l2(void *data)
{
	struct l2 *l2 = l2_new(run_for_ever, &this_cpu(rounds));

	irq_disable();
	l2_enter(l2);
	report_abort("L2 has exited: %s", l2_exit_text(l2));
}

static void do_nothing(void *data)
{
}

static void enter_once(void *data)
{
	struct l2 *l2;

	this_cpu(efer) = rdmsr(MSR_EFER);
	l2 = l2_new(do_nothing, NULL);
	l2_expect_return(l2);
	l2_free(l2);
}

static void stop_in_l2(int cpu)
{
	*cpu_ptr(rounds, cpu) = 0;
	on_cpu_async(cpu, be_in_l2, NULL);
	wait_for(READ_ONCE(*cpu_ptr(rounds, cpu)), ARRIVAL_MS * 10, "L2 to run on CPU %d", cpu);
	smp_send_init(cpu);
	smp_forget(cpu);
}

static void start_again(int cpu)
{
	u32 before = READ_ONCE(*cpu_ptr(rounds, cpu));

	if (!report(smp_start(cpu), "CPU %d has started by a SIPI", cpu))
		report_abort("CPU %d, which later tests need, does not run any more", cpu);
	on_cpu(cpu, enter_once, NULL);
	report(READ_ONCE(*cpu_ptr(rounds, cpu)) == before && !(*cpu_ptr(efer, cpu) & EFER_SVME),
	       "CPU %d is out of its L2, which ran %u times after the INIT; EFER is 0x%lx", cpu,
	       READ_ONCE(*cpu_ptr(rounds, cpu)) - before, *cpu_ptr(efer, cpu));
}

/*
 * An INIT that L1 does not intercept resets the CPU, L1 and L2. A broken hypervisor resets the
 * registers, and still takes the CPU to be in its L2: the guest, or the host, then dies
 * (CVE-2022-3344).
 */
TEST(init_in_l2, .needs = ALL_OF(SVM, SMP),
     .about =
	     "an INIT from another CPU ends an L2 that does not intercept it, and after a SIPI the CPU begins outside of it")
{
	int cpu = cpu_count() - 1;

	stop_in_l2(cpu);
	start_again(cpu);
	migrate_quiet();
	on_cpu(cpu, enter_once, NULL);
}

TEST(init_in_l2_then_moved, .needs = ALL_OF(SVM, SMP),
     .about =
	     "a CPU that an INIT has taken out of its L2 waits for a SIPI through a migration, and begins outside of L2")
{
	int cpu = cpu_count() - 1;

	stop_in_l2(cpu);
	migrate_quiet();
	start_again(cpu);
}
