// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: pages that KVM writes and the guest does not (Documentation/virt/kvm/x86/msr.rst:
 * MSR_KVM_STEAL_TIME, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW). A part of the program
 * dirty: see dirty.c.
 *
 * In kvm-pages.c the guest writes the same pages, and its writes hide that KVM's are not logged.
 * Here each structure has a page of its own, which the guest only reads. The guest makes KVM write
 * them all the time: it registers the clock page again and again, asks for the wall clock, and
 * exits to user space, after which KVM counts the steal time. Each write raises the structure's
 * version, which the guest notes.
 *
 * A broken KVM does not mark the page dirty. Then the destination has the page of the first pass
 * over memory, and all writes since then are lost. The version is lower than the guest has seen it,
 * although KVM may have written the page again in the meantime. The test does not see a lost write
 * that is followed by one that is not lost.
 */
#include "alloc_page.h"
#include "kvm-para.h"
#include "processor.h"
#include "pvclock.h"
#include "smp.h"
#include "x86/dirty/dirty.h"

enum own_page { STEAL_PAGE, CLOCK_PAGE, WALL_PAGE, OWN_PAGES };

static const char *const page_names[OWN_PAGES] = {
	[STEAL_PAGE] = "steal time",
	[CLOCK_PAGE] = "kvmclock",
	[WALL_PAGE] = "wall clock",
};

#define OWN_PAGES_ORDER 2

/* What a CPU has seen of its pages. */
static struct own {
	u8 *pages;
	u32 seen[OWN_PAGES];   /* the highest version */
	u64 writes[OWN_PAGES]; /* new versions that were seen */
	u64 steal;
	bool wrong;
} owns[MOST_WRITERS];

static atomic_t stop;

static void *own_page(const struct own *own, enum own_page page)
{
	return own->pages + page * PAGE_SIZE;
}

static u32 version_of(const struct own *own, enum own_page page)
{
	const struct kvm_steal_time *steal = own_page(own, STEAL_PAGE);
	const struct pvclock_vcpu_time_info *clock = own_page(own, CLOCK_PAGE);
	const struct pvclock_wall_clock *wall = own_page(own, WALL_PAGE);

	switch (page) {
	case STEAL_PAGE:
		return READ_ONCE(steal->version);
	case CLOCK_PAGE:
		return READ_ONCE(clock->version);
	default:
		return READ_ONCE(wall->version);
	}
}

static void look(struct own *own, enum own_page page, const char *when)
{
	u32 version = version_of(own, page);

	if (broken("old") && page == WALL_PAGE && own->writes[page] > 4)
		version -= 4;
	if ((s32)(version - own->seen[page]) > 0) {
		own->seen[page] = version;
		own->writes[page]++;
	} else if (version != own->seen[page] && !own->wrong) {
		own->wrong = true;
		report_fail(
			"CPU %d's page of the %s, physical 0x%lx: version went back from %u to %u %s",
			smp_id(), page_names[page], virt_to_phys(own_page(own, page)),
			own->seen[page], version, when);
	}
}

static void look_at_steal(struct own *own)
{
	const struct kvm_steal_time *steal = own_page(own, STEAL_PAGE);
	u64 now = READ_ONCE(steal->steal);

	if (now < own->steal && !own->wrong) {
		own->wrong = true;
		report_fail(
			"CPU %d's page of the steal time, physical 0x%lx: it went back from %lu to %lu ns",
			smp_id(), virt_to_phys(steal), own->steal, now);
	}
	own->steal = MAX(own->steal, now);
}

static void look_at_all(struct own *own, const char *when)
{
	for (enum own_page page = 0; page < OWN_PAGES; page++)
		look(own, page, when);
	look_at_steal(own);
}

/* Makes KVM write each page at least once. */
static void have_written(void)
{
	struct own *own = &owns[smp_id()];

	look_at_all(own, "while an action may have been under way");
	if (feature_KVMCLOCK.present())
		pvclock_register(pvclock_best_msrs(), own_page(own, CLOCK_PAGE));
	/* There is one wall clock. */
	if (feature_KVMCLOCK.present() && !smp_id())
		pvclock_wall_clock(pvclock_best_msrs(), own_page(own, WALL_PAGE));
}

static void have_written_until_stop(void *unused)
{
	struct own *own = &owns[smp_id()];
	struct stopwatch watch;

	while (!atomic_read(&stop)) {
		have_written();
		/* Reading the time source exits to user space, or to KVM. */
		stopwatch_start(&watch);
		pause();
	}
	look_at_all(own, "after an action");
}

static void set_up_own(void *unused)
{
	struct own *own = &owns[smp_id()];

	*own = (struct own){ .pages = alloc_pages(OWN_PAGES_ORDER) };
	if (feature_STEAL_TIME.present())
		wrmsr(MSR_KVM_STEAL_TIME, (u64)own_page(own, STEAL_PAGE) | KVM_MSR_ENABLED);
}

static void clean_up_own(void *unused)
{
	if (feature_STEAL_TIME.present())
		wrmsr(MSR_KVM_STEAL_TIME, 0);
	if (feature_KVMCLOCK.present()) {
		pvclock_disable(pvclock_best_msrs());
		if (!smp_id())
			pvclock_disable_wall_clock(pvclock_best_msrs());
	}
	free_pages(owns[smp_id()].pages);
}

static void run_one_action(int cpus)
{
	atomic_set(&stop, 0);
	for (int cpu = 1; cpu < cpus; cpu++)
		on_cpu_async(cpu, have_written_until_stop, NULL);
	have_written();
	migrate_quiet_while(have_written);
	look_at_all(&owns[0], "after an action");
	atomic_set(&stop, 1);
	for (int cpu = 1; cpu < cpus; cpu++)
		on_cpu_wait(cpu);
}

TEST(kvm_own_pages, .needs = KVM_PAGES,
     .about = "a page that KVM writes and the guest only reads never goes back to older contents")
{
	int cpus = MIN(cpu_count(), MOST_WRITERS);
	u64 writes[OWN_PAGES] = { 0 };
	bool wrong = false;

	for (int cpu = 0; cpu < cpus; cpu++)
		on_cpu(cpu, set_up_own, NULL);
	for (int i = 0; i < 2; i++)
		run_one_action(cpus);
	for (int cpu = 0; cpu < cpus; cpu++) {
		on_cpu(cpu, clean_up_own, NULL);
		wrong |= owns[cpu].wrong;
		for (enum own_page page = 0; page < OWN_PAGES; page++)
			writes[page] += owns[cpu].writes[page];
	}
	report(!wrong,
	       "2 actions, %d CPUs: KVM wrote the steal time %lu times, kvmclock %lu times, the wall clock %lu times",
	       cpus, writes[STEAL_PAGE], writes[CLOCK_PAGE], writes[WALL_PAGE]);
}
