// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: the reference TSC page (Hyper-V TLFS, "Timers", "Partition Reference Time
 * Enlightenment"). A part of the program hyperv_clock: see hyperv_clock.c.
 */
#include "alloc_page.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "elapsed.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "x86/hyperv_clock/hyperv_clock.h"

/* Results of reading the page between two reads of the counter, and the reverse. */
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
	       "%s: the page was valid %ld times, invalid %ld times; it was behind the counter %ld times, ahead %ld times, by up to %ld ticks (CPU %d, sequence %u; allowed are %d)",
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
 * A broken hypervisor computes scale or offset wrongly, or from another clock than the counter's.
 * While the page is invalid there is nothing to compare, and the test says so.
 */
TEST(page_agrees, .on = EACH_CPU, .needs = TSC_PAGE,
     .about = "Hyper-V's TSC page and reference counter tell the same time, within 10 ticks (1 us)")
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

/* A broken hypervisor goes on writing, and destroys memory that the guest uses for other things. */
TEST(page_off, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "a Hyper-V TSC page that was turned off, or replaced by another, is no longer written")
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

/* What one CPU sees while another makes the hypervisor write the page again. */
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
 * TLFS: "A sequence number which is incremented whenever the scale and/or the offset fields are
 * modified." A broken hypervisor writes the fields under a valid sequence, so that a reader mixes
 * two lines. The test sees it when one sequence has two contents. It cannot rule out what it has
 * not seen.
 */
TEST(sequence, .on = EACH_CPU, .needs = ALL_OF(HV_TIME_REF_COUNT, HV_REFERENCE_TSC, SMP),
     .about = "another CPU never sees two contents of Hyper-V's TSC page under one valid sequence")
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
	       "CPU %d saw one content for each sequence: %lu times not, in %lu samples with %lu changes",
	       other, watch.torn, watch.samples, watch.changes);
	report(!watch.reserved, "sequence 0xffffffff was not used: %lu times", watch.reserved);
	page_off();
}

static atomic_t stop_comparing;

static void compare_until_stopped(void *data)
{
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!atomic_read(&stop_comparing) && !deadline_passed(&deadline))
		compare();
}

/*
 * The head of hyperv_clock.c says what a broken hypervisor does. During the action the other CPUs
 * compare without a break, so they see the page in its first moments afterwards. Then all CPUs
 * compare.
 */
TEST(page_fresh_after_move, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "after an action Hyper-V's TSC page tells the reference counter's time, or says that it is invalid")
{
	int cpu;

	page_on();
	wait_valid();
	comparison = (struct comparison){ 0 };
	for (int action = 0; action < ACTIONS; action++) {
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
		check_comparison("across an action");
		mark("tsc_page", "cpu=%d sequence=%u sequence_before=%u scale=0x%lx offset=%ld",
		     smp_id(), page->tsc_sequence, sequence, page->tsc_scale, page->tsc_offset);
	}
	on_cpus(compare_many, NULL);
	check_comparison("on all CPUs afterwards");
	report(rdmsr(HV_X64_MSR_REFERENCE_TSC) == ((u64)page | HV_REFERENCE_TSC_ENABLE),
	       "REFERENCE_TSC holds what was written: 0x%lx", rdmsr(HV_X64_MSR_REFERENCE_TSC));
	page_off();
}

/* KVM reports the frequency in whole kHz, and computes the page's line in other units. */
#define FREQUENCY_TOLERANCE_PPM 1000

static u64 page_tsc_hz(void)
{
	struct hv_reference_tsc line = hv_reference_tsc(page);

	/* ticks = TSC * scale / 2^64. So a second has this many ticks of the TSC: */
	return line.scale > HV_TICKS_PER_SECOND ? mul_div(HV_TICKS_PER_SECOND, ~0ul, line.scale)
						: 0;
}

/*
 * A broken VMM does not carry the TSC's frequency, or a broken hypervisor reports the host's
 * frequency although it scales the TSC. The test compares it with the page, if that is valid.
 */
TEST(frequencies, .on = EACH_CPU, .needs = HV_FREQUENCIES,
     .about =
	     "Hyper-V's frequencies of TSC and APIC timer survive an action, and that of the TSC fits the TSC page")
{
	u64 tsc = rdmsr(HV_X64_MSR_TSC_FREQUENCY), apic = rdmsr(HV_X64_MSR_APIC_FREQUENCY);
	s64 off;

	report(tsc && apic, "TSC %lu Hz, APIC timer %lu Hz", tsc, apic);
	report(wrmsr_safe(HV_X64_MSR_TSC_FREQUENCY, tsc) == GP_VECTOR &&
		       wrmsr_safe(HV_X64_MSR_APIC_FREQUENCY, apic) == GP_VECTOR,
	       "they cannot be written");
	migrate_quiet();
	report(rdmsr(HV_X64_MSR_TSC_FREQUENCY) == tsc && rdmsr(HV_X64_MSR_APIC_FREQUENCY) == apic,
	       "after an action: TSC %lu Hz, APIC timer %lu Hz", rdmsr(HV_X64_MSR_TSC_FREQUENCY),
	       rdmsr(HV_X64_MSR_APIC_FREQUENCY));
	if (!HV_REFERENCE_TSC[0]->present())
		return;
	page_on();
	if (wait_valid()) {
		off = page_tsc_hz() - tsc;
		report(off <= (s64)(tsc / PPM * FREQUENCY_TOLERANCE_PPM) &&
			       -off <= (s64)(tsc / PPM * FREQUENCY_TOLERANCE_PPM),
		       "the TSC page is made for %lu Hz, %ld more than the MSR says (allowed are %d ppm)",
		       page_tsc_hz(), off, FREQUENCY_TOLERANCE_PPM);
	}
	page_off();
}

#define ACTIONS_AT_MOST 4

/* Rounding may differ if the frequency is carried in kHz. */
#define SCALE_TOLERANCE_PPM 10

/*
 * A valid page says that the host can promise one TSC to all CPUs. An action on one host does not
 * change that. A broken hypervisor gives the page up in an action, for ever: a guest then reads its
 * clock by the MSR, which is some hundred times slower, and everything else looks right. KVM may
 * give it up if a VMM restores two vCPUs' TSCs more than a second apart, so it has to be valid
 * after one of four actions.
 */
TEST(page_stays_valid, .needs = TSC_PAGE,
     .about = "Hyper-V's TSC page is valid after an action if it was valid before it")
{
	static bool was_valid;
	u32 sequence;
	u64 scale;
	s64 off, tolerance;
	bool valid;

	page_on();
	valid = wait_valid();
	was_valid |= valid;
	if (!was_valid) {
		report_skip("the page is not valid before any action");
		page_off();
		return;
	}
	sequence = READ_ONCE(page->tsc_sequence);
	scale = page->tsc_scale;
	for (int i = 0; i < ACTIONS_AT_MOST; i++) {
		migrate_quiet();
		if (wait_valid())
			break;
	}
	report(page_is_valid(),
	       "the page was valid (sequence %u), and has sequence %u after an action", sequence,
	       page->tsc_sequence);
	off = page->tsc_scale - scale;
	tolerance = scale / PPM * SCALE_TOLERANCE_PPM;
	if (valid && page_is_valid())
		report(off <= tolerance && -off <= tolerance,
		       "the page's scale stands for the same frequency: 0x%lx before, 0x%lx after an action",
		       scale, page->tsc_scale);
	page_off();
}
