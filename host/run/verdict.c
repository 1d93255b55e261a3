// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verdict of a case and its one reason: from the guest's exit status (docs/protocol.md), from
 * what it wrote, from what the host's checks found, and from how the VMM ended.
 */
#include <sys/wait.h>

#include "run/case-run.h"
#include "util/text.h"

/* What the guest writes to port 0xf4 (docs/protocol.md). */
enum guest_status {
	GUEST_PASSED = 0,
	GUEST_FAILED = 1,
	GUEST_SKIPPED = 77,
	GUEST_ABORTED = 127,
};

/* Adds a failure of the test that was running when the guest came to a bad end. */
static void fail_unfinished_test(struct case_run *run)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(run->test.name);
	test->cpu = run->test.cpu;
	test->round = run->test.round;
	test->verdict = g_strdup("fail");
	test->reason = g_strdup(run->result->reason);
	test->duration_ns = (g_get_monotonic_time() - run->test.started) * 1000;
	g_ptr_array_add(run->result->tests, test);
}

void conclude(struct case_run *run, enum verdict verdict, const char *format, ...)
{
	va_list arguments;

	if (run->over)
		return;
	run->over = TRUE;
	run->result->verdict = verdict;
	if (format) {
		va_start(arguments, format);
		run->result->reason = g_strdup_vprintf(format, arguments);
		va_end(arguments);
	}
	if ((verdict == VERDICT_FAIL || verdict == VERDICT_ERROR) && run->test.label)
		fail_unfinished_test(run);
	/* A guest that ends in the middle of a test does more than fail a check of the test. */
	run->result->beyond_tests = run->findings.violation || run->test.label ||
				    verdict == VERDICT_ERROR ||
				    (verdict == VERDICT_FAIL && !run->findings.first_fail);
	case_over(run);
}

/* " in test X on CPU 1; last line: ..." for a guest that did not end as it should. */
static char *whereabouts(struct case_run *run)
{
	const char *last = console_last_line(guest_console(run->guest));
	GString *text = g_string_new(NULL);

	if (run->test.label)
		g_string_append_printf(text, " in test %s", run->test.label);
	if (!run->settings->kvm_unit_tests && !console_speaks_protocol(guest_console(run->guest)))
		g_string_append(text, "; the guest never said hello");
	if (*last)
		g_string_append_printf(text, "; last line: %s", last);
	else
		g_string_append(text, "; it has written nothing");
	return g_string_free(text, FALSE);
}

/*
 * After a reset the last boot may skip every test that is left. Its status does not tell what
 * earlier boots have passed.
 */
static gboolean passed_before(const struct case_run *run)
{
	return run->findings.boots > 1 && run->result->checks > run->result->skipped_checks;
}

static void conclude_status(struct case_run *run, int status)
{
	const struct findings *found = &run->findings;
	const char *problem = found->first_fail	 ? found->first_fail
			      : found->violation ? found->violation
						 : found->unclean;
	gboolean both = found->first_fail && found->violation;
	gboolean ours = console_speaks_protocol(guest_console(run->guest));
	g_autofree char *where = whereabouts(run), *shortfall = NULL;

	if (!ours && !run->settings->kvm_unit_tests)
		conclude(run, VERDICT_FAIL, "the guest left with status %d%s", status, where);
	else if (ours && found->bye != status && status != GUEST_ABORTED)
		conclude(run, VERDICT_FAIL, "the guest left with status %d without a word%s",
			 status, where);
	else if (status == GUEST_ABORTED)
		conclude(run, VERDICT_FAIL, "%s%s",
			 found->abort ? found->abort : "the guest aborted", where);
	else if (problem)
		conclude(run, VERDICT_FAIL, "%s%s%s", problem, both ? "; and " : "",
			 both ? found->violation : "");
	else if (status == GUEST_SKIPPED && !passed_before(run))
		conclude(run, VERDICT_SKIP, "%s",
			 found->first_skip ? found->first_skip : "the guest skipped everything");
	else if (status == GUEST_FAILED)
		conclude(run, VERDICT_FAIL, "the guest reports a failure%s", where);
	else if (status != GUEST_PASSED && status != GUEST_SKIPPED)
		conclude(run, VERDICT_FAIL, "the guest left with the unknown status %d%s", status,
			 where);
	else if ((shortfall = plan_shortfall(run->plan)))
		conclude(run, VERDICT_ERROR, "%s", shortfall);
	else
		conclude(run, VERDICT_PASS, NULL);
}

void conclude_exit(struct case_run *run, const struct vm_exit *exit)
{
	const struct console *console = guest_console(run->guest);
	g_autofree char *death = vm_exit_describe(exit), *where = whereabouts(run);
	const char *log_problem = guest_log_problem(run->guest);

	if (run->disk)
		compare_disk(run, NULL, NULL);
	if (log_problem)
		conclude(run, VERDICT_ERROR, "%s", log_problem);
	else if (!WIFEXITED(exit->wait_status))
		conclude(run, VERDICT_ERROR, "%s died%s (%s)", run->settings->vmm->name, where,
			 death);
	else if (!console_bytes(console) && (!exit->started || exit->stderr_end))
		conclude(run, VERDICT_ERROR, "%s did not start (%s)", run->settings->vmm->name,
			 death);
	else if (exit->reset)
		conclude(run, VERDICT_FAIL,
			 "the guest reset itself, by a triple fault or by order%s", where);
	else if (exit->guest_status < 0)
		conclude(run, VERDICT_ERROR, "%s ended without the guest's leaving (%s)%s",
			 run->settings->vmm->name, death, where);
	else if (exit->doubtful && run->findings.bye < 0 && console_speaks_protocol(console))
		/* Only our guests say bye before they leave. */
		conclude(run, VERDICT_ERROR, "%s failed (%s)%s", run->settings->vmm->name, death,
			 where);
	else
		conclude_status(run, exit->guest_status);
}

void conclude_problem(struct case_run *run, const char *problem)
{
	g_autofree char *where = whereabouts(run);

	conclude(run, VERDICT_ERROR, "%s%s", problem, where);
}

void conclude_unable(struct case_run *run, const char *reason)
{
	conclude(run, VERDICT_SKIP, "plan %s needs what %s cannot do here: %s",
		 run->test_case->plan->name, run->settings->vmm->name, reason);
}

void conclude_deadline(struct case_run *run)
{
	const char *wait =
		run->exit ? "the source of the last snapshot has not come to its test's end"
			  : guest_waits_for(run->guest);
	g_autofree char *where = whereabouts(run);

	conclude(run, VERDICT_FAIL, "no end within %.0f s%s%s%s",
		 (g_get_monotonic_time() - run->started) / 1e6, where, wait ? "; " : "",
		 wait ? wait : "");
}
