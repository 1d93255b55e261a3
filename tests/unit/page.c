// SPDX-License-Identifier: GPL-2.0-or-later
/* host/report/page.c and its data: they are bounded, and stay text whatever guests write. */
#include <glib/gstdio.h>
#include <string.h>

#include "report/command.h"
#include "report/digest.h"
#include "report/page.h"
#include "report/result-json.h"
#include "report/story-json.h"
#include "run/recorder.h"
#include "vmm/vmm.h"

#define HOSTILE "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> \x01\xff & \"'"

static struct program program = { .name = "evil" };
static struct test_case test_case = { .program = &program,
				      .name = "evil/none",
				      .plan_name = "none" };
static struct environment environment = {
	.host = "local", .vmm = "qemu", .accel = "kvm", .seed = 7
};

static char *page_of(struct result *result)
{
	struct page *page = page_new("results.json");
	char *text;

	page_add(page, result);
	text = page_text(page);
	page_free(page);
	result_free(result);
	return text;
}

static guint count(const char *text, const char *what)
{
	guint found = 0;

	for (const char *next = text; (next = strstr(next, what)); next += strlen(what))
		found++;
	return found;
}

static struct result *failed_result(const char *reason)
{
	struct result *result = result_new(&test_case, &environment);

	result->verdict = VERDICT_FAIL;
	result->kind = KIND_CHECK;
	result->reason = g_strdup(reason);
	result_add_failure(result, KIND_CHECK, reason, reason);
	result->story = story_new();
	story_add_line(result->story->console, 1000, 1, g_strdup(reason));
	return result;
}

static void test_hostile(void)
{
	g_autofree char *page = page_of(failed_result(HOSTILE));

	/* The script, the summaries and the story each end only where the page ends them. */
	g_assert_cmpuint(count(page, "</script>"), ==, 3);
	g_assert_cmpuint(count(page, "<script"), ==, 3);
	g_assert_null(strstr(page, "<img"));
	g_assert_null(strstr(page, "<!--"));
	g_assert_null(strchr(page, '\x01'));
	g_assert_true(g_utf8_validate(page, -1, NULL));
	g_assert_nonnull(strstr(page, "&lt;img src=x onerror=alert(2)&gt; \\x01\\xff"));
}

static void test_long(void)
{
	g_autofree char *megabytes = g_strnfill(4 << 20, '<');
	g_autofree char *page = page_of(failed_result(megabytes));
	g_autofree char *empty = page_of(failed_result(""));

	g_assert_cmpuint(strlen(page), <, strlen(empty) + (128 << 10));
}

/* ---- the recorder ---- */

static void write_lines(struct recorder *recorder, unsigned from, unsigned to)
{
	for (unsigned i = from; i <= to; i++) {
		g_autofree char *text = g_strdup_printf("line %u", i);

		recorder_line(recorder, text, strlen(text), i);
	}
}

/* "71-100! 101-110 471-500": the numbers of the lines; '!' marks a cause. */
static char *ranges(const GPtrArray *lines)
{
	GString *text = g_string_new(NULL);
	unsigned first = 0;

	for (guint i = 0; i < lines->len; i++) {
		const struct story_line *line = lines->pdata[i];
		const struct story_line *next = i + 1 < lines->len ? lines->pdata[i + 1] : NULL;
		g_autofree char *expected = g_strdup_printf("line %u", line->number);

		g_assert_cmpstr(line->text, ==, expected);
		first = first ? first : line->number;
		if (next && next->number == line->number + 1 && !line->is_cause)
			continue;
		g_string_append_printf(text, "%s%u-%u%s", text->len ? " " : "", first, line->number,
				       line->is_cause ? "!" : "");
		first = 0;
	}
	return g_string_free(text, FALSE);
}

static void test_recorder(void)
{
	struct recorder *recorder = recorder_new();
	g_autofree char *told = NULL;
	struct story *story;

	write_lines(recorder, 1, 100);
	recorder_failure(recorder);
	write_lines(recorder, 101, 500);
	story = recorder_end(recorder, TRUE, "/nonexistent");
	told = ranges(story->console);
	g_assert_cmpstr(told, ==, "71-100! 101-110 471-500");
	story_free(story);
	recorder_free(recorder);
}

static void test_recorder_passes(void)
{
	struct recorder *recorder = recorder_new();

	write_lines(recorder, 1, 100);
	g_assert_null(recorder_end(recorder, FALSE, "/nonexistent"));
	recorder_free(recorder);
}

/* A guest that fails in a loop, with lines of a megabyte. */
static void test_recorder_bounded(void)
{
	struct recorder *recorder = recorder_new();
	g_autofree char *line = g_strnfill(1 << 20, '\x01');
	struct story *story;
	gsize kept = 0;

	for (unsigned i = 1; i <= 2000; i++) {
		recorder_line(recorder, line, 1 << 20, i);
		recorder_failure(recorder);
	}
	story = recorder_end(recorder, TRUE, "/nonexistent");
	for (guint i = 0; i < story->console->len; i++)
		kept += strlen(((struct story_line *)story->console->pdata[i])->text);
	g_assert_cmpuint(kept, >, 10000);
	g_assert_cmpuint(kept, <, 100000);
	story_free(story);
	recorder_free(recorder);
}

static void test_messages(void)
{
	struct recorder *recorder = recorder_new();
	g_autofree char *path = g_build_filename(g_get_tmp_dir(), "unit-page-XXXXXX", NULL);
	g_autoptr(GString) text = g_string_new(NULL);
	double now = g_get_real_time() / 1e6;
	const struct story_line *first, *last;
	struct story *story;
	int fd = g_mkstemp(path);

	for (int i = 1; i <= 100; i++)
		g_string_append_printf(text, "%.6f 1< message %d\r\n", now + (i - 50) * 1000, i);
	g_assert_true(g_file_set_contents(path, text->str, -1, NULL));
	recorder_failure(recorder);
	story = recorder_end(recorder, TRUE, path);
	first = story->control->pdata[0];
	last = story->control->pdata[story->control->len - 1];
	/* Messages before this one have negative times: they were written before the case began. */
	g_assert_cmpstr(first->text, ==, "1< message 50");
	g_assert_cmpstr(last->text, ==, "1< message 60");
	g_assert_cmpuint(last->number, ==, 60);
	story_free(story);
	recorder_free(recorder);
	g_close(fd, NULL);
	g_assert_cmpint(remove(path), ==, 0);
}

/* ---- results with a story ---- */

static void test_json(void)
{
	struct result *result = failed_result("why"), *again;
	JsonBuilder *builder = json_builder_new();
	const gint64 due = 500;
	const struct timer_firing firing = { 700, -20 };
	struct story_timer *timer = story_add_timer(result->story, "the PIT on CPU 1");
	const struct story_line *line;
	JsonNode *root;

	timer->armed_ns = 400;
	g_array_append_val(timer->due, due);
	g_array_append_val(timer->firings, firing);
	((struct story_line *)result->story->console->pdata[0])->is_cause = TRUE;
	json_builder_begin_object(builder);
	result_add_json(builder, result);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	again = result_from_json(json_node_get_object(root), &test_case, &environment);
	line = again->story->console->pdata[0];
	g_assert_cmpstr(line->text, ==, "why");
	g_assert_cmpint(line->at_ns, ==, 1000);
	g_assert_cmpuint(line->number, ==, 1);
	g_assert_true(line->is_cause);
	timer = again->story->timers->pdata[0];
	g_assert_cmpstr(timer->name, ==, "the PIT on CPU 1");
	g_assert_cmpint(timer->armed_ns, ==, 400);
	g_assert_cmpint(g_array_index(timer->due, gint64, 0), ==, 500);
	g_assert_cmpint(g_array_index(timer->firings, struct timer_firing, 0).off_ns, ==, -20);
	json_node_unref(root);
	g_object_unref(builder);
	result_free(result);
	result_free(again);
}

static char *digest_of(struct result *result, gboolean markdown)
{
	struct digest *digest = digest_new(markdown);
	char *text;

	digest_add(digest, result);
	text = digest_text(digest);
	digest_free(digest);
	result_free(result);
	return text;
}

static void test_digest(void)
{
	g_autofree char *text = digest_of(failed_result("two is three"), FALSE);
	g_autofree char *markdown = digest_of(failed_result("a ```` b"), TRUE);

	g_assert_cmpstr(text, ==,
			"Ferry: 1 of 1 case failed\n\n1 case: 0 passed, 1 failed\n\n"
			"- time unknown; seed 7\n\n"
			"FAIL evil/none\ntwo is three\n"
			"console:\n        1     0.000 s  two is three\n"
			"again:\n  ferry run evil --plan none --host local --seed 7\n\n");
	g_assert_true(g_str_has_prefix(markdown, "## Ferry: 1 of 1 case failed\n"));
	/* The fence is longer than any row of backquotes in the text. */
	g_assert_nonnull(strstr(markdown, "### FAIL evil/none\n\n`````\na ```` b\n"));
}

/* A known failure came first, and the console around it would explain nothing. */
static void test_digest_of_unknown(void)
{
	struct result *result = failed_result("line 1, known");
	g_autofree char *text = NULL;
	struct failure *failure;

	for (unsigned i = 2; i <= 40; i++)
		story_add_line(result->story->console, i * 1000, i,
			       g_strdup_printf("line %u, console", i));
	((struct story_line *)result->story->console->pdata[0])->is_cause = TRUE;
	((struct story_line *)result->story->console->pdata[29])->is_cause = TRUE;
	failure = result->failures->pdata[0];
	failure->known = TRUE;
	failure->at_ns = 1000;
	result_add_failure(result, KIND_CHECK, "why", "why");
	failure = result->failures->pdata[1];
	failure->at_ns = 30500;
	text = digest_of(result, FALSE);
	g_assert_nonnull(strstr(text, "  >    30     0.000 s  line 30, console\n"));
	g_assert_null(strstr(text, "line 2, console"));
}

/* A run that ended early is not green, whether its runner could say so or was killed. */
static void test_ended_early(void)
{
	struct result *passed = failed_result("two is three");
	struct digest *told = digest_new(FALSE), *killed = digest_new(FALSE);
	struct page *page = page_new("results.json");
	g_autofree char *told_text = NULL, *killed_text = NULL, *html = NULL;

	environment.run_cases = 3;
	passed->verdict = VERDICT_PASS;
	digest_add(told, passed);
	digest_add_not_run(told, "evil/storm", "interrupted");
	told_text = digest_text(told);
	g_assert_nonnull(strstr(told_text, "Ferry: Nothing failed, but 1 case has no verdict\n"));
	g_assert_nonnull(strstr(told_text, "- interrupted: 1 case has no verdict: evil/storm\n"));
	digest_add(killed, passed);
	killed_text = digest_text(killed);
	g_assert_nonnull(strstr(killed_text, "3 cases: 1 passed, 2 without a verdict\n"));
	g_assert_nonnull(strstr(killed_text, "- the runner has not come to its end: 2 cases "));
	page_add(page, passed);
	page_add_not_run(page, "<evil>/storm", NULL);
	html = page_text(page);
	g_assert_nonnull(strstr(html, "the run ended: 1 case has no verdict: &lt;evil&gt;/storm"));
	environment.run_cases = 0;
	page_free(page);
	digest_free(told);
	digest_free(killed);
	result_free(passed);
}

/* The command names all that is not the default, with options that the VMM has. */
static void test_command(void)
{
	static const struct {
		const char *plan, *again;
		struct environment environment;
	} rows[] = {
		{ "precopy+tcp",
		  "ferry run evil --plan precopy+tcp --host amd --kvm npt=0 --vmm native --seed 9",
		  { .host = (char *)"amd",
		    .vmm = (char *)"native",
		    .accel = (char *)"kvm",
		    .kvm = (char *)"npt=0",
		    .binary = (char *)"/x",
		    .seed = 9 } },
		{ "none",
		  "ferry run evil --plan none --accel tcg --qemu '/my qemu' --qemu-dst /y --seed 1",
		  { .host = (char *)"local",
		    .vmm = (char *)"qemu",
		    .accel = (char *)"tcg",
		    .binary = (char *)"/my qemu",
		    .other_binary = (char *)"/y",
		    .seed = 1 } },
		{ "none",
		  "ferry run evil --plan none --host local --vmm native --seed 1",
		  { .host = (char *)"local",
		    .vmm = (char *)"native",
		    .binary = (char *)"/x",
		    .seed = 1 } },
		/* These results are from a Ferry with one more VMM, and name that VMM's program. */
		{ "none",
		  "ferry run evil --plan none --host local --vmm cheddar --seed 1",
		  { .host = (char *)"local",
		    .vmm = (char *)"cheddar",
		    .binary = (char *)"/x",
		    .other_binary = (char *)"/y",
		    .seed = 1 } },
		/* These results name no VMM. */
		{ "none",
		  "ferry run evil --plan none --host local --qemu /x --seed 1",
		  { .host = (char *)"local", .binary = (char *)"/x", .seed = 1 } },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct test_case again = { .program = &program, .plan_name = rows[i].plan };
		struct result *result = result_new(&again, &rows[i].environment);
		g_autofree char *command = command_again(result);

		g_assert_cmpstr(command, ==, rows[i].again);
		result_free(result);
	}
}

/* Every VMM of the table can be named, and the default one need not be. */
static void test_command_names_vmms(void)
{
	struct test_case again = { .program = &program, .plan_name = "none" };

	for (const struct vmm *const *vmm = vmms; *vmm; vmm++) {
		struct environment environment = { .vmm = (char *)(*vmm)->name, .seed = 1 };
		struct result *result = result_new(&again, &environment);
		g_autofree char *command = command_again(result);
		g_autofree char *expected =
			vmm == vmms
				? g_strdup("ferry run evil --plan none --seed 1")
				: g_strdup_printf("ferry run evil --plan none --vmm %s --seed 1",
						  (*vmm)->name);

		g_assert_cmpstr(command, ==, expected);
		result_free(result);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	command_ask_for_vmms(vmm_words);
	g_test_add_func("/page/hostile", test_hostile);
	g_test_add_func("/page/long", test_long);
	g_test_add_func("/page/command", test_command);
	g_test_add_func("/page/command-names-vmms", test_command_names_vmms);
	g_test_add_func("/page/digest", test_digest);
	g_test_add_func("/page/digest-of-unknown", test_digest_of_unknown);
	g_test_add_func("/page/ended-early", test_ended_early);
	g_test_add_func("/page/recorder", test_recorder);
	g_test_add_func("/page/recorder-passes", test_recorder_passes);
	g_test_add_func("/page/recorder-bounded", test_recorder_bounded);
	g_test_add_func("/page/messages", test_messages);
	g_test_add_func("/page/json", test_json);
	return g_test_run();
}
