// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hyper-V's reference clock: a counter of 100 ns ticks that belongs to the whole guest,
 * read from an MSR, or computed from the TSC by a line that the hypervisor keeps in the
 * reference TSC page.
 *
 * The truth: TLFS "Timers", sections "Reference Counter", "Partition Reference Counter
 * MSR" and "Partition Reference Time Enlightenment". The clock appears to stop while the
 * guest is held, or counts that time: both are seen, and neither is an error. A page
 * whose sequence is 0 says that it is no source of time now, and the MSR has to be read.
 *
 * A hypervisor moves or pauses the guest and sets the MSR's clock right, but leaves the
 * old line in the page: then the page is off by the pause, or by all that the TSCs of two
 * hosts differ. Windows has hung for minutes after a resume because of such a stale page.
 * Here both are read again and again, the page between two reads of the MSR and the MSR
 * between two of the page, during moves too.
 *
 * Beside the clock stands the runner's CLOCK_MONOTONIC, asked for between two reads
 * (host_time()): how fast the guest runs does not matter. What a test cannot tell: when
 * the MSR and the page agree, and both are wrong in the same way by less than the pause.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "hyperv.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define CLOCK	 ALL_OF(HV_TIME_REF_COUNT)
#define TSC_PAGE ALL_OF(HV_TIME_REF_COUNT, HV_REFERENCE_TSC)

#define PATIENCE_MS 5000

#define PPM 1000000
/* adjtimex(2) slews CLOCK_MONOTONIC by up to 500 ppm; the TSC, and so this clock, not. */
#define MOST_SLEW_PPM 500
/* The runner gets to know of a pause's ends in microseconds. */
#define ROUNDING_NS 100000l

/*
 * MSR and page are two computations of one clock, in whole ticks, where a hypervisor may
 * round twice. A stale page is off by a pause, which is no shorter than a millisecond.
 */
#define AGREEMENT_TICKS 10

/* ---- reading ---- */

static struct hv_reference_tsc_page *page;

static void page_on(void)
{
	if (!page)
		page = alloc_page();
	memset(page, 0, PAGE_SIZE);
	wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)page | HV_REFERENCE_TSC_ENABLE);
}

static void page_off(void)
{
	wrmsr(HV_X64_MSR_REFERENCE_TSC, 0);
}

/* As TLFS recommends: by the page, or by the MSR while the page is invalid. */
static u64 clock_now(void)
{
	u64 time;

	return hv_reference_time(page, &time) ? time : hv_ref_count();
}

static bool page_is_valid(void)
{
	return READ_ONCE(page->tsc_sequence) != HV_REFERENCE_TSC_INVALID;
}

/* Not an error if it does not: a host without a reliable TSC has none to offer. */
static bool wait_valid(void)
{
	return wait_until(page_is_valid(), PATIENCE_MS / 10);
}

/* ---- the host's time ---- */

typedef u64 (*clock_function)(void);

struct reading {
	clock_function clock;
	u64 before[MAX_CPUS], after[MAX_CPUS]; /* ticks */
	struct host_time host;
	u64 answer; /* 0: nobody answers */
};

static void read_before(void *data)
{
	struct reading *reading = data;

	reading->before[smp_id()] = reading->clock();
}

static void read_after(void *data)
{
	struct reading *reading = data;

	reading->after[smp_id()] = reading->clock();
}

/* All CPUs' reading of a clock at one moment of the host's; marks it for the runner. */
static void take_reading(struct reading *reading, clock_function clock, const char *name)
{
	char answer[256];
	int cpu;

	*reading = (struct reading){ .clock = clock };
	on_cpus(read_before, reading);
	reading->answer = host_ask("time", answer, sizeof(answer));
	on_cpus(read_after, reading);
	if (!reading->answer)
		return;
	reading->host = (struct host_time){
		.monotonic = answer_number(answer, "monotonic"),
		.moves = answer_number(answer, "moves"),
		.pause_min = answer_number(answer, "pause_min"),
		.pause_max = answer_number(answer, "pause_max"),
	};
	for_each_cpu (cpu)
		mark("clock", "clock=%s cpu=%d before=%lu after=%lu answer=%lu", name, cpu,
		     reading->before[cpu] * HV_NS_PER_TICK, reading->after[cpu] * HV_NS_PER_TICK,
		     reading->answer);
}

/* Between two readings, on every CPU: not back, and as much as on the host. */
static void check_elapsed(const struct reading *from, const struct reading *to, const char *name)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + ROUNDING_NS;
	int cpu, bad = 0;

	for_each_cpu (cpu) {
		s64 least = (to->before[cpu] - from->after[cpu]) * HV_NS_PER_TICK;
		s64 most = (to->after[cpu] - from->before[cpu]) * HV_NS_PER_TICK;

		if (!report_if_failed(least >= 0, "%s of CPU %d went back by %ld ns", name, cpu,
				      -least)) {
			bad++;
			continue;
		}
		if (!to->answer)
			continue;
		bad += !report_if_failed(
			least <= host + tolerance,
			"%s of CPU %d ran ahead: at least %ld ns passed on it, %ld "
			"ns on the host (tolerance %ld ns)",
			name, cpu, least, host, tolerance);
		bad += !report_if_failed(most >= host - pause - tolerance,
					 "%s of CPU %d fell behind: at most %ld ns passed on it, "
					 "%ld ns on the host, which held the guest for at most %ld "
					 "ns (tolerance %ld ns)",
					 name, cpu, most, host, pause, tolerance);
	}
	report(!bad,
	       "%s went with the host's clock on %d CPUs: %ld ns, of which the guest was "
	       "held for at most %ld%s",
	       name, cpu_count(), host, pause, to->answer ? "" : " (nobody tells the host's time)");
}

/* ======== the counter ======== */

TEST(ref_count, .on = EACH_CPU, .needs = CLOCK,
     .about = "the reference counter can be read, not written, and goes on")
{
	u64 first = hv_ref_count(), second;

	report(wrmsr_safe(HV_X64_MSR_TIME_REF_COUNT, 0) == GP_VECTOR, "writing it raises #GP");
	delay_us(2000);
	second = hv_ref_count();
	report(second > first, "it goes on: from %lu to %lu in 2 ms", first, second);
}

/* ---- order ---- */

#define READS	     20000
#define FEWEST_READS 1000

/* One clock, or several that are to be one: the latest time that anybody has read. */
struct order {
	clock_function clocks[2];
	s64 slack;
	u64 last;
	atomic64_t reads, back;
	s64 worst;
	int worst_cpu;
};

static void read_in_order(struct order *order, clock_function clock)
{
	u64 last = READ_ONCE(order->last), seen, time;
	s64 back;

	time = clock();
	atomic64_inc(&order->reads);
	back = last - time;
	if (back > order->slack) {
		atomic64_inc(&order->back);
		if (back > order->worst) {
			order->worst = back;
			order->worst_cpu = smp_id();
		}
	}
	while ((seen = READ_ONCE(order->last)) < time && cmpxchg(&order->last, seen, time) != seen)
		;
}

static void read_many(void *data)
{
	struct order *order = data;

	for (u64 n = scaled_count(READS, FEWEST_READS); n; n--)
		read_in_order(order, order->clocks[n % 2]);
}

static void check_order(const struct order *order, const char *what)
{
	report(!atomic64_read(&order->back),
	       "%s: time went back %ld times in %ld reads, at most by %ld ticks, on CPU %d (%ld "
	       "are "
	       "allowed)",
	       what, atomic64_read(&order->back), atomic64_read(&order->reads), order->worst,
	       order->worst_cpu, order->slack);
}

/* Reads by one clock on all CPUs at once, or on this one alone. */
static void check_monotonic(clock_function one, clock_function other, bool all, const char *what)
{
	static struct order order;

	order = (struct order){ .clocks = { one, other },
				.slack = one == other ? 0 : AGREEMENT_TICKS };
	if (all)
		on_cpus(read_many, &order);
	else
		read_many(&order);
	check_order(&order, what);
}

/*
 * "Successive accesses to it return strictly monotonically increasing (time) values as
 * seen by any and all virtual processors." Two accesses within a tick cannot be told
 * from the same moment: what is checked is that none is less. A hypervisor whose CPUs'
 * TSCs are apart, or that changes its line so that the new begins below the old.
 */
TEST(monotonic_one_cpu, .on = EACH_CPU, .needs = CLOCK,
     .about = "on one CPU the reference counter never goes back, whatever is done meanwhile")
{
	check_monotonic(hv_ref_count, hv_ref_count, false, "the counter on one CPU");
	migrate_quiet();
	check_monotonic(hv_ref_count, hv_ref_count, false, "the counter, after a move");
}

TEST(monotonic_all_cpus, .needs = CLOCK,
     .about = "across all CPUs the reference counter never goes back")
{
	check_monotonic(hv_ref_count, hv_ref_count, true, "the counter on all CPUs");
}

TEST(monotonic_page_one_cpu, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "by the TSC page time never goes back on one CPU")
{
	page_on();
	wait_valid();
	check_monotonic(clock_now, clock_now, false, "the page on one CPU");
	page_off();
}

TEST(monotonic_page_all_cpus, .needs = TSC_PAGE,
     .about = "by the TSC page, and by page and counter in turns, time never goes back")
{
	page_on();
	wait_valid();
	check_monotonic(clock_now, clock_now, true, "the page on all CPUs");
	check_monotonic(clock_now, hv_ref_count, true, "page and counter on all CPUs");
	page_off();
}

/* ======== the page ======== */

/* The page between two reads of the counter, and the counter between two of the page. */
struct comparison {
	atomic64_t valid, invalid, ahead, behind;
	s64 worst;
	int worst_cpu;
	u32 worst_sequence;
};

static struct comparison comparison;

static void note_worst(s64 off)
{
	if (off <= comparison.worst)
		return;
	comparison.worst = off;
	comparison.worst_cpu = smp_id();
	comparison.worst_sequence = READ_ONCE(page->tsc_sequence);
}

static void compare(void)
{
	u64 counter = hv_ref_count(), by_page, again;
	s64 off;

	if (!hv_reference_time(page, &by_page)) {
		atomic64_inc(&comparison.invalid);
		return;
	}
	atomic64_inc(&comparison.valid);
	again = hv_ref_count();
	off = counter - by_page;
	if (off > AGREEMENT_TICKS) {
		atomic64_inc(&comparison.behind);
		note_worst(off);
	}
	off = by_page - again;
	if (off > AGREEMENT_TICKS) {
		atomic64_inc(&comparison.ahead);
		note_worst(off);
	}
}

static void check_comparison(const char *when)
{
	report(!atomic64_read(&comparison.behind) && !atomic64_read(&comparison.ahead),
	       "%s: the page was valid %ld times, invalid %ld times; it was behind the counter %ld "
	       "times, ahead %ld times, by up to %ld ticks (CPU %d, sequence %u; allowed are %d)",
	       when, atomic64_read(&comparison.valid), atomic64_read(&comparison.invalid),
	       atomic64_read(&comparison.behind), atomic64_read(&comparison.ahead),
	       comparison.worst, comparison.worst_cpu, comparison.worst_sequence, AGREEMENT_TICKS);
	comparison = (struct comparison){ 0 };
}

static void compare_many(void *unused)
{
	for (u64 n = scaled_count(READS / 10, FEWEST_READS / 5); n; n--)
		compare();
}

/*
 * A hypervisor that computes scale or offset wrongly, or by another clock than the
 * counter's. While the page is invalid there is nothing to compare, and the test says so.
 */
TEST(page_agrees, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "TSC page and reference counter tell the same time, within 10 ticks (1 us)")
{
	page_on();
	report(rdmsr(HV_X64_MSR_REFERENCE_TSC) == ((u64)page | HV_REFERENCE_TSC_ENABLE),
	       "REFERENCE_TSC reads back 0x%lx", rdmsr(HV_X64_MSR_REFERENCE_TSC));
	if (!wait_valid())
		report_info("the page says that it is invalid: this host's TSC may be unreliable");
	compare_many(NULL);
	check_comparison("at rest");
	mark("tsc_page", "cpu=%d sequence=%u scale=0x%lx offset=%ld", smp_id(), page->tsc_sequence,
	     page->tsc_scale, page->tsc_offset);
	page_off();
}

#define PATTERN_WORD 0x5454545454545454ul

static void fill(struct hv_reference_tsc_page *there)
{
	for (size_t i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		((u64 *)there)[i] = PATTERN_WORD;
}

static int words_changed(const struct hv_reference_tsc_page *there)
{
	int changed = 0;

	for (size_t i = 0; i < PAGE_SIZE / sizeof(u64); i++)
		changed += ((const volatile u64 *)there)[i] != PATTERN_WORD;
	return changed;
}

/* A hypervisor that goes on writing destroys memory that the guest uses for other things. */
TEST(page_off, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "a TSC page that was turned off, or moved, is not written any more")
{
	struct hv_reference_tsc_page *other = alloc_page();

	page_on();
	wait_valid();
	page_off();
	report(!rdmsr(HV_X64_MSR_REFERENCE_TSC), "REFERENCE_TSC reads 0x%lx",
	       rdmsr(HV_X64_MSR_REFERENCE_TSC));
	fill(page);
	wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)other | HV_REFERENCE_TSC_ENABLE);
	migrate_quiet();
	delay_us(10000);
	report(!words_changed(page), "the old page: %d words changed", words_changed(page));
	wrmsr(HV_X64_MSR_REFERENCE_TSC, 0);
	fill(other);
	delay_us(10000);
	report(!words_changed(other), "the page that took its place, off: %d words changed",
	       words_changed(other));
	free_page(other);
}

/* What one CPU sees while others have the page written anew. */
struct watch {
	bool started, stop;
	struct hv_reference_tsc last;
	u64 samples, changes, torn, reserved;
};

static struct watch watch;

static void watch_once(void)
{
	struct hv_reference_tsc line = hv_reference_tsc(page);

	if (line.sequence == HV_REFERENCE_TSC_INVALID)
		return;
	if (watch.samples++) {
		if (line.sequence != watch.last.sequence)
			watch.changes++;
		else if (line.scale != watch.last.scale || line.offset != watch.last.offset)
			watch.torn++;
	}
	watch.reserved += READ_ONCE(page->tsc_sequence) == 0xffffffff;
	watch.last = line;
}

#define WATCH_DEADLINE_MS 60000

static void watch_until_stopped(void *unused)
{
	struct deadline deadline;

	deadline_start(&deadline, WATCH_DEADLINE_MS);
	WRITE_ONCE(watch.started, true);
	while (!READ_ONCE(watch.stop) && !deadline_passed(&deadline))
		watch_once();
}

#define REWRITES	300
#define FEWEST_REWRITES 30

/*
 * "A sequence number which is incremented whenever the scale and/or the offset fields are
 * modified." A hypervisor that writes the fields under a valid sequence lets a reader mix
 * two lines: one sequence is then seen with two contents. What is never seen here cannot
 * be told from what never happens.
 */
TEST(sequence, .on = EACH_CPU, .needs = ALL_OF(HV_TIME_REF_COUNT, HV_REFERENCE_TSC, SMP),
     .about = "another CPU never sees two contents of the TSC page under one valid sequence")
{
	int other = other_cpu();

	page_on();
	watch = (struct watch){ 0 };
	on_cpu_async(other, watch_until_stopped, NULL);
	wait_for(READ_ONCE(watch.started), LIBRARY_DEADLINE_MS, "another CPU to watch");
	for (u64 n = scaled_count(REWRITES, FEWEST_REWRITES); n; n--) {
		wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)page | HV_REFERENCE_TSC_ENABLE);
		for (u64 i = n % 32; i; i--)
			pause();
	}
	WRITE_ONCE(watch.stop, true);
	on_cpu_wait(other);
	report(!watch.torn,
	       "CPU %d saw one content for each sequence: %lu times not, in %lu samples "
	       "with %lu changes",
	       other, watch.torn, watch.samples, watch.changes);
	report(!watch.reserved, "sequence 0xffffffff was not used: %lu times", watch.reserved);
	page_off();
}

/* ======== moves ======== */

static atomic_t stop_comparing;

static void compare_until_stopped(void *data)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!atomic_read(&stop_comparing) && !deadline_passed(&deadline))
		compare();
}

#define MOVES 2

/*
 * What this program is for: see its head. While the guest is moved the other CPUs compare
 * without a break, and so see the page in its first moments after the move; then all
 * do.
 */
TEST(page_fresh_after_move, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "after a move the TSC page tells the counter's time, or says that it is invalid")
{
	int cpu;

	page_on();
	wait_valid();
	comparison = (struct comparison){ 0 };
	for (int move = 0; move < MOVES; move++) {
		u32 sequence = READ_ONCE(page->tsc_sequence);

		atomic_set(&stop_comparing, 0);
		for_each_cpu (cpu)
			if (cpu != smp_id())
				on_cpu_async(cpu, compare_until_stopped, NULL);
		migrate_quiet();
		compare_many(NULL);
		atomic_set(&stop_comparing, 1);
		for_each_cpu (cpu)
			if (cpu != smp_id())
				on_cpu_wait(cpu);
		check_comparison("across a move");
		mark("tsc_page", "cpu=%d sequence=%u sequence_before=%u scale=0x%lx offset=%ld",
		     smp_id(), page->tsc_sequence, sequence, page->tsc_scale, page->tsc_offset);
	}
	on_cpus(compare_many, NULL);
	check_comparison("on all CPUs afterwards");
	report(rdmsr(HV_X64_MSR_REFERENCE_TSC) == ((u64)page | HV_REFERENCE_TSC_ENABLE),
	       "REFERENCE_TSC holds what was written: 0x%lx", rdmsr(HV_X64_MSR_REFERENCE_TSC));
	page_off();
}

/* A clock that has lost its reading, took a pause twice, or starts anew on the other side. */
static void check_across_move(clock_function clock, const char *name)
{
	static struct reading from, to;

	take_reading(&from, clock, name);
	for (int move = 0; move < MOVES; move++) {
		migrate_quiet();
		take_reading(&to, clock, name);
		check_elapsed(&from, &to, name);
		from = to;
	}
}

/*
 * Time that passes on the host has to pass in the guest, but for what the guest stood
 * still for. The runner checks the same by the marks, over all rounds.
 */
TEST(counter_across_move, .on = EACH_CPU, .needs = CLOCK,
     .about = "the reference counter never steps back in a move, and agrees with the host's "
	      "measure of the pause")
{
	check_across_move(hv_ref_count, "hv_ref");
}

TEST(page_across_move, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "the same for time by the TSC page")
{
	page_on();
	wait_valid();
	check_across_move(clock_now, "hv_tsc_page");
	page_off();
}

/* ======== frequencies and runtime ======== */

/* KVM tells whole kHz, its line is of the host's TSC in other units. */
#define FREQUENCY_TOLERANCE_PPM 1000

static u64 page_tsc_hz(void)
{
	struct hv_reference_tsc line = hv_reference_tsc(page);

	/* ticks = tsc * scale / 2^64, hence the TSC's ticks a second: */
	return line.scale > HV_TICKS_PER_SECOND ? mul_div(HV_TICKS_PER_SECOND, ~0ul, line.scale)
						: 0;
}

/*
 * A VMM that does not carry the TSC's frequency, or a hypervisor that tells the host's
 * when it scales. Only with a valid page is there something to compare with.
 */
TEST(frequencies, .on = EACH_CPU, .needs = HV_FREQUENCIES,
     .about = "TSC and APIC frequency are told, agree with the TSC page, and hold in a move")
{
	u64 tsc = rdmsr(HV_X64_MSR_TSC_FREQUENCY), apic = rdmsr(HV_X64_MSR_APIC_FREQUENCY);
	s64 off;

	report(tsc && apic, "TSC %lu Hz, APIC timer %lu Hz", tsc, apic);
	report(wrmsr_safe(HV_X64_MSR_TSC_FREQUENCY, tsc) == GP_VECTOR &&
		       wrmsr_safe(HV_X64_MSR_APIC_FREQUENCY, apic) == GP_VECTOR,
	       "they cannot be written");
	migrate_quiet();
	report(rdmsr(HV_X64_MSR_TSC_FREQUENCY) == tsc && rdmsr(HV_X64_MSR_APIC_FREQUENCY) == apic,
	       "after a move: TSC %lu Hz, APIC timer %lu Hz", rdmsr(HV_X64_MSR_TSC_FREQUENCY),
	       rdmsr(HV_X64_MSR_APIC_FREQUENCY));
	if (!HV_REFERENCE_TSC[0]->present())
		return;
	page_on();
	if (wait_valid()) {
		off = page_tsc_hz() - tsc;
		report(off <= (s64)(tsc / PPM * FREQUENCY_TOLERANCE_PPM) &&
			       -off <= (s64)(tsc / PPM * FREQUENCY_TOLERANCE_PPM),
		       "the TSC page is made for %lu Hz, %ld more than told (allowed are %d ppm)",
		       page_tsc_hz(), off, FREQUENCY_TOLERANCE_PPM);
	}
	page_off();
}

/* TLFS "Virtual Processor Run Time Register". */
TEST(runtime, .on = EACH_CPU, .needs = HV_VP_RUNTIME,
     .about = "a CPU's run time never goes back, in a move neither, and cannot be written")
{
	u64 last = rdmsr(HV_X64_MSR_VP_RUNTIME), first = last, now;
	int back = 0;

	report(wrmsr_safe(HV_X64_MSR_VP_RUNTIME, 0) == GP_VECTOR, "writing it raises #GP");
	for (int move = 0; move < 2; move++) {
		for (int i = 0; i < 100; i++) {
			now = rdmsr(HV_X64_MSR_VP_RUNTIME);
			back += now < last;
			last = now;
		}
		if (!move)
			migrate_quiet();
	}
	report(!back, "it went back %d times, from %lu to %lu ticks", back, first, last);
}
