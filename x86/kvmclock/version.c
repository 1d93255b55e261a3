// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the version in a clock page, which is odd while KVM writes it
 * (Documentation/virt/kvm/x86/msr.rst). A part of the program kvmclock: see kvmclock.c.
 */
#include "barrier.h"
#include "processor.h"
#include "smp.h"
#include "x86/kvmclock/kvmclock.h"

/* What one CPU has seen of another's clock page while KVM rewrote it. */
struct watch {
	const struct pvclock_vcpu_time_info *page;
	bool stop;
	bool started;
	struct pvclock_vcpu_time_info last;
	u64 samples, odd, changed_meanwhile, versions, torn, back, scales;
	struct pvclock_vcpu_time_info torn_copy, torn_twin;
};

static void watch_once(struct watch *watch)
{
	struct pvclock_vcpu_time_info copy;
	u32 version = READ_ONCE(watch->page->version);

	smp_rmb();
	copy = *(const volatile struct pvclock_vcpu_time_info *)watch->page;
	smp_rmb();
	if (version & 1) {
		watch->odd++;
		return;
	}
	if (READ_ONCE(watch->page->version) != version || copy.version != version) {
		watch->changed_meanwhile++;
		return;
	}
	if (watch->samples++) {
		if (version == watch->last.version) {
			if (memcmp(&copy, &watch->last, sizeof(copy)) && !watch->torn++) {
				watch->torn_copy = watch->last;
				watch->torn_twin = copy;
			}
		} else {
			watch->versions++;
			watch->back += (s32)(version - watch->last.version) < 0;
		}
		watch->scales += copy.tsc_to_system_mul != watch->last.tsc_to_system_mul ||
				 copy.tsc_shift != watch->last.tsc_shift;
	}
	watch->last = copy;
}

/* The watcher stops after so many versions, or after this time where CPUs share a core. */
#define WATCH_VERSIONS 50000
#define WATCH_NS       (1500 * NS_PER_MS)
#define WATCH_PER_LOOK 64

static void watch_and_stop(void *data)
{
	struct watch *watch = data;
	struct stopwatch time;

	stopwatch_start(&time);
	WRITE_ONCE(watch->started, true);
	do {
		for (int i = 0; i < WATCH_PER_LOOK; i++)
			watch_once(watch);
	} while (watch->versions < WATCH_VERSIONS && stopwatch_ns(&time) < WATCH_NS);
	WRITE_ONCE(watch->stop, true);
}

/*
 * KVM writes the page when the guest writes the MSR. The boot CPU uses the two MSRs in turn if
 * there are both: KVM then changes the way in which it keeps the time, and so what it writes
 * (boot_vcpu_runs_old_kvmclock). The pauses differ, so that the other CPU sees each version more
 * than once and at different stages.
 */
static void rewrite_until_stopped(void *data)
{
	struct watch *watch = data;
	struct cpu_clock *clock = my_clock();
	bool in_turns =
		smp_id() == 0 && KVMCLOCK_OLD_MSRS[0]->present() && KVMCLOCK_NEW_MSRS[0]->present();
	struct deadline deadline;

	wait_for(READ_ONCE(watch->started), LIBRARY_DEADLINE_MS, "another CPU to watch");
	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	for (u64 i = 0; !READ_ONCE(watch->stop) && !deadline_passed(&deadline); i++) {
		pvclock_register(in_turns && i % 2 ? &pvclock_old_msrs : clock->msrs, clock->page);
		for (u64 n = i % 16; n; n--)
			pause();
	}
	pvclock_register(clock->msrs, clock->page);
}

static void check_watch(const struct watch *watch, int writer, int reader)
{
	const struct pvclock_vcpu_time_info *a = &watch->torn_copy, *b = &watch->torn_twin;

	report(watch->versions, "CPU %d saw CPU %d's clock page change %lu times in %lu samples",
	       reader, writer, watch->versions, watch->samples);
	if (watch->torn)
		report_fail(
			"CPU %d saw two contents for one version of CPU %d's clock page (%lu times; version %u with tsc_timestamp %lu, system_time %lu, and with %lu, %lu)",
			reader, writer, watch->torn, a->version, a->tsc_timestamp, a->system_time,
			b->tsc_timestamp, b->system_time);
	else
		report_pass("CPU %d saw one content for each version of CPU %d's clock page",
			    reader, writer);
	report(!watch->back, "CPU %d saw CPU %d's version only grow (%lu times not)", reader,
	       writer, watch->back);
	report(!watch->scales, "CPU %d saw CPU %d's mul and shift stay (%lu times not)", reader,
	       writer, watch->scales);
	report_info("CPU %d saw odd versions %lu times, changes while it read %lu times", reader,
		    watch->odd, watch->changed_meanwhile);
}

static void hammer(int writer, int reader)
{
	struct watch watch = { .page = cpu_ptr(this_clock, writer)->page };

	on_cpu_async(writer == smp_id() ? reader : writer,
		     writer == smp_id() ? watch_and_stop : rewrite_until_stopped, &watch);
	if (writer == smp_id())
		rewrite_until_stopped(&watch);
	else
		watch_and_stop(&watch);
	on_cpu_wait(writer == smp_id() ? reader : writer);
	check_watch(&watch, writer, reader);
}

/*
 * A broken KVM does not make the version odd before it writes a clock page and even afterwards, or
 * does so in another order. A reader on another CPU may then see parts of two lines. The test sees
 * it when one version has two contents. It cannot rule out what it has not seen, and it does not
 * have to see an odd version.
 */
TEST(version_protocol, .needs = ALL_OF(KVMCLOCK, SMP),
     .about = "another CPU never sees two contents of a kvmclock page under one version")
{
	int other = cpu_count() - 1;

	start_clocks(pvclock_best_msrs());
	hammer(0, other);
	hammer(other, 0);
	stop_clocks();
}
