// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: several CPUs, IPIs, remote calls, locks and TLBs (Intel SDM volume 3,
 * "Multiple-Processor Management" and "Advanced Programmable Interrupt Controller (APIC)"). A
 * part of the program selftest: see selftest.c.
 */
#include "alloc_page.h"
#include "apic.h"
#include "atomic.h"
#include "barrier.h"
#include "isr.h"
#include "processor.h"
#include "smp.h"
#include "spinlock.h"
#include "vm.h"
#include "vmalloc.h"
#include "x86/selftest/selftest.h"

TEST(ipi_to_each, .needs = SMP, .about = "an IPI arrives once at its CPU, and at no other")
{
	int target, cpu;

	handle_irq_eoi(VECTOR_A, count_arrival);
	for_each_cpu (target) {
		for_each_cpu (cpu)
			*cpu_ptr(arrived, cpu) = 0;
		apic_send_ipi(target, VECTOR_A);
		report_if_failed(wait_until(READ_ONCE(*cpu_ptr(arrived, target)), ARRIVAL_MS),
				 "the IPI did not arrive at CPU %d", target);
		for_each_cpu (cpu)
			report_if_failed(READ_ONCE(*cpu_ptr(arrived, cpu)) == (cpu == target),
					 "an IPI for CPU %d: CPU %d got %d", target, cpu,
					 *cpu_ptr(arrived, cpu));
	}
	report_pass("IPIs to %d CPUs", cpu_count());
	unhandle_irq(VECTOR_A);
}

static int all_but_self_arrived(void)
{
	int cpu, sum = 0;

	for_each_cpu (cpu)
		sum += READ_ONCE(*cpu_ptr(arrived, cpu));
	return sum;
}

static void broadcast(void *data)
{
	int cpu;

	for_each_cpu (cpu)
		*cpu_ptr(arrived, cpu) = 0;
	apic_send_ipi_all_but_self(VECTOR_B);
	report_if_failed(wait_until(all_but_self_arrived() == cpu_count() - 1, ARRIVAL_MS),
			 "%d of %d CPUs got the broadcast", all_but_self_arrived(),
			 cpu_count() - 1);
	for_each_cpu (cpu)
		report_if_failed(*cpu_ptr(arrived, cpu) == (cpu != smp_id()),
				 "CPU %d got %d broadcasts", cpu, *cpu_ptr(arrived, cpu));
}

TEST(ipi_broadcast, .on = EACH_CPU, .needs = SMP,
     .about = "a broadcast IPI arrives once at every CPU but the sender")
{
	handle_irq_eoi(VECTOR_B, count_arrival);
	broadcast(NULL);
	report_pass("broadcast");
	unhandle_irq(VECTOR_B);
}

static void count_nmi(struct ex_regs *regs)
{
	this_cpu(arrived)++;
}

TEST(nmi, .needs = SMP, .about = "an NMI arrives whether interrupts are off or on")
{
	handler before = handle_exception(NMI_VECTOR, count_nmi);
	int cpu;

	for_each_cpu (cpu) {
		*cpu_ptr(arrived, cpu) = 0;
		irq_disable();
		apic_send_nmi(cpu);
		report_if_failed(wait_until(READ_ONCE(*cpu_ptr(arrived, cpu)) == 1, ARRIVAL_MS),
				 "CPU %d got %d NMIs", cpu, READ_ONCE(*cpu_ptr(arrived, cpu)));
		irq_enable();
	}
	report_pass("NMIs to %d CPUs", cpu_count());
	handle_exception(NMI_VECTOR, before);
}

static void mark_cpu(void *data)
{
	/* Atomic, since two calls may run on one CPU at a time: its own, and another CPU's. */
	atomic_inc(&((atomic_t *)data)[smp_id()]);
}

static void wait_for_release(void *data)
{
	wait_for(atomic_read(data), ARRIVAL_MS, "the release of CPU %d", smp_id());
}

static void call_boot_cpu(void *data)
{
	on_cpu(0, mark_cpu, data);
}

TEST(remote_calls,
     .about =
	     "on_cpu(), on_cpu_async() and on_cpus() run a function on the right CPU, and wait as they say")
{
	static atomic_t marks[MAX_CPUS], release;
	int last = cpu_count() - 1;
	int cpu, good = 0;

	memset(marks, 0, sizeof(marks));
	for_each_cpu (cpu)
		on_cpu(cpu, mark_cpu, marks);
	for_each_cpu (cpu)
		good += atomic_read(&marks[cpu]) == 1;
	report(good == cpu_count(), "on_cpu on %d of %d", good, cpu_count());

	on_cpus(mark_cpu, marks);
	for_each_cpu (cpu)
		good += atomic_read(&marks[cpu]) == 2;
	report(good == 2 * cpu_count(), "on_cpus");
	if (!last)
		return;

	atomic_set(&release, 0);
	on_cpu_async(last, wait_for_release, &release);
	report(atomic_read(&marks[last]) == 2, "on_cpu_async does not wait");
	atomic_set(&release, 1);
	on_cpu(last, mark_cpu, marks);
	report(atomic_read(&marks[last]) == 3, "a second call waits for the first");
	on_cpu(last, call_boot_cpu, marks);
	report(atomic_read(&marks[0]) == 3, "an AP calls the boot CPU, which waits for it");
	on_cpus(call_boot_cpu, marks);
	report(atomic_read(&marks[0]) == 3 + cpu_count(), "all call the boot CPU at once");
}

static PER_CPU(u64, own);

static void set_own(void *data)
{
	this_cpu(own) = 1000 + smp_id();
}

TEST(percpu_data, .about = "every CPU has its own copy of per-CPU data")
{
	int cpu, good = 0;

	on_cpus(set_own, NULL);
	for_each_cpu (cpu)
		good += *cpu_ptr(own, cpu) == 1000ul + cpu;
	report(good == cpu_count(), "%d of %d are right", good, cpu_count());
}

struct contention {
	struct spinlock lock;
	struct rendezvous meeting;
	u64 rounds;
	u64 plain;
	atomic_t atomic;
	u64 last_arrivals;
};

static void contend(void *data)
{
	struct contention *shared = data;

	for (u64 i = 0; i < shared->rounds; i++) {
		spin_lock(&shared->lock);
		shared->plain++;
		spin_unlock(&shared->lock);
		atomic_inc(&shared->atomic);
	}
}

/*
 * If two CPUs both believe that they hold the lock, an increment is lost. This happens seldom: a
 * pass after a few rounds on a slow host is weak evidence.
 */
TEST(locks_and_atomics, .needs = SMP,
     .about = "locks and atomic operations lose no increment under contention")
{
	static struct contention shared;
	u64 expected;

	shared = (struct contention){ .rounds = scaled_count(20000, 50) / cpu_count() + 1 };
	expected = shared.rounds * cpu_count();
	on_cpus(contend, &shared);
	report(shared.plain == expected, "%lu of %lu under the lock", shared.plain, expected);
	report(atomic_read(&shared.atomic) == (int)expected, "%d of %lu atomically",
	       atomic_read(&shared.atomic), expected);
}

static void meet(void *data)
{
	struct contention *shared = data;

	for (u64 i = 0; i < shared->rounds; i++) {
		atomic_inc(&shared->atomic);
		if (rendezvous(&shared->meeting))
			shared->last_arrivals++;
		/* All have arrived, so no CPU can be a round behind. */
		if (atomic_read(&shared->atomic) < (int)(i + 1) * shared->meeting.count)
			report_fail("CPU %d left round %lu too early", smp_id(), i);
		rendezvous(&shared->meeting);
	}
}

TEST(rendezvous_of_all, .needs = SMP, .about = "no CPU leaves a rendezvous before all have come")
{
	static struct contention shared;

	shared = (struct contention){
		.meeting = RENDEZVOUS(cpu_count()),
		.rounds = scaled_count(200, 4) / cpu_count() + 1,
	};
	on_cpus(meet, &shared);
	report(shared.last_arrivals == shared.rounds, "one was last in each of %lu rounds",
	       shared.rounds);
}

static void read_word(void *data)
{
	u64 **words = data;

	*words[1] = *(volatile u64 *)words[0];
}

TEST(tlb_flush, .needs = SMP,
     .about = "when a page is mapped to other memory, every CPU sees the change at once")
{
	u64 *page = vmalloc(PAGE_SIZE), *other = alloc_page();
	phys_addr_t first = virt_to_phys(page);
	u64 seen;
	u64 *words[] = { page, &seen };
	int cpu, good = 0;

	*page = 1;
	*other = 2;
	for_each_cpu (cpu) {
		map_pages(page, first, 1, PAGE_DATA);
		on_cpu(cpu, read_word, words);
		good += seen == 1;
		map_pages(page, virt_to_phys(other), 1, PAGE_DATA);
		on_cpu(cpu, read_word, words);
		good += seen == 2;
	}
	report(good == 2 * cpu_count(), "%d of %d reads are right", good, 2 * cpu_count());
	map_pages(page, first, 1, PAGE_DATA);
	vfree(page);
	free_page(other);
}
