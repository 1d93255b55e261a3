// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_clock: as much time passes as on the host, and a CPU's run time does not go back
 * (Hyper-V TLFS, "Timers" and "Virtual Processor Run Time Register"). A part of the program
 * hyperv_clock: see hyperv_clock.c.
 */
#include "console.h"
#include "processor.h"
#include "smp.h"
#include "x86/hyperv_clock/hyperv_clock.h"

/* adjtimex(2) slews CLOCK_MONOTONIC by up to 500 ppm. It does not slew the TSC, nor this clock. */
#define MOST_SLEW_PPM 500
/* The runner knows the beginning and the end of a pause to the microsecond. */
#define ROUNDING_NS 100000l

struct reading {
	clock_function clock;
	u64 before[MAX_CPUS], after[MAX_CPUS]; /* ticks */
	struct host_time host;
	u64 answer; /* 0 if nobody answers */
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

/* Reads a clock on all CPUs around a moment of the host's clock. The marks are for the runner. */
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

/* Between two readings no CPU's clock may go back, and each must go as far as the host's clock. */
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
			"%s of CPU %d ran ahead: at least %ld ns passed on it, %ld ns on the host (tolerance %ld ns)",
			name, cpu, least, host, tolerance);
		bad += !report_if_failed(
			most >= host - pause - tolerance,
			"%s of CPU %d fell behind: at most %ld ns passed on it, %ld ns on the host, which held the guest for at most %ld ns (tolerance %ld ns)",
			name, cpu, most, host, pause, tolerance);
	}
	report(!bad,
	       "%s went with the host's clock on %d CPUs: %ld ns, of which the host held the guest for at most %ld%s",
	       name, cpu_count(), host, pause, to->answer ? "" : " (nobody tells the host's time)");
}

/*
 * A broken hypervisor loses the clock's reading in an action, adds a pause twice, or starts
 * again from 0.
 */
static void check_across_move(clock_function clock, const char *name)
{
	static struct reading from, to;

	take_reading(&from, clock, name);
	for (int action = 0; action < ACTIONS; action++) {
		migrate_quiet();
		take_reading(&to, clock, name);
		check_elapsed(&from, &to, name);
		from = to;
	}
}

/*
 * As much time has to pass in the guest as on the host. Only the time for which the guest stood
 * still may be missing. The runner checks the same by the marks, over all rounds.
 */
TEST(counter_across_move, .on = EACH_CPU, .needs = CLOCK,
     .about =
	     "the reference counter never steps back in an action, and goes as far as the host's clock")
{
	check_across_move(hv_ref_count, "hv_ref");
}

TEST(page_across_move, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "time by the TSC page never steps back in an action, and goes as far as the host's clock")
{
	page_on();
	wait_valid();
	check_across_move(clock_now, "hv_tsc_page");
	page_off();
}

/*
 * A broken VMM does not carry the run time, or a broken hypervisor counts it anew after an
 * action.
 */
TEST(runtime, .on = EACH_CPU, .needs = HV_VP_RUNTIME,
     .about = "a CPU's run time cannot be written, and never goes back, not even in an action")
{
	u64 last = rdmsr(HV_X64_MSR_VP_RUNTIME), first = last, now;
	int back = 0;

	report(wrmsr_safe(HV_X64_MSR_VP_RUNTIME, 0) == GP_VECTOR, "writing it raises #GP");
	for (int action = 0; action < 2; action++) {
		for (int i = 0; i < 100; i++) {
			now = rdmsr(HV_X64_MSR_VP_RUNTIME);
			back += now < last;
			last = now;
		}
		if (!action)
			migrate_quiet();
	}
	report(!back, "it went back %d times, from %lu to %lu ticks", back, first, last);
}
