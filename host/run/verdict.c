// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The verdict of a case and its one reason: from the guest's exit status (docs/protocol.md), from
 * what it wrote, from what the host's checks found, and from how the VMM ended.
 *
 * A guest ends by its own last word if it says bye and leaves with the status that it has said.
 * Every other end is a failure of its own, whatever else has failed before. So is everything that
 * the host's checks find. The result lists these failures beside the failed tests, since a known
 * issue of a test must not excuse them (known-issues.c).
 */
#include <sys/wait.h>

#include "run/case-run.h"
#include "util/text.h"

/* Adds a failure of the test that was running when the guest came to a bad end. */
static void fail_unfinished_test(struct case_run *run)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(run->test.name);
	test->cpu = run->test.cpu;
	test->round = run->test.round;
	test->verdict = g_strdup("fail");
	test->reason = g_strdup(run->result->reason);
	test->unfinished = TRUE;
	test->failed_at_ns = -1;
	time_test(run, test);
	/* If no check had failed before, the test fails now. */
	if (!run->test.failed_at)
		test->failed_at_ns = test->at_ns + test->duration_ns;
	test->further = g_steal_pointer(&run->test.failed);
	g_ptr_array_add(run->result->tests, test);
}

static void end_with(struct case_run *run, enum verdict verdict, enum failure_kind kind,
		     const char *reason)
{
	run->over = TRUE;
	run->result->verdict = verdict;
	run->result->kind = kind;
	run->result->reason = g_strdup(reason);
	case_over(run);
}

/* The case ends with what has failed so far, or with nothing that failed. */
static void conclude_found(struct case_run *run, enum verdict verdict, enum failure_kind kind,
			   const char *reason)
{
	if (!run->over)
		end_with(run, verdict, kind, reason);
}

/* How the case ends is a failure of its own. */
static void conclude_end(struct case_run *run, enum verdict verdict, enum failure_kind kind,
			 const char *reason)
{
	if (run->over)
		return;
	note_failure(run, kind, reason);
	end_with(run, verdict, kind, reason);
	if (run->test.label)
		fail_unfinished_test(run);
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

/* How the guest left with STATUS; NULL if it was by its own last word. The caller frees it. */
static char *bad_leave(struct case_run *run, int status)
{
	const struct findings *found = &run->findings;
	gboolean ours = console_speaks_protocol(guest_console(run->guest));
	gboolean silent = ours && found->bye != status && status != GUEST_ABORTED;
	g_autofree char *where = whereabouts(run);

	if (status == GUEST_ABORTED || found->abort)
		return g_strdup_printf("%s%s", found->abort ? found->abort : "the guest aborted",
				       where);
	if (silent)
		return g_strdup_printf("the guest left with status %d without a word%s", status,
				       where);
	if ((!ours && !run->settings->kvm_unit_tests) || run->test.label)
		return g_strdup_printf("the guest left with status %d%s", status, where);
	if (status != GUEST_PASSED && status != GUEST_FAILED && status != GUEST_SKIPPED)
		return g_strdup_printf("the guest left with the unknown status %d%s", status,
				       where);
	if (status == GUEST_FAILED && !found->fails)
		return g_strdup_printf("the guest reports a failure%s", where);
	return NULL;
}

/* How the VMM ended; NULL if it ended because the guest left. The caller frees it. */
static char *bad_exit(struct case_run *run, const struct vm_exit *exit, enum failure_kind *kind)
{
	const struct console *console = guest_console(run->guest);
	g_autofree char *death = vm_exit_describe(exit), *where = whereabouts(run);
	const char *log_problem = guest_log_problem(run->guest);
	const char *vmm = run->test_case->vmm->name;

	*kind = KIND_RUNNER;
	if (log_problem)
		return g_strdup(log_problem);
	*kind = console_bytes(console) ? KIND_VMM : KIND_VMM_START;
	if (!WIFEXITED(exit->wait_status))
		return g_strdup_printf("%s died%s (%s)", vmm, where, death);
	if (exit->differs) {
		*kind = KIND_HOST_CHECK;
		return g_strdup_printf(RESTORE_DIFFERS "%s", exit->stderr_end, where);
	}
	if (!console_bytes(console) && (!exit->started || exit->stderr_end))
		return g_strdup_printf("%s did not start (%s)", vmm, death);
	if (exit->reset) {
		*kind = KIND_GUEST_END;
		return g_strdup_printf("the guest reset itself, by a triple fault or by order%s",
				       where);
	}
	if (exit->guest_status < 0)
		return g_strdup_printf("%s ended, though the guest had not left (%s)%s", vmm, death,
				       where);
	/* Only our guests say bye before they leave. */
	if (exit->doubtful && run->findings.bye < 0 && console_speaks_protocol(console))
		return g_strdup_printf("%s failed (%s)%s", vmm, death, where);
	*kind = KIND_GUEST_END;
	return bad_leave(run, exit->guest_status);
}

/* A nested program whose L2 was never saved has passed without a test of nested state. */
static void warn_if_no_l2(struct case_run *run)
{
	const char *const *needs = (const char *const *)run->test_case->program->needs;

	if (!g_strv_contains(needs, "svm") && !g_strv_contains(needs, "vmx"))
		return;
	if (result_figure(run->result, "cycles") && !result_figure(run->result, "in_l2") &&
	    !run->result->warning)
		run->result->warning = g_strdup_printf(
			"none of %" G_GUINT64_FORMAT
			" cycles met the guest in L2, so its nested state was not tested",
			result_figure(run->result, "cycles"));
}

/* The guest has said bye, and left with STATUS. */
static void conclude_status(struct case_run *run, int status)
{
	const struct findings *found = &run->findings;
	const char *problem = found->first_fail	 ? found->first_fail
			      : found->violation ? found->violation
						 : found->unclean;
	gboolean both = found->first_fail && found->violation;
	g_autofree char *shortfall = NULL, *whole = NULL;

	warn_if_no_l2(run);
	if (problem) {
		whole = g_strdup_printf("%s%s%s", problem, both ? "; and " : "",
					both ? found->violation : "");
		conclude_found(run, VERDICT_FAIL, found->first_fail ? KIND_CHECK : KIND_HOST_CHECK,
			       whole);
	} else if (status == GUEST_SKIPPED && !passed_before(run)) {
		conclude_found(run, VERDICT_SKIP, KIND_NONE,
			       found->first_skip ? found->first_skip
						 : "the guest skipped everything");
	} else if ((shortfall = plan_shortfall(run->plan))) {
		conclude_end(run, VERDICT_ERROR, KIND_PLAN, shortfall);
	} else {
		conclude_found(run, VERDICT_PASS, KIND_NONE, NULL);
	}
}

/* FAIL if the fault is in what is tested, ERROR if it is in what it is tested with. */
static enum verdict verdict_of(enum failure_kind kind)
{
	return kind == KIND_GUEST_END || kind == KIND_HOST_CHECK ? VERDICT_FAIL : VERDICT_ERROR;
}

void conclude_exit(struct case_run *run, const struct vm_exit *exit)
{
	g_autofree char *problem = NULL;
	enum failure_kind kind;

	if (run->disk)
		compare_disk(run, NULL, NULL);
	problem = bad_exit(run, exit, &kind);
	if (problem)
		conclude_end(run, verdict_of(kind), kind, problem);
	else
		conclude_status(run, exit->guest_status);
}

void conclude_error(struct case_run *run, const char *problem)
{
	conclude_end(run, VERDICT_ERROR, KIND_RUNNER, problem);
}

void conclude_problem(struct case_run *run, enum failure_kind kind, const char *problem)
{
	g_autofree char *where = whereabouts(run), *text = g_strconcat(problem, where, NULL);

	conclude_end(run, kind == KIND_HOST_CHECK ? VERDICT_FAIL : VERDICT_ERROR, kind, text);
}

void conclude_unable(struct case_run *run, const char *reason)
{
	g_autofree char *text =
		g_strdup_printf("plan %s needs what %s cannot do here: %s",
				run->test_case->plan->name, run->test_case->vmm->name, reason);

	/* If something has failed before, a skip would hide it. */
	if (run->findings.first_fail || run->result->failures->len)
		conclude_end(run, VERDICT_ERROR, KIND_PLAN, text);
	else
		conclude_found(run, VERDICT_SKIP, KIND_NONE, text);
}

void conclude_standstill(struct case_run *run, double seconds)
{
	g_autofree char *where = whereabouts(run), *text = NULL, *end = NULL;
	enum failure_kind kind;

	if (run->exit && (end = bad_exit(run, run->exit, &kind)))
		note_failure(run, kind, end);
	text = g_strdup_printf(
		"the guest stands still: its CPUs have halted, and nothing has woken one for %.0f s%s",
		seconds, where);
	conclude_end(run, VERDICT_FAIL, KIND_TIMEOUT, text);
}

void conclude_deadline(struct case_run *run)
{
	const char *wait =
		run->exit ? "the source of the last snapshot has not come to its test's end"
			  : guest_waits_for(run->guest);
	g_autofree char *where = whereabouts(run), *text = NULL, *end = NULL;
	enum failure_kind kind;

	/* The guest itself may have come to a bad end, while its snapshot source does not end. */
	if (run->exit && (end = bad_exit(run, run->exit, &kind)))
		note_failure(run, kind, end);
	text = g_strdup_printf("no end within %.0f s%s%s%s",
			       (g_get_monotonic_time() - run->started) / 1e6, where,
			       wait ? "; " : "", wait ? wait : "");
	conclude_end(run, VERDICT_FAIL, KIND_TIMEOUT, text);
}
