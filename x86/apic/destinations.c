// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: logical destinations (Intel SDM volume 3, "Determining IPI Destination", "Logical
 * Destination Mode in x2APIC Mode"). A part of the program apic: see apic.c.
 *
 * Each CPU chooses a logical ID that no other program uses. CPU 0 then sends interrupts to logical
 * destinations that mean none, one or several CPUs. They come to these CPUs once each, and to no
 * other. A broken hypervisor that has restored the logical IDs and not the map from them to CPUs
 * drops the interrupts, or sends them to other CPUs.
 *
 * The test sees which CPUs get an interrupt. It cannot tell a lost one from one that is more than
 * two seconds late. The same is done before the action, so a hypervisor that does not know a kind
 * of destination at all is told from one that forgets it.
 */
#include "apic.h"
#include "deadline.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/apic/local-apic.h"

#define VECTOR	    0x57
#define FLAT_DFR    0xffffffff
#define CLUSTER_DFR 0x0fffffff

static PER_CPU(u32, arrived);

static void count_arrival(isr_regs_t *regs)
{
	this_cpu(arrived)++;
}

struct model {
	const char *name;
	bool is_x2apic;
	u32 dfr;
	/* The logical ID that a CPU chooses, as it is in the LDR's upper byte. */
	u8 (*id)(int cpu);
};

static const struct model *model;

static u32 logical_id(int cpu)
{
	u32 id = cpu_apic_id(cpu);

	/* In x2APIC mode nobody chooses. */
	if (model->is_x2apic)
		return id >> 4 << 16 | BIT(id & 0xf);
	return model->id(cpu);
}

/* ---- set up ---- */

static PER_CPU(u32, own_ldr);
static PER_CPU(u32, own_dfr);

static void begin_here(void *data)
{
	this_cpu(own_ldr) = apic_read(APIC_LDR);
	if (model->is_x2apic) {
		enable_x2apic();
		return;
	}
	this_cpu(own_dfr) = apic_read(APIC_DFR);
	apic_write(APIC_DFR, model->dfr);
	apic_write(APIC_LDR, logical_id(smp_id()) << 24);
}

static void end_here(void *data)
{
	if (model->is_x2apic) {
		enable_xapic();
		return;
	}
	apic_write(APIC_LDR, this_cpu(own_ldr));
	apic_write(APIC_DFR, this_cpu(own_dfr));
}

/* ---- sending ---- */

/* A bit for each CPU that has got an interrupt. */
static u64 who_got_it(void)
{
	u64 got = 0;
	int cpu;

	for_each_cpu (cpu)
		if (READ_ONCE(*cpu_ptr(arrived, cpu)))
			got |= BIT(cpu);
	return got;
}

/*
 * Returns a bit for each CPU that has got the interrupt. Waits until all of AWAITED have, or any
 * if AWAITED is 0, and a little longer. More than one at a CPU is a failure.
 */
static u64 send(u32 command, u32 destination, u64 awaited)
{
	int cpu;

	for_each_cpu (cpu)
		*cpu_ptr(arrived, cpu) = 0;
	apic_icr_write(command | APIC_DEST_LOGICAL | APIC_INT_ASSERT | VECTOR, destination);
	wait_until(awaited ? (who_got_it() & awaited) == awaited : !!who_got_it(), ARRIVAL_MS);
	delay_us(SILENCE_US);
	for_each_cpu (cpu)
		if (*cpu_ptr(arrived, cpu) > 1)
			report_fail("%s: CPU %d got %u interrupts for one that was sent to 0x%x",
				    model->name, cpu, *cpu_ptr(arrived, cpu), destination);
	return who_got_it();
}

static bool check_fixed(const char *when, u32 destination, u64 wanted)
{
	u64 got = send(APIC_DM_FIXED, destination, wanted);

	return report_if_failed(
		got == wanted,
		"%s, %s: an interrupt to logical destination 0x%x came to the CPUs of mask 0x%lx, should be 0x%lx",
		model->name, when, destination, got, wanted);
}

/* An interrupt of lowest priority comes to one of those that its destination names. */
static bool check_lowest(const char *when, u32 destination, u64 allowed)
{
	u64 got = send(APIC_DM_LOWEST, destination, 0);

	return report_if_failed(
		got && !(got & (got - 1)) && !(got & ~allowed),
		"%s, %s: an interrupt of lowest priority to logical destination 0x%x came to the CPUs of mask 0x%lx, should be one of 0x%lx",
		model->name, when, destination, got, allowed);
}

/* Whether two logical IDs can be named by one destination. */
static bool are_together(u32 one, u32 other)
{
	if (model->is_x2apic)
		return one >> 16 == other >> 16;
	return model->dfr == FLAT_DFR || one >> 4 == other >> 4;
}

static bool check_all(const char *when)
{
	u32 one, other, both;
	bool good = true;
	int first, second;

	for_each_cpu (first) {
		one = logical_id(first);
		good &= check_fixed(when, one, BIT(first));
		for (second = first + 1; second < cpu_count(); second++) {
			other = logical_id(second);
			if (!are_together(one, other))
				continue;
			both = one | other;
			good &= check_fixed(when, both, BIT(first) | BIT(second));
			good &= check_lowest(when, both, BIT(first) | BIT(second));
		}
	}
	return good;
}

static void check_model(const struct model *wanted)
{
	bool good;

	model = wanted;
	handle_irq_eoi(VECTOR, count_arrival);
	on_cpus(begin_here, NULL);
	good = check_all("before the action");
	migrate_quiet();
	good &= check_all("after the action");
	report(good, "%s: interrupts come to the CPUs that their destinations name", model->name);
	on_cpus(end_here, NULL);
	unhandle_irq(VECTOR);
}

/* Flat: a bit for each CPU, from the highest one down. */
static u8 flat_id(int cpu)
{
	return 0x80 >> cpu;
}

/* Two CPUs in each cluster, and no cluster 0. */
static u8 cluster_id(int cpu)
{
	return (3 + cpu / 2) << 4 | 4 >> cpu % 2;
}

static u8 own_cluster_id(int cpu)
{
	return (5 - cpu % 5) << 4 | 2;
}

FEATURE(FEW_CPUS, "two to five CPUs")
{
	return cpu_count() >= 2 && cpu_count() <= 5;
}

TEST(logical_flat, .needs = FEW_CPUS,
     .about =
	     "interrupts to logical destinations of the flat model come where they should after an action")
{
	static const struct model flat = { "flat model", .dfr = FLAT_DFR, .id = flat_id };

	check_model(&flat);
}

TEST(logical_cluster, .needs = FEW_CPUS,
     .about =
	     "interrupts to logical destinations of the cluster model come where they should after an action")
{
	static const struct model cluster = { "cluster model", .dfr = CLUSTER_DFR,
					      .id = cluster_id };

	check_model(&cluster);
}

TEST(logical_clusters, .needs = FEW_CPUS,
     .about = "interrupts to CPUs that have a cluster each come where they should after an action")
{
	static const struct model clusters = { "cluster model, a CPU in each", .dfr = CLUSTER_DFR,
					       .id = own_cluster_id };

	check_model(&clusters);
}

TEST(logical_x2apic, .needs = ALL_OF(FEW_CPUS, X2APIC),
     .about =
	     "interrupts to logical destinations in x2APIC mode come where they should after an action")
{
	static const struct model x2apic = { "x2APIC mode", .is_x2apic = true };

	check_model(&x2apic);
}

/* ---- CPUs whose APICs are in different modes ---- */

static void check_physical(const char *when, int cpu)
{
	*cpu_ptr(arrived, cpu) = 0;
	apic_send_ipi(cpu, VECTOR);
	report(wait_until(READ_ONCE(*cpu_ptr(arrived, cpu)) == 1, ARRIVAL_MS),
	       "%s: an interrupt from CPU %d, whose APIC is in %s mode, came to CPU %d %u times",
	       when, smp_id(), is_x2apic_enabled() ? "x2APIC" : "xAPIC", cpu,
	       *cpu_ptr(arrived, cpu));
}

static void check_back(void *data)
{
	check_physical(data, 0);
}

static void into_x2apic(void *data)
{
	enable_x2apic();
}

static void into_xapic(void *data)
{
	enable_xapic();
}

TEST(modes_differ, .needs = ALL_OF(SMP, X2APIC),
     .about =
	     "interrupts come to a CPU in x2APIC mode from one in xAPIC mode, and back, after an action")
{
	int cpu = cpu_count() - 1;

	handle_irq_eoi(VECTOR, count_arrival);
	on_cpu(cpu, into_x2apic, NULL);
	check_physical("before the action", cpu);
	on_cpu(cpu, check_back, "before the action");
	migrate_quiet();
	check_physical("after the action", cpu);
	on_cpu(cpu, check_back, "after the action");
	on_cpu(cpu, into_xapic, NULL);
	unhandle_irq(VECTOR);
}
