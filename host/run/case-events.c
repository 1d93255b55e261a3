// SPDX-License-Identifier: GPL-2.0-or-later
/* What the guest of a case does: what it writes, what it asks, and that it ends. */
#include <string.h>

#include "guest/mark-check.h"
#include "guest/timer-marks.h"
#include "run/case-run.h"
#include "suite/guest-image.h"
#include "util/text.h"

/* LINE is the `end` line of a test. REASON may say more than that line, and may be NULL. */
static struct test_result *add_test(struct case_run *run, const struct machine_line *line,
				    const char *reason)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(machine_line_value(line, "test"));
	test->verdict = g_strdup(machine_line_value(line, "verdict"));
	test->reason = g_strdup(reason);
	test->cpu = machine_line_number(line, "cpu", 0);
	test->round = machine_line_number(line, "round", 1);
	test->checks = machine_line_number(line, "checks", 0);
	test->at_ns = test->failed_at_ns = -1;
	g_ptr_array_add(run->result->tests, test);
	return test;
}

/* ---- what the guest writes ---- */

static void on_line(void *data, const char *bytes, gsize length, unsigned number)
{
	struct case_run *run = data;

	g_autofree char *text = NULL;

	recorder_line(run->recorder, bytes, length, number);
	if (!run->settings->wanted->verbose || !run->listener->console)
		return;
	text = text_printable_most(bytes, length, STORY_LONGEST_LINE);
	run->listener->console(run->data, run->test_case, text);
}

/* After a failure no more images are made: those of the actions before it show what went wrong. */
static void freeze_images(struct case_run *run)
{
	if (run->images)
		ram_images_freeze(run->images);
}

/*
 * A check has failed; TEXT is the whole line. Inside a test it is the test that fails, and its
 * `end` line says so. Outside of tests the check itself is the failure.
 */
static void on_failed_check(struct case_run *run, const char *text, unsigned number)
{
	g_autofree char *said = text_printable(strstr(text, ": ") + 2, -1);
	g_autofree char *trail = plan_trail(run->plan);
	g_autofree char *failure =
		g_strdup_printf("%s (console line %u%s)", said, number, trail ? trail : "");
	g_autofree char *prefix = g_strconcat(run->test.name ? run->test.name : "", ": ", NULL);
	gboolean named = g_str_has_prefix(said, prefix);

	run->result->checks++;
	run->findings.fails = TRUE;
	recorder_failure(run->recorder);
	if (!run->test.failed_at)
		run->test.failed_at = g_get_monotonic_time();
	remember_first(&run->findings.first_fail, failure);
	freeze_images(run);
	if (!run->test.label) {
		note_failure(run, KIND_CHECK, failure);
		return;
	}
	/* Reasons of tests do not repeat the test's name. */
	result_add_text(&run->test.failed, said + (named ? strlen(prefix) : 0));
}

static void on_human(void *data, enum human_line kind, const char *text, unsigned number)
{
	struct case_run *run = data;

	if (run->over)
		return;
	switch (kind) {
	case HUMAN_FAIL:
	case HUMAN_XPASS:
		on_failed_check(run, text, number);
		break;
	case HUMAN_SKIP:
		run->result->checks++;
		run->result->skipped_checks++;
		remember_first(&run->findings.first_skip, strstr(text, ": ") + 2);
		break;
	case HUMAN_PASS:
	case HUMAN_XFAIL:
		run->result->checks++;
		break;
	case HUMAN_STACK:
		if (!run->result->detail)
			run->result->detail =
				guest_image_backtrace(run->test_case->program->file, text);
		break;
	case HUMAN_ABORT:
		remember_first(&run->findings.abort, strstr(text, ": ") + 2);
		recorder_failure(run->recorder);
		freeze_images(run);
		break;
	case HUMAN_SUMMARY:
	case HUMAN_OTHER:
		break;
	}
}

/* Notes each failed check of a test whose `end` line does not say that it failed. */
static void note_checks(struct case_run *run, const GPtrArray *failed)
{
	for (guint i = 0; failed && i < failed->len; i++)
		note_failure(run, KIND_CHECK, failed->pdata[i]);
}

/* Removes the first of FAILED. Returns what is left, or NULL if nothing is. */
static GPtrArray *further(GPtrArray *failed)
{
	if (failed)
		g_ptr_array_remove_index(failed, 0);
	if (failed && !failed->len)
		g_clear_pointer(&failed, g_ptr_array_unref);
	return failed;
}

static void on_begin(struct case_run *run, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "test");
	g_autofree char *printable = text_printable(name ? name : "?", -1);

	note_checks(run, run->test.failed);
	g_clear_pointer(&run->test.failed, g_ptr_array_unref);
	g_free(run->test.name);
	run->test.name = g_strdup(name);
	run->test.cpu = machine_line_number(line, "cpu", 0);
	run->test.round = machine_line_number(line, "round", 1);
	g_free(run->test.label);
	run->test.label = g_strdup_printf("%s on CPU %u", printable, run->test.cpu);
	plan_test_begins(run->plan, name ? name : "?", run->test.cpu);
	run->test.started = g_get_monotonic_time();
	run->test.failed_at = 0;
	run->listener->progress(run->data, run->test_case, run->test.label);
}

static void on_test_end(struct case_run *run, const struct machine_line *line)
{
	struct test_result *test = add_test(run, line, machine_line_value(line, "reason"));

	time_test(run, test);
	if (!g_strcmp0(test->verdict, "fail"))
		test->further = further(g_steal_pointer(&run->test.failed));
	note_checks(run, run->test.failed);
	g_clear_pointer(&run->test.failed, g_ptr_array_unref);
	g_clear_pointer(&run->test.label, g_free);
}

static void add_mark(struct case_run *run, const char *name, const struct machine_line *line)
{
	struct mark *mark = g_new0(struct mark, 1);

	mark->name = g_strdup(name);
	mark->values = g_hash_table_ref(line->values);
	g_ptr_array_add(run->result->marks, mark);
}

static void on_mark(struct case_run *run, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "name");
	const char *test = machine_line_value(line, "test");
	g_autofree char *problem = NULL;

	if (!g_strcmp0(name, "impatient") && test && !run->impatient)
		run->impatient = g_strdup(test);
	if (!mark_check(run->clock_check, run->disk, line, &problem) &&
	    !timer_marks_add(recorder_story(run->recorder), run->clock_check,
			     recorder_began(run->recorder), run->result->actions, line) &&
	    name)
		add_mark(run, name, line);
	if (problem)
		note_violation(run, problem);
}

static void on_machine_state(struct case_run *run, const struct machine_line *line)
{
	g_autofree char *problem = machine_check_line(run->machine_check, line);
	g_autofree char *before = NULL;

	if (!problem)
		return;
	note_failure(run, KIND_HOST_CHECK, problem);
	/* Keep all problems, so that a known one does not hide another. */
	before = g_steal_pointer(&run->findings.unclean);
	run->findings.unclean =
		before ? g_strconcat(before, "; ", problem, NULL) : g_steal_pointer(&problem);
}

/* A reset has interrupted a test. The test has no result, unless a check of it had failed. */
static void end_interrupted_test(struct case_run *run)
{
	struct test_result *test;

	if (!run->test.failed)
		return;
	test = g_new0(struct test_result, 1);
	test->name = g_strdup(run->test.name);
	test->cpu = run->test.cpu;
	test->round = run->test.round;
	test->verdict = g_strdup("fail");
	test->at_ns = test->failed_at_ns = -1;
	test->reason = g_strdup(run->test.failed->pdata[0]);
	time_test(run, test);
	test->further = further(g_steal_pointer(&run->test.failed));
	g_ptr_array_add(run->result->tests, test);
}

/*
 * A boot is over, by a reset. If the guest was about to fail, that counts as it would in the last
 * boot.
 */
static void end_boot(struct case_run *run)
{
	struct findings *found = &run->findings;
	g_autofree char *text = NULL;

	end_interrupted_test(run);
	if (found->abort)
		text = g_strdup_printf("%s, in boot %u", found->abort, found->boots);
	else if (found->bye > 0 && found->bye != GUEST_SKIPPED && !found->fails)
		text = g_strdup_printf("the guest reports a failure in boot %u", found->boots);
	if (text)
		note_violation(run, text);
	g_clear_pointer(&found->abort, g_free);
	found->fails = FALSE;
	found->bye = -1;
}

/* The guest has booted. A test that a reset has interrupted begins anew. */
static void on_hello(struct case_run *run)
{
	if (run->findings.boots)
		end_boot(run);
	run->findings.boots++;
	g_clear_pointer(&run->test.label, g_free);
	clock_check_free(run->clock_check);
	run->clock_check =
		clock_check_new(recorder_story(run->recorder), recorder_began(run->recorder));
	if (run->disk)
		disk_check_forget(run->disk);
	case_set_deadline(run);
	plan_hello(run->plan);
}

/* Replaces the guest's own words for its abort, since an exception says more. */
static void on_exception(struct case_run *run, const struct machine_line *line)
{
	g_autofree char *exception = machine_line_exception(line);

	recorder_failure(run->recorder);
	g_free(run->findings.abort);
	run->findings.abort = g_strdup_printf("%s on CPU %" G_GINT64_FORMAT, exception,
					      machine_line_number(line, "cpu", -1));
}

static void on_machine(void *data, const struct machine_line *line)
{
	struct case_run *run = data;

	if (run->over)
		return;
	if (g_str_equal(line->verb, "hello")) {
		on_hello(run);
	} else if (g_str_equal(line->verb, "begin")) {
		on_begin(run, line);
	} else if (g_str_equal(line->verb, "end")) {
		on_test_end(run, line);
	} else if (g_str_equal(line->verb, "mark")) {
		on_mark(run, line);
	} else if (g_str_equal(line->verb, "machine")) {
		on_machine_state(run, line);
	} else if (g_str_equal(line->verb, "exception")) {
		on_exception(run, line);
	} else if (g_str_equal(line->verb, "bye")) {
		run->findings.bye = machine_line_number(line, "status", -1);
	}
}

static void on_violation(void *data, const char *problem)
{
	struct case_run *run = data;

	note_violation(run, problem);
	freeze_images(run);
}

static void on_sentence(void *data, enum sentence sentence)
{
	struct case_run *run = data;

	plan_sentence(run->plan, sentence);
}

static void on_version(void *data, const char *version)
{
	struct case_run *run = data;

	if (!run->result->vmm_version)
		run->result->vmm_version = g_strdup(version);
	else if (run->environment->other_binary && !run->result->other_vmm_version)
		run->result->other_vmm_version = g_strdup(version);
}

/* A guest may have several VMMs, whose figures are added up. */
static void on_figures(void *data, GHashTable *values)
{
	struct case_run *run = data;

	if (run->over)
		return;
	result_add_figures(run->result, values);
	plan_figures(run->plan, values);
}

/* ---- what the guest asks ---- */

static void on_time_told(void *data, guint64 sequence, gint64 monotonic, gint64 pause_min,
			 gint64 pause_max)
{
	struct case_run *run = data;

	clock_check_answered(run->clock_check, sequence, monotonic, pause_min, pause_max);
}

static gboolean on_wants_more(void *data)
{
	struct case_run *run = data;

	return plan_wants_more(run->plan);
}

static char *on_boot_asked(void *data, unsigned boot)
{
	struct case_run *run = data;
	g_autofree char *answer = plan_answer_boot(run->plan, boot);

	return g_strconcat(answer, run->impatient ? " impatient=" : "", run->impatient, NULL);
}

static char *on_disk_asked(void *data)
{
	struct case_run *run = data;
	guint64 wrong, first;

	if (!run->disk)
		return NULL;
	compare_disk(run, &wrong, &first);
	return disk_check_answer(wrong, first);
}

/* ---- a snapshot of the guest while it runs ---- */

static void on_snapshot_source_test_failed(void *data, const struct machine_line *line,
					   const char *reason, GPtrArray *failed)
{
	struct test_result *test = add_test(data, line, reason);

	test->further = further(failed);
}

static void on_snapshot_source_over(void *data, const GPtrArray *problems, const GPtrArray *failed,
				    const char *first_fail)
{
	struct case_run *run = data;
	gboolean failed_somehow = problems || first_fail;

	for (guint i = 0; problems && i < problems->len; i++)
		note_violation(run, problems->pdata[i]);
	if (first_fail)
		remember_first(&run->findings.first_fail, first_fail);
	note_checks(run, failed);
	snapshot_source_free(g_steal_pointer(&run->snapshot_source));
	guest_end_snapshot_source(run->guest, failed_somehow);
	if (run->exit)
		conclude_exit(run, run->exit);
}

static const struct snapshot_source_listener snapshot_source_listener = {
	.test_failed = on_snapshot_source_test_failed,
	.over = on_snapshot_source_over,
};

/* The guest that goes on keeps the disk that it has open, and the snapshot gets a copy of it. */
static void on_stands_still(void *data)
{
	struct case_run *run = data;
	g_autoptr(GError) error = NULL;

	if (!run->disk)
		return;
	/* A copy is left over if the last snapshot could not be made. */
	disk_check_free(run->snapshot_source_disk);
	run->snapshot_source_disk = disk_check_split(run->disk, &error);
	if (!run->snapshot_source_disk)
		conclude_error(run, error->message);
}

static void on_snapshot_source(void *data, struct guest *source)
{
	struct case_run *run = data;

	run->snapshot_source = snapshot_source_follow(source, run->test.label != NULL,
						      g_steal_pointer(&run->snapshot_source_disk),
						      &snapshot_source_listener, run);
}

/* ---- the end ---- */

static void on_ended(void *data, const struct vm_exit *exit)
{
	struct case_run *run = data;

	if (!run->snapshot_source) {
		conclude_exit(run, exit);
		return;
	}
	run->exit = g_memdup2(exit, sizeof(*exit));
	run->exit->stderr_end = g_strdup(exit->stderr_end);
}

static void on_failed(void *data, enum failure_kind kind, const char *problem)
{
	conclude_problem(data, kind, problem);
}

static void on_unable(void *data, const char *reason)
{
	conclude_unable(data, reason);
}

const struct guest_listener case_guest_listener = {
	.line = on_line,
	.human = on_human,
	.machine = on_machine,
	.violation = on_violation,
	.sentence = on_sentence,
	.version = on_version,
	.figures = on_figures,
	.time_told = on_time_told,
	.wants_more = on_wants_more,
	.boot_asked = on_boot_asked,
	.stands_still = on_stands_still,
	.snapshot_source = on_snapshot_source,
	.disk_asked = on_disk_asked,
	.ended = on_ended,
	.failed = on_failed,
	.unable = on_unable,
};
