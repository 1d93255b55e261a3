// SPDX-License-Identifier: GPL-2.0-or-later
/* See elapsed.h. */
#include "elapsed.h"
#include "console.h"
#include "smp.h"

/* The runner knows when a pause began and ended only to the microsecond. */
#define ROUNDING_NS 100000l

#define READINGS 3

struct one_reading {
	u64 (*now)(void);
	u64 before[MAX_CPUS], after[MAX_CPUS];
};

static void read_before(void *data)
{
	struct one_reading *one = data;

	one->before[smp_id()] = one->now();
}

static void read_after(void *data)
{
	struct one_reading *one = data;

	one->after[smp_id()] = one->now();
}

/* How much less the clock is ahead of the host than in the reading that was kept. */
static s64 less_ahead(const struct clock_reading *reading, int cpu, u64 before,
		      const struct host_time *host)
{
	return (s64)(reading->on[cpu].before - reading->on[cpu].host.monotonic) -
	       (s64)(before - host->monotonic);
}

static void read_once(struct clock_reading *reading, u64 (*now)(void), bool first, s64 excusable)
{
	static struct one_reading one;
	u64 question;
	int cpu;

	one.now = now;
	on_cpus(read_before, &one);
	question = host_time(&reading->host);
	on_cpus(read_after, &one);
	reading->answered = question;
	for_each_cpu (cpu) {
		s64 less = first ? 0 : less_ahead(reading, cpu, one.before[cpu], &reading->host);

		if (!first && (less <= 0 || less > excusable))
			continue;
		reading->on[cpu].before = one.before[cpu];
		reading->on[cpu].after = one.after[cpu];
		reading->on[cpu].host = reading->host;
		reading->on[cpu].answer = question;
	}
}

void take_clock_reading(struct clock_reading *reading, u64 (*now)(void), const char *name,
			u64 excusable)
{
	int cpu;

	read_once(reading, now, true, 0);
	for (int i = 1; excusable && reading->answered && i < READINGS; i++)
		read_once(reading, now, false, excusable);
	if (!reading->answered)
		return;
	for_each_cpu (cpu)
		mark("clock", "clock=%s cpu=%d before=%lu after=%lu answer=%lu", name, cpu,
		     reading->on[cpu].before, reading->on[cpu].after, reading->on[cpu].answer);
}

bool host_acted_between(const struct clock_reading *from, const struct clock_reading *to)
{
	return to->host.moves != from->host.moves;
}

void check_clock_elapsed(const struct clock_reading *from, const struct clock_reading *to,
			 const char *what)
{
	int cpu, bad = 0;

	for_each_cpu (cpu) {
		s64 least = to->on[cpu].before - from->on[cpu].after;
		s64 most = to->on[cpu].after - from->on[cpu].before;
		s64 host = to->on[cpu].host.monotonic - from->on[cpu].host.monotonic;
		s64 pause = to->on[cpu].host.pause_max - from->on[cpu].host.pause_max;
		s64 tolerance = host / PPM * MOST_SLEW_PPM + ROUNDING_NS;

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
		       what, cpu_count(), to->host.monotonic - from->host.monotonic,
		       to->host.pause_max - from->host.pause_max);
	else
		report(!bad, "%s: %d clocks went forward (nobody tells the host's time)", what,
		       cpu_count());
}
