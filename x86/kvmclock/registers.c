// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the MSRs that enable, change and disable a clock page
 * (Documentation/virt/kvm/x86/msr.rst). A part of the program kvmclock: see kvmclock.c.
 */
#include "alloc_page.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

/*
 * A broken KVM does not know the MSR, writes the structure somewhere else, or writes it too late:
 * then the page stays as it was filled. If it writes a larger structure, it changes what comes
 * after. Linux reads its clock right after the write of the MSR, so the page must be valid by then.
 */
static void check_enable(const struct pvclock_msrs *msrs)
{
	struct pvclock_vcpu_time_info info;
	struct cpu_clock *clock = my_clock();
	u64 begin, end, tsc;

	fill(clock->pages[0]);
	clock_on(clock, msrs, 0);
	info = pvclock_snapshot(clock->page);
	tsc = rdtsc_ordered();
	report_registered(msrs, (u64)clock->page | KVM_MSR_ENABLED);
	if (!report(info.version != DECOY_VERSION && info.tsc_to_system_mul,
		    "CPU %d: KVM wrote the clock page at %p as soon as it was registered (version 0x%x, mul 0x%x, shift %d)",
		    smp_id(), clock->page, info.version, info.tsc_to_system_mul, info.tsc_shift)) {
		clock_off(clock);
		return;
	}
	report(info.tsc_timestamp <= tsc, "CPU %d: the TSC, %lu, is past tsc_timestamp, %lu",
	       smp_id(), tsc, info.tsc_timestamp);
	report_untouched(clock->page, sizeof(info), "enabled");
	begin = clock_now();
	delay_us(1000);
	end = clock_now();
	report((s64)(end - begin) > -clock_slack(info.flags),
	       "CPU %d: the clock goes on: from %lu to %lu ns in 1 ms", smp_id(), begin, end);
	clock_off(clock);
}

TEST(enable_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "MSR_KVM_SYSTEM_TIME_NEW enables a clock page, which is valid at once")
{
	check_enable(&pvclock_new_msrs);
}

TEST(enable_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "MSR_KVM_SYSTEM_TIME enables a clock page, which is valid at once")
{
	check_enable(&pvclock_old_msrs);
}

/*
 * msr.rst: "The hypervisor may update this structure at any time it sees fit until anything with
 * bit0 == 0 is written". A broken KVM goes on, and corrupts memory that the guest has freed. The
 * test gives KVM reasons to write, as other vCPUs register their pages anew, and waits for longer
 * than KVM delays an update.
 */
static void check_disable(const struct pvclock_msrs *msrs)
{
	struct cpu_clock *clock;
	u64 values[2];

	start_clocks(pvclock_best_msrs());
	clock = my_clock();
	values[0] = 0;
	values[1] = (u64)clock->pages[0]; /* an address without bit 0 */
	for (int i = 0; i < 2; i++) {
		clock_on(clock, msrs, 0);
		wrmsr(msrs->system_time, values[i]);
		fill(clock->page);
		report_registered(msrs, values[i]);
		delay_us(UPDATE_DELAY_US);
		report_untouched(clock->page, 0,
				 i ? "disabled by an address without bit 0" : "disabled by 0");
	}
	stop_clocks();
}

TEST(disable_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "KVM writes no more to a clock page that MSR_KVM_SYSTEM_TIME_NEW has disabled")
{
	check_disable(&pvclock_new_msrs);
}

TEST(disable_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "KVM writes no more to a clock page that MSR_KVM_SYSTEM_TIME has disabled")
{
	check_disable(&pvclock_old_msrs);
}

/*
 * A broken KVM writes both pages, or changes to the new page too late. The test fills the old
 * page with a pattern, which must stay, while the new page must be written.
 */
static void check_reregister(const struct pvclock_msrs *msrs)
{
	struct pvclock_vcpu_time_info *old;
	struct cpu_clock *clock;
	u32 version;
	u64 before, after;
	u8 flags;

	start_clocks(msrs);
	clock = my_clock();
	old = clock->page;
	fill(clock->pages[1]);
	before = pvclock_read_flags(old, &flags);
	clock_on(clock, msrs, 1);
	after = clock_now();
	fill(old);
	report_registered(msrs, (u64)clock->page | KVM_MSR_ENABLED);
	report((s64)(after - before) >= -clock_slack(flags) &&
		       (s64)(after - before) < DECOY_AHEAD_NS,
	       "CPU %d: the clock goes on from the new page: %lu ns, then %lu ns", smp_id(), before,
	       after);
	version = pvclock_snapshot(clock->page).version;
	stir();
	report(pvclock_snapshot(clock->page).version != version,
	       "CPU %d: KVM goes on to write the new page (version %u, later %u)", smp_id(),
	       version, pvclock_snapshot(clock->page).version);
	report_untouched(clock->page, sizeof(*clock->page), "on another page");
	report_untouched(old, 0, "left for another page");
	stop_clocks();
}

TEST(reregister_new, .on = EACH_CPU, .needs = KVMCLOCK_NEW_MSRS,
     .about = "kvmclock goes on in another page after a second write of MSR_KVM_SYSTEM_TIME_NEW")
{
	check_reregister(&pvclock_new_msrs);
}

TEST(reregister_old, .on = EACH_CPU, .needs = KVMCLOCK_OLD_MSRS,
     .about = "kvmclock goes on in another page after a second write of MSR_KVM_SYSTEM_TIME")
{
	check_reregister(&pvclock_old_msrs);
}

/* OFFSET is a multiple of 4, and the structure ends within the page. */
static void check_offset(struct cpu_clock *clock, size_t offset)
{
	struct pvclock_vcpu_time_info *at = (void *)clock->pages[0] + offset, info;

	fill(clock->pages[0]);
	pvclock_register(clock->msrs, at);
	info = pvclock_snapshot(at);
	report(info.version != DECOY_VERSION && info.tsc_to_system_mul,
	       "CPU %d: the clock at offset %lu of a page was written (version 0x%x, mul 0x%x)",
	       smp_id(), offset, info.version, info.tsc_to_system_mul);
	pvclock_disable(clock->msrs);
	memset(at, PATTERN, sizeof(*at));
	report_untouched(clock->pages[0], 0, "a clock at an offset");
}

/* A value that msr.rst does not allow must be refused with #GP, or be taken and do nothing. */
static void check_odd_value(struct cpu_clock *clock, u64 value, const char *what)
{
	u64 before = rdmsr(clock->msrs->system_time), after;
	int vector = wrmsr_safe(clock->msrs->system_time, value);

	after = rdmsr(clock->msrs->system_time);
	report(vector ? vector == GP_VECTOR && after == before : after == value,
	       "CPU %d: %s, 0x%lx, is %s (MSR 0x%x before 0x%lx, now 0x%lx)", smp_id(), what, value,
	       vector ? "refused" : "taken", clock->msrs->system_time, before, after);
}

/*
 * A broken KVM does not check the address that it is given, and writes to memory that it does
 * not own, or to the wrong guest memory. After every odd value the clock must work with a right
 * one.
 *
 * No document says what KVM does with an address that is not RAM, so the test asks for no more.
 * msr.rst does not exclude a structure that crosses the end of a page. KVM does not write such a
 * structure (kvm_gpc_activate() refuses it). The test allows that.
 */
TEST(odd_values, .on = EACH_CPU, .needs = KVMCLOCK,
     .about = "a kvmclock page works at every offset, and invalid addresses do no harm")
{
	struct cpu_clock *clock = my_clock();
	u8 *two_pages = alloc_pages(1);
	struct pvclock_vcpu_time_info *crossing = (void *)(two_pages + PAGE_SIZE - 16);
	u64 before, after;

	clock_on(clock, pvclock_best_msrs(), 1);
	before = clock_now();
	check_offset(clock, 4);
	check_offset(clock, PAGE_SIZE / 2 + 12);
	check_offset(clock, PAGE_SIZE - sizeof(struct pvclock_vcpu_time_info));

	check_odd_value(clock, ~0ul, "all ones");
	check_odd_value(clock, 1ul << 46 | KVM_MSR_ENABLED, "an address far behind memory");
	fill(clock->pages[0]);
	check_odd_value(clock, (u64)clock->pages[0] | 2 | KVM_MSR_ENABLED,
			"an address with bit 1 set");
	pvclock_disable(clock->msrs);
	report_untouched(clock->pages[0], 2 + sizeof(*crossing), "bit 1 set");

	fill(two_pages);
	fill(two_pages + PAGE_SIZE);
	check_odd_value(clock, (u64)crossing | KVM_MSR_ENABLED, "a structure across two pages");
	pvclock_disable(clock->msrs);
	report_info("CPU %d: KVM %s a clock page that crosses the end of a page", smp_id(),
		    crossing->version == DECOY_VERSION ? "does not write" : "writes");
	memset(crossing, PATTERN, sizeof(*crossing));
	report_untouched(two_pages, 0, "across two pages");
	report_untouched(two_pages + PAGE_SIZE, 0, "across two pages");
	free_pages(two_pages);

	clock_on(clock, pvclock_best_msrs(), 0);
	after = clock_now();
	report((s64)(after - before) > -clock_slack(clock->page->flags) &&
		       (s64)(after - before) < DECOY_AHEAD_NS,
	       "CPU %d: the clock goes on afterwards: %lu ns, then %lu ns", smp_id(), before,
	       after);
	clock_off(clock);
}
