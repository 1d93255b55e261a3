// SPDX-License-Identifier: GPL-2.0-or-later
/* See elapsed.h. */
#include "elapsed.h"
#include "console.h"
#include "smp.h"

/* The runner knows the beginning and the end of a pause to the microsecond. */
#define ROUNDING_NS 100000l

struct clock_to_read {
	u64 (*now)(void);
	u64 *times;
};

static void read_here(void *data)
{
	const struct clock_to_read *clock = data;

	clock->times[smp_id()] = clock->now();
}

void take_clock_reading(struct clock_reading *reading, u64 (*now)(void), const char *name)
{
	struct clock_to_read before = { now, reading->before }, after = { now, reading->after };
	u64 question;
	int cpu;

	on_cpus(read_here, &before);
	question = host_time(&reading->host);
	on_cpus(read_here, &after);
	reading->answered = question;
	if (!question)
		return;
	for_each_cpu (cpu)
		mark("clock", "clock=%s cpu=%d before=%lu after=%lu answer=%lu", name, cpu,
		     reading->before[cpu], reading->after[cpu], question);
}

bool host_acted_between(const struct clock_reading *from, const struct clock_reading *to)
{
	return to->host.moves != from->host.moves;
}

void check_clock_elapsed(const struct clock_reading *from, const struct clock_reading *to,
			 const char *what)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + ROUNDING_NS;
	int cpu, bad = 0;

	for_each_cpu (cpu) {
		s64 least = to->before[cpu] - from->after[cpu];
		s64 most = to->after[cpu] - from->before[cpu];

		if (!report_if_failed(least >= 0, "%s: CPU %d: the clock went back by %ld ns", what,
				      cpu, -least)) {
			bad++;
			continue;
		}
		if (!to->answered)
			continue;
		bad += !report_if_failed(
			least <= host + tolerance,
			"%s: CPU %d: the clock ran ahead: at least %ld ns passed on it, %ld ns on the host (tolerance %ld ns)",
			what, cpu, least, host, tolerance);
		bad += !report_if_failed(
			most >= host - pause - tolerance,
			"%s: CPU %d: the clock fell behind: at most %ld ns passed on it, %ld ns on the host, which held the guest for at most %ld ns (tolerance %ld ns)",
			what, cpu, most, host, pause, tolerance);
	}
	if (to->answered)
		report(!bad,
		       "%s: %d clocks went as the host's clock did: %ld ns, of which the host held the guest for at most %ld",
		       what, cpu_count(), host, pause);
	else
		report(!bad, "%s: %d clocks went forward (nobody tells the host's time)", what,
		       cpu_count());
}
