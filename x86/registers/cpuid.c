// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * registers: all that CPUID tells (Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst; TLFS, "Feature and Interface Discovery") is the same after
 * an action. A part of the program registers: see registers.c.
 *
 * Guests look at CPUID when they boot, and rely on it afterwards. A broken VMM sets it for one CPU
 * and not for another, or KVM computes some of it from a register that has changed. The test sees
 * any difference. It does not know what CPUID should tell.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "barrier.h"
#include "cpuid.h"
#include "migrate.h"
#include "smp.h"
#include "vm.h"

/* Leaves that are looked at, and their subleaves. */
static const struct {
	u32 first, count, subleaves;
} ranges[] = {
	{ 0x0, 0x4, 1 },	 { 0x4, 0x1, 4 },	  { 0x5, 0x2, 1 },
	{ 0x7, 0x1, 3 },	 { 0x8, 0x3, 1 },	  { 0xb, 0x1, 3 },
	{ 0xd, 0x1, 20 },	 { 0xf, 0x2, 2 },	  { 0x12, 0x1, 3 },
	{ 0x14, 0x1, 2 },	 { 0x15, 0xb, 1 },	  { 0x1f, 0x1, 3 },
	{ 0x40000000, 0x11, 1 }, { 0x40000100, 0x11, 1 }, { 0x80000000, 0x9, 1 },
	{ 0x8000000a, 0x1, 1 },	 { 0x80000019, 0x9, 1 },  { 0x80000022, 0x1, 1 },
};

struct leaves {
	int count;
	struct cpuid leaf[160];
};

struct looking {
	struct rendezvous all_have_looked;
	struct leaves *before[MAX_CPUS];
	bool done;
};

/* Calls FUNCTION for each leaf, with its number in the order. */
static void for_each_leaf(struct leaves *leaves,
			  void (*function)(struct leaves *leaves, int i, u32 leaf, u32 subleaf))
{
	int i = 0;

	for (size_t range = 0; range < ARRAY_SIZE(ranges); range++)
		for (u32 leaf = 0; leaf < ranges[range].count; leaf++)
			for (u32 sub = 0; sub < ranges[range].subleaves; sub++)
				function(leaves, i++, ranges[range].first + leaf, sub);
	leaves->count = i;
}

static void remember(struct leaves *leaves, int i, u32 leaf, u32 subleaf)
{
	assert(i < (int)ARRAY_SIZE(leaves->leaf));
	leaves->leaf[i] = raw_cpuid(leaf, subleaf);
}

static void compare(struct leaves *leaves, int i, u32 leaf, u32 subleaf)
{
	struct cpuid now = raw_cpuid(leaf, subleaf), before = leaves->leaf[i];

	report_if_failed(
		!memcmp(&now, &before, sizeof(now)),
		"CPU %d's CPUID leaf 0x%x, subleaf 0x%x is 0x%x 0x%x 0x%x 0x%x (EAX to EDX) after the action, and was 0x%x 0x%x 0x%x 0x%x before",
		smp_id(), leaf, subleaf, now.a, now.b, now.c, now.d, before.a, before.b, before.c,
		before.d);
}

static void look(void *data)
{
	struct looking *looking = data;
	struct leaves *leaves = looking->before[smp_id()];

	for_each_leaf(leaves, remember);
	rendezvous(&looking->all_have_looked);
	if (!smp_id()) {
		migrate_quiet();
		WRITE_ONCE(looking->done, true);
	}
	wait_for(READ_ONCE(looking->done), ANSWER_DEADLINE_MS, "the migration");
	if (broken("cpuid"))
		leaves->leaf[0].a++;
	for_each_leaf(leaves, compare);
	report_pass("CPU %d: %d leaves of CPUID", smp_id(), leaves->count);
}

TEST(cpuid_leaves, .about = "CPUID tells the same after an action as before, on each CPU")
{
	static struct looking looking;
	int cpu;

	if (argument_number("other-vmm", 0)) {
		report_skip("the guest may be migrated to a VMM that offers another CPU");
		return;
	}
	looking = (struct looking){ .all_have_looked = RENDEZVOUS(cpu_count()) };
	for_each_cpu (cpu)
		looking.before[cpu] = alloc_page();
	on_cpus(look, &looking);
	for_each_cpu (cpu)
		free_page(looking.before[cpu]);
}
