// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the tests that TEST() has declared, round by round. See test.h. */
#include "libcflat.h"
#include "console.h"
#include "ghost.h"
#include "machine-state.h"
#include "patience.h"
#include "processor.h"
#include "smp.h"

extern const struct test tests_start[], tests_end[];

/* A host with this timescale, or a larger one, is slow. */
#define SLOW_HOST 2

static int rounds;
static struct host_boot boot;

int current_round(void)
{
	return rounds;
}

u64 current_boot(void)
{
	return boot.number;
}

bool broken(const char *what)
{
	const char *given = argument("break");

	return given && !strcmp(given, what);
}

static bool is_selected(const struct test *test)
{
	const char *pattern;

	if (!argument("test"))
		return true;
	for (int n = 0; (pattern = argument_nth("test", n)); n++)
		if (simple_glob(test->name, pattern))
			return true;
	return false;
}

static int count_selected(void)
{
	int count = 0;

	for (const struct test *test = tests_start; test < tests_end; test++)
		count += is_selected(test);
	return count;
}

/* The first feature that is missing, or NULL. */
static const struct feature *missing_feature(const struct test *test)
{
	const struct feature *const *needs;

	for (needs = test->needs; needs && *needs; needs++) {
		if (!(*needs)->present())
			return *needs;
		*(*needs)->seen = true;
	}
	return NULL;
}

/*
 * A machine keeps its features for as long as it runs, wherever it is migrated. Only another VMM
 * may offer fewer: then the runner says other-vmm=1.
 */
static void report_missing(const struct feature *missing)
{
	if (*missing->seen && !argument_number("other-vmm", 0))
		report_fail("needs %s, which was there at an earlier test and is gone",
			    missing->name);
	else
		report_skip("needs %s", missing->name);
}

static enum verdict verdict_of(const struct result *result)
{
	if (result->failed)
		return VERDICT_FAIL;
	if (result->xfailed)
		return VERDICT_XFAIL;
	return result->passed && !result->unwaited ? VERDICT_PASS : VERDICT_SKIP;
}

static void print_end(const struct test *test, int cpu, const struct result *result)
{
	static const char *const words[] = {
		[VERDICT_PASS] = "pass",
		[VERDICT_FAIL] = "fail",
		[VERDICT_SKIP] = "skip",
		[VERDICT_XFAIL] = "xfail",
	};
	enum verdict verdict = verdict_of(result);
	bool reason = verdict != VERDICT_PASS;

	machine_line("end", "test=%s cpu=%d round=%d verdict=%s checks=%d%s%s%s", test->name, cpu,
		     rounds, words[verdict], result->checks, reason ? " reason=\"" : "",
		     reason ? result->reason : "", reason ? "\"" : "");
}

static void run_here(void *data)
{
	const struct test *test = data;

	test->run();
	irq_enable();
}

/* Whether the run ends after a test, since it has failed: failfast=1 on the command line. */
static bool ends_run(const struct test *test, const struct result *result)
{
	if (!result->failed || !argument_number("failfast", 0) || patience_is_expected())
		return false;
	report_info("failfast=1: no further test, since %s has failed", test->name);
	return true;
}

/* Returns whether the run ends with this test. */
static bool run_on(const struct test *test, int cpu)
{
	const struct feature *missing = missing_feature(test);
	struct result result;

	machine_line("begin", "test=%s cpu=%d round=%d", test->name, cpu, rounds);
	report_begin();
	patience_test_begins(test->name);
	report_prefix_push(test->name);
	if (test->on == EACH_CPU)
		report_prefix_pushf("cpu %d", cpu);
	if (missing)
		report_missing(missing);
	else
		on_cpu(cpu, run_here, (void *)test);
	ghost_report();
	report_end(&result);
	if (!result.checks) {
		report_fail("made no check");
		report_end(&result);
	}
	/* This also drops prefixes that the test has not popped. */
	report_prefix_restore("");
	print_end(test, cpu, &result);
	return ends_run(test, &result);
}

/* Whether an earlier boot has run the test on this CPU to its end, before a reset. */
static bool is_done(const struct test *test, int cpu)
{
	if (!boot.test[0])
		return false;
	if (strcmp(boot.test, test->name) || boot.cpu != cpu)
		return true;
	boot.test[0] = '\0';
	return false;
}

/* Whether each EACH_CPU test runs on one CPU only. */
static bool take_turns(void)
{
	const char *when = argument("turns");

	if (!when || !strcmp(when, "never"))
		return false;
	if (!strcmp(when, "always"))
		return true;
	if (strcmp(when, "slow"))
		report_abort("turns=%s is none of always, slow, never", when);
	return timescale() >= SLOW_HOST;
}

/* Returns whether the run ends before all tests have run. */
static bool run_round(void)
{
	int turn = 0;

	rounds++;
	for (const struct test *test = tests_start; test < tests_end; test++) {
		int first = 0, last = 0;

		if (!is_selected(test))
			continue;
		if (test->on == EACH_CPU && take_turns())
			first = last = turn++ % cpu_count();
		else if (test->on == EACH_CPU)
			last = cpu_count() - 1;
		for (int cpu = first; cpu <= last; cpu++)
			if (!is_done(test, cpu) && run_on(test, cpu))
				return true;
	}
	if (boot.test[0])
		report_abort("the last boot was in test %s on CPU %d, which does not exist",
			     boot.test, boot.cpu);
	return false;
}

int run_tests(void)
{
	int selected = count_selected();

	console_hello(selected);
	mark("time", "source=%s hz=%u timescale=%lu", time_source_name(), time_source.hz,
	     timescale());
	if (take_turns())
		report_info("a slow host, or turns=always: each test on one CPU, in turns");
	host_boot(&boot);
	if (boot.impatient[0])
		patience_go_on(boot.impatient);
	if (boot.state)
		machine_state_tell();
	if (!selected)
		report_abort("no test of this program matches test=%s", argument("test"));
	while (!run_round() && host_wants_more())
		;
	return report_status();
}

FEATURE(SMP, "two CPUs")
{
	return cpu_count() >= 2;
}

FEATURE(HOST_ANSWERS, "a runner that answers questions (runner=ferry)")
{
	return host_answers();
}

FEATURE(X2APIC, "a CPU with x2APIC")
{
	return this_cpu_has(X86_FEATURE_X2APIC);
}

FEATURE(WHOLE_CPU, "a CPU that executes rare instructions")
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

FEATURE(TSC_DEADLINE, "a CPU with the TSC-deadline timer")
{
	return this_cpu_has(X86_FEATURE_TSC_DEADLINE_TIMER);
}
