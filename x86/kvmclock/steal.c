// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: steal time (Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_STEAL_TIME). KVM writes
 * into 64 bytes of guest memory how long a vCPU was ready but did not run. A part of the program
 * kvmclock: see kvmclock.c.
 *
 * A broken KVM goes on writing at an address that the guest has changed or disabled, and so
 * destroys memory that is used for other things. This has happened to Linux after kexec. Or KVM
 * counts from 0 again at the destination, or adds the time that the VMM's thread there has waited
 * in its life. The guest's CPU usage then leaps. The tests fill all memory around, and compare the
 * steal time with the time that has passed.
 *
 * They cannot tell whether the steal time is right, since nothing in the guest can measure it.
 */
#include "alloc_page.h"
#include "kvm-para.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

/* How old the thread of a vCPU at the destination may be at full host speed. */
#define MOST_AGE_NS (60 * NS_PER_SECOND)

/* KVM writes when it loads the vCPU. A question to the host makes the VMM run in between. */
static bool wait_written(const struct kvm_steal_time *steal)
{
	u32 version = READ_ONCE(steal->version);
	struct host_time time;

	return wait_until(({
				  host_time(&time);
				  READ_ONCE(steal->version) != version;
			  }),
			  PATIENCE_MS);
}

#define LOOKS 1000

/* While a vCPU is preempted, KVM says so for other CPUs to see. The CPU itself never sees it. */
static u32 times_preempted(const struct kvm_steal_time *steal)
{
	u32 times = 0;

	for (u64 n = scaled_count(LOOKS, LOOKS / 10); n; n--)
		times += READ_ONCE(steal->preempted) & KVM_VCPU_PREEMPTED;
	return times;
}

static struct kvm_steal_time *steal_on(void *page)
{
	struct kvm_steal_time *steal = page;

	fill(page);
	memset(steal, 0, sizeof(*steal));
	wrmsr(MSR_KVM_STEAL_TIME, (u64)steal | KVM_MSR_ENABLED);
	return steal;
}

TEST(steal_time_moves, .on = EACH_CPU, .needs = ALL_OF(STEAL_TIME, HOST_ANSWERS),
     .about =
	     "after a second write of MSR_KVM_STEAL_TIME KVM writes to the new address, and nowhere else")
{
	void *old = alloc_page(), *new = alloc_page();
	struct kvm_steal_time *steal;

	report_if_failed(wait_written(steal_on(old)), "KVM writes the steal time");
	steal = steal_on(new);
	fill(old);
	report(wait_written(steal), "CPU %d: KVM writes the steal time at the new address, %p",
	       smp_id(), steal);
	report_untouched(old, 0, "steal time at another address");
	migrate_quiet();
	report(wait_written(steal), "CPU %d: after an action KVM writes at %p", smp_id(), steal);
	report_untouched(old, 0, "steal time at another address, after an action");
	report_untouched(new, sizeof(*steal), "behind the steal time");
	wrmsr(MSR_KVM_STEAL_TIME, 0);
	fill(new);
	migrate_quiet();
	delay_us(UPDATE_DELAY_US);
	report_untouched(new, 0, "steal time that is off");
	free_page(old);
	free_page(new);
}

TEST(steal_time_goes_on, .on = EACH_CPU, .needs = ALL_OF(STEAL_TIME, HOST_ANSWERS),
     .about = "the steal time never goes back in an action, and does not leap")
{
	void *page = alloc_page();
	struct kvm_steal_time *steal = steal_on(page);
	struct host_time before, after;
	u64 first, last, most;
	u32 preempted;

	host_time(&before);
	report_if_failed(wait_written(steal), "KVM writes the steal time");
	first = READ_ONCE(steal->steal);
	migrate_quiet();
	report_if_failed(wait_written(steal), "KVM writes the steal time after an action");
	last = READ_ONCE(steal->steal);
	host_time(&after);
	preempted = times_preempted(steal);
	report(!preempted, "CPU %d runs, and reads %u times that it is preempted", smp_id(),
	       preempted);
	most = after.monotonic - before.monotonic + MOST_AGE_NS * timescale();
	report(last >= first && last - first <= most,
	       "CPU %d: the steal time was %lu ns, and is %lu ns after an action; it may grow by %lu ns",
	       smp_id(), first, last, most);
	wrmsr(MSR_KVM_STEAL_TIME, 0);
	free_page(page);
}
