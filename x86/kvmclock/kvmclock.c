// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvmclock: the clock that KVM keeps in a guest's memory.
 *
 * The truth: Linux Documentation/virt/kvm/x86/msr.rst, cpuid.rst and timekeeping.rst,
 * arch/x86/include/asm/pvclock-abi.h, and for PVCLOCK_GUEST_STOPPED the KVM API
 * documentation, KVM_KVMCLOCK_CTRL. A move goes wrong where userspace carries the
 * clock's value (KVM_GET_CLOCK, KVM_SET_CLOCK), the TSC and the address of each
 * vCPU's clock page separately, and they do not fit together on the other side.
 *
 * Two measures stand beside the clock under test: the library's time source (ACPI PM
 * timer), for every wait, and the runner's CLOCK_MONOTONIC, asked for as host_time().
 * The guest reads its clock before it asks and after it has the answer, so that its
 * clock at the moment of the answer lies in between; nothing here depends on how fast
 * the guest runs. A clock may stand still while the host holds the guest or may count
 * that time once: both are seen in the field, and neither is an error.
 *
 * Where a whole test cannot tell two causes apart, its comment says so. In general: a
 * wrong time may be KVM's, or the VMM's that gave KVM a wrong one. The QMP transcript
 * and KVM's ioctls (strace) tell them apart; the guest cannot.
 *
 * On the command line: break=reader, break=page (see pvclock.h), and break=host, which
 * makes the host's clock stand still, as this program sees it.
 */
#include "alloc_page.h"
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/kvmclock/kvmclock.h"

/* Roundings: the runner gets to know of a pause's ends in microseconds. */
#define ROUNDING_NS (NS_PER_MS / 10)

/* ---- every CPU's clock ---- */

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

/* Gives KVM every reason to write to the clock pages that it knows of. */
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

/* The offset of the first byte, from `from` on, that is not as filled; or PAGE_SIZE. */
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
		report_fail("CPU %d: %s: somebody wrote to the page at %p, offset %lu: 0x%x is "
			    "there instead of 0x%x",
			    smp_id(), what, page, at, ((const u8 *)page)[at], PATTERN);
}

void report_registered(const struct pvclock_msrs *msrs, u64 wrote)
{
	u64 value = rdmsr(msrs->system_time);

	report(value == wrote, "CPU %d: MSR 0x%x holds what was written (wrote 0x%lx, reads 0x%lx)",
	       smp_id(), msrs->system_time, wrote, value);
}

/* ---- the host's time ---- */

/* Returns the question's number, 0 if nobody answers. */
u64 ask_host_time(struct host_time *time)
{
	static u64 standing_monotonic, standing_realtime;
	char answer[256];
	u64 question = host_ask("time", answer, sizeof(answer));

	*time = (struct host_time){ 0 };
	if (!question)
		return 0;
	*time = (struct host_time){
		.realtime = answer_number(answer, "realtime"),
		.monotonic = answer_number(answer, "monotonic"),
		.moves = answer_number(answer, "moves"),
		.pause_min = answer_number(answer, "pause_min"),
		.pause_max = answer_number(answer, "pause_max"),
	};
	if (pvclock_broken("host")) {
		if (!standing_monotonic) {
			standing_monotonic = time->monotonic;
			standing_realtime = time->realtime;
		}
		time->monotonic = standing_monotonic;
		time->realtime = standing_realtime;
	}
	return question;
}

static void read_before(void *data)
{
	((struct reading *)data)->before[smp_id()] = clock_now();
}

static void read_after(void *data)
{
	((struct reading *)data)->after[smp_id()] = clock_now();
}

/* Also leaves marks, by which the runner checks the same on its own. */
void take_reading(struct reading *reading)
{
	u64 question;
	int cpu;

	on_cpus(read_before, reading);
	question = ask_host_time(&reading->host);
	on_cpus(read_after, reading);
	reading->answered = question;
	if (!question)
		return;
	for_each_cpu (cpu)
		mark("clock", "clock=kvmclock cpu=%d before=%lu after=%lu answer=%lu", cpu,
		     reading->before[cpu], reading->after[cpu], question);
}

bool was_moved(const struct reading *from, const struct reading *to)
{
	return to->host.moves != from->host.moves;
}

/* Between two readings, on every CPU: not backwards, and as much as on the host. */
void check_elapsed(const struct reading *from, const struct reading *to, const char *when)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + ROUNDING_NS;
	int cpu, bad = 0;

	for_each_cpu (cpu) {
		s64 least = to->before[cpu] - from->after[cpu];
		s64 most = to->after[cpu] - from->before[cpu];

		if (!report_if_failed(least >= 0, "%s: CPU %d: the clock went back by %ld ns", when,
				      cpu, -least)) {
			bad++;
			continue;
		}
		if (!to->answered)
			continue;
		bad += !report_if_failed(least <= host + tolerance,
					 "%s: CPU %d: the clock ran ahead: at least %ld ns passed "
					 "on it, %ld ns on the host (tolerance %ld ns)",
					 when, cpu, least, host, tolerance);
		bad += !report_if_failed(most >= host - pause - tolerance,
					 "%s: CPU %d: the clock fell behind: at most %ld ns passed "
					 "on it, %ld ns on the host, which held the guest for at "
					 "most %ld ns (tolerance %ld ns)",
					 when, cpu, most, host, pause, tolerance);
	}
	if (to->answered)
		report(!bad,
		       "%s: %d clocks went with the host's: %ld ns, of which the guest was "
		       "held for at most %ld",
		       when, cpu_count(), host, pause);
	else
		report(!bad, "%s: %d clocks went forward (nobody tells the host's time)", when,
		       cpu_count());
}

/*
 * Runs stretch(data) until the guest has not been moved or paused meanwhile. A move
 * has ended when the host answers, so there is always some time before the next.
 */
bool undisturbed(void (*stretch)(void *data), void *data)
{
	struct host_time begin, end;

	for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
		ask_host_time(&begin);
		stretch(data);
		ask_host_time(&end);
		if (begin.moves == end.moves)
			return true;
	}
	report_skip("the guest was moved in all of %d attempts", MOST_ATTEMPTS);
	return false;
}
