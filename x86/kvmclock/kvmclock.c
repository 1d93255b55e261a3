// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the clock that KVM keeps in a guest's memory. Each CPU has a "clock page". The page
 * describes a line: the time in nanoseconds as a linear function of the CPU's TSC.
 *
 * Specification: Linux Documentation/virt/kvm/x86/msr.rst, cpuid.rst and timekeeping.rst;
 * arch/x86/include/asm/pvclock-abi.h; KVM API, KVM_KVMCLOCK_CTRL (for PVCLOCK_GUEST_STOPPED).
 *
 * In a live migration the VMM carries three things separately: the clock's value (KVM_GET_CLOCK,
 * KVM_SET_CLOCK), the TSC, and the address of each vCPU's clock page. If they do not fit
 * together on the destination, the guest's time goes back, or jumps ahead. The same may happen
 * in the other actions of a plan: a pause, a reset, a save and restore.
 *
 * Two other clocks measure the one under test. Every wait uses the library's time source, the
 * ACPI PM timer. The elapsed time is compared with the runner's CLOCK_MONOTONIC, which the guest
 * asks for by host_time(). The guest reads its clock before the question and after the answer,
 * so its clock at the moment of the answer lies in between. Hence nothing depends on how fast
 * the guest runs. A clock may stand still while the host holds the guest, or it may count that
 * time once. Both are correct.
 *
 * What no test here can tell apart: a KVM with a wrong time, and a VMM that gave KVM a wrong time.
 * The QMP transcript and KVM's ioctls (strace) show which it was. If a single test has more such
 * limits, its comment says so.
 *
 * On the command line: break=reader and break=page (see pvclock.h) spoil the guest's clock.
 * break=host makes the host's clock stand still for this program.
 *
 * The tests are in the other files of this folder. This one has what they share.
 */
#include "alloc_page.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

/* ---- each CPU's clock ---- */

PER_CPU(struct cpu_clock, this_clock);

struct cpu_clock *my_clock(void)
{
	struct cpu_clock *clock = &this_cpu(this_clock);

	for (int i = 0; i < 2; i++)
		if (!clock->pages[i])
			clock->pages[i] = alloc_page();
	return clock;
}

u64 clock_now(void)
{
	return pvclock_read(this_cpu(this_clock).page);
}

void read_clocks(struct clock_reading *reading)
{
	bool stable = true;
	int cpu;

	for_each_cpu (cpu)
		stable &= !!(pvclock_snapshot(cpu_ptr(this_clock, cpu)->page).flags &
			     PVCLOCK_TSC_STABLE_BIT);
	take_clock_reading(reading, clock_now, "kvmclock", stable ? 0 : UNSTABLE_SLACK_NS);
}

void clock_on(struct cpu_clock *clock, const struct pvclock_msrs *msrs, int page)
{
	clock->msrs = msrs;
	clock->page = clock->pages[page];
	pvclock_register(msrs, clock->page);
}

void clock_off(struct cpu_clock *clock)
{
	pvclock_disable(clock->msrs);
}

struct pvclock_vcpu_time_info *other_page(struct cpu_clock *clock)
{
	return clock->pages[clock->page == clock->pages[0]];
}

void start_here(void *msrs)
{
	struct cpu_clock *clock = my_clock();

	memset(clock->pages[0], 0, PAGE_SIZE);
	memset(clock->pages[1], 0, PAGE_SIZE);
	clock_on(clock, msrs, 0);
}

static void stop_here(void *unused)
{
	clock_off(my_clock());
}

void start_clocks(const struct pvclock_msrs *msrs)
{
	on_cpus(start_here, (void *)msrs);
}

void stop_clocks(void)
{
	on_cpus(stop_here, NULL);
}

void register_again_here(void *unused)
{
	struct cpu_clock *clock = my_clock();

	pvclock_register(clock->msrs, clock->page);
}

void stir(void)
{
	on_cpus(register_again_here, NULL);
	delay_us(UPDATE_DELAY_US);
	on_cpus(register_again_here, NULL);
}

void fill(void *page)
{
	memset(page, PATTERN, PAGE_SIZE);
}

/* The offset of the first byte at FROM or later that is not PATTERN. PAGE_SIZE if there is none. */
static size_t first_touched(const void *page, size_t from)
{
	const u8 *bytes = page;

	for (size_t at = from; at < PAGE_SIZE; at++) {
		if (IS_ALIGNED(at, sizeof(u64)) && *(const u64 *)(bytes + at) == PATTERN_WORD)
			at += sizeof(u64) - 1;
		else if (bytes[at] != PATTERN)
			return at;
	}
	return PAGE_SIZE;
}

void report_untouched(const void *page, size_t from, const char *what)
{
	size_t at = first_touched(page, from);

	if (at == PAGE_SIZE)
		report_pass("CPU %d: %s: nobody wrote to the page at %p%s", smp_id(), what, page,
			    from ? " behind the structure" : "");
	else
		report_fail(
			"CPU %d: %s: somebody wrote to the page at %p: at offset %lu is 0x%x instead of 0x%x",
			smp_id(), what, page, at, ((const u8 *)page)[at], PATTERN);
}

void report_registered(const struct pvclock_msrs *msrs, u64 wrote)
{
	u64 value = rdmsr(msrs->system_time);

	report(value == wrote, "CPU %d: MSR 0x%x holds what was written (wrote 0x%lx, reads 0x%lx)",
	       smp_id(), msrs->system_time, wrote, value);
}

/*
 * The host answers a request after its action has ended. So there is always some time before the
 * next one.
 */
bool left_alone(void (*stretch)(void *data), void *data, int attempts)
{
	struct host_time begin, end;

	while (attempts--) {
		host_time(&begin);
		stretch(data);
		host_time(&end);
		if (begin.moves == end.moves)
			return true;
	}
	return false;
}

bool undisturbed(void (*stretch)(void *data), void *data)
{
	if (left_alone(stretch, data, MOST_ATTEMPTS))
		return true;
	report_skip("the host acted on the guest in all of %d attempts", MOST_ATTEMPTS);
	return false;
}
