// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs the cases of `ferry bisect` by starting `ferry run`. Reads the results of that process as
 * they come, and ends it as soon as the answer is certain. See bisect-steps.h.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/bisect-steps.h"
#include "cli/command.h"
#include "lab/script.h"
#include "report/result-json.h"
#include "util/interrupt.h"
#include "util/json-member.h"
#include "util/paths.h"
#include "util/text.h"

/* What the result of a case says about the commit, from the best to the worst. */
enum word {
	WORD_GOOD,
	WORD_UNCLEAR,
	WORD_BAD,
};

struct runs {
	const struct bisect_options *options;
	struct bisect_seen *seen;
	GMainLoop *loop;
	guint cases; /* how many each run has */
	/* For each run: how many of its cases have ended, and the worst of their words. */
	guint *ended;
	enum word *worst;
	int wait_status;
};

/*
 * The verdict of the tests that --test names, which alone decide. NULL: none of them ran. Several
 * tests may have that name, and a test may run on each CPU. A failure outweighs a skip, and a skip
 * outweighs a pass. In reports a pass outweighs a skip, but here the bug may be where a test was
 * skipped. If such a commit were called good, git would blame another one.
 */
static const char *named_test(const struct runs *runs, JsonObject *result, char **reason)
{
	JsonArray *tests = json_object_has_member(result, "tests")
				   ? json_object_get_array_member(result, "tests")
				   : NULL;
	const char *found = NULL;

	for (guint i = 0; tests && i < json_array_get_length(tests); i++) {
		JsonObject *test = json_array_get_object_element(tests, i);
		const char *name = member_string(test, "test");
		const char *verdict = member_string(test, "verdict");

		if (!name || !verdict || !text_glob(runs->options->test, name))
			continue;
		if (g_str_equal(verdict, "fail")) {
			g_free(*reason);
			*reason = g_strdup_printf("%s: %s", name,
						  member_string(test, "reason") ?: "failed");
			return "fail";
		}
		if (!found || g_str_equal(verdict, "skip"))
			found = verdict;
	}
	return found;
}

static enum word word_of_test(const struct runs *runs, JsonObject *result, char **reason)
{
	const char *verdict = named_test(runs, result, reason);

	if (!g_strcmp0(verdict, "fail"))
		return WORD_BAD;
	if (!verdict || g_str_equal(verdict, "skip"))
		return WORD_UNCLEAR;
	return WORD_GOOD;
}

/* The kernel did not boot or died, or the VMM did not start. See the option --boot-failure. */
static gboolean is_boot_failure(enum failure_kind kind)
{
	return kind == KIND_LAB_BOOT || kind == KIND_LAB || kind == KIND_VMM_START;
}

/*
 * What a case says that ended in an error. If the VMM or a migration failed, the commit is bad: the
 * bug is in the VMM or in the kernel.
 */
static enum word word_of_error(const struct runs *runs, enum failure_kind kind)
{
	if (is_boot_failure(kind))
		return runs->options->boot_failure_bad ? WORD_BAD : WORD_UNCLEAR;
	if (kind == KIND_LAB_SETUP)
		runs->seen->missing = TRUE;
	if (kind == KIND_LAB_SETUP || kind == KIND_RUNNER || kind == KIND_NONE)
		return WORD_UNCLEAR;
	return WORD_BAD;
}

static enum word word_of(const struct runs *runs, JsonObject *result, char **reason)
{
	enum failure_kind kind = kind_find(member_string(result, "kind"));
	enum verdict verdict;

	*reason = g_strdup(member_string(result, "reason"));
	if (!verdict_find(member_string(result, "verdict"), &verdict))
		return WORD_UNCLEAR;
	if (verdict == VERDICT_ERROR && word_of_error(runs, kind) != WORD_BAD)
		return WORD_UNCLEAR;
	if (verdict == VERDICT_ERROR && is_boot_failure(kind))
		return WORD_BAD;
	if (runs->options->test)
		return word_of_test(runs, result, reason);
	if (verdict == VERDICT_SKIP)
		return WORD_UNCLEAR;
	return verdict_is_red(verdict) ? WORD_BAD : WORD_GOOD;
}

static void note_where(struct bisect_seen *seen, JsonObject *result)
{
	const char *host = member_string(result, "host"), *kernel = member_string(result, "kernel");
	const char *version = member_string(result, "vmm_version");
	GString *where;

	if (seen->where || !host || !version)
		return;
	where = g_string_new(g_str_equal(host, "local") ? "this machine" : "lab ");
	if (!g_str_equal(host, "local"))
		g_string_append(where, host);
	if (kernel)
		g_string_append_printf(where, ", Linux %s", kernel);
	g_string_append_printf(where, ", %s %s", member_string(result, "vmm") ?: "VMM", version);
	seen->where = g_string_free(where, FALSE);
}

/* Counts a run whose verdict is known. */
static void count_run(struct runs *runs, enum word word)
{
	struct repeat *repeat = &runs->seen->repeat;

	repeat->failed += word == WORD_BAD;
	repeat->unclear += word == WORD_UNCLEAR;
	repeat->passed += word == WORD_GOOD;
	if (repeat_answer(repeat) != ANSWER_OPEN)
		g_main_loop_quit(runs->loop);
}

/*
 * Adds the result of one case to the run with index NUMBER. A run is bad as soon as one of its
 * cases is. Otherwise its verdict is known when all of its cases have ended.
 */
static void add_word(struct runs *runs, guint number, enum word word)
{
	gboolean was_bad = runs->worst[number] == WORD_BAD;

	runs->worst[number] = MAX(runs->worst[number], word);
	runs->ended[number]++;
	if (!was_bad && (word == WORD_BAD || runs->ended[number] == runs->cases))
		count_run(runs, runs->worst[number]);
}

/* The case "svm_state/none#3" belongs to the third run, which has index 2. */
static guint run_number(const struct runs *runs, const char *name)
{
	const char *mark = strrchr(name, '#');
	guint64 number = mark ? g_ascii_strtoull(mark + 1, NULL, 10) : 1;

	return CLAMP(number, 1, (guint64)runs->options->repeat) - 1;
}

static void take_result(struct runs *runs, JsonObject *result)
{
	const char *name = member_string(result, "case");
	g_autofree char *reason = NULL;
	char **first = NULL;
	enum word word;

	if (!name)
		return;
	note_where(runs->seen, result);
	word = word_of(runs, result, &reason);
	if (word == WORD_BAD)
		first = &runs->seen->first;
	else if (word == WORD_UNCLEAR)
		first = &runs->seen->unclear;
	if (first && !*first)
		*first = g_strdup_printf("%s: %s", name, reason ?: "no reason given");
	add_word(runs, run_number(runs, name), word);
}

static void on_line(void *data, const char *line)
{
	struct runs *runs = data;
	g_autoptr(JsonParser) parser = json_parser_new();

	if (*line != '{') {
		/* `ferry run` tells people this, so pass it on. Our own line comes last. */
		printf("%s\n", line);
		fflush(stdout);
		return;
	}
	if (runs->seen->missing || repeat_answer(&runs->seen->repeat) != ANSWER_OPEN)
		return;
	if (json_parser_load_from_data(parser, line, -1, NULL))
		take_result(runs, json_node_get_object(json_parser_get_root(parser)));
}

static void on_ended(void *data, int wait_status)
{
	struct runs *runs = data;

	runs->wait_status = wait_status;
	g_main_loop_quit(runs->loop);
}

/*
 * Notes that `ferry run` refused to run anything. It has told the user why. For a QEMU tree, git
 * may try another commit: this commit may lack the machine type that the user wants. For a Linux
 * tree, git must stop, since no other commit can help.
 */
static void note_refusal(struct runs *runs)
{
	const struct repeat *repeat = &runs->seen->repeat;

	if (repeat->passed || repeat->failed || repeat->unclear || !WIFEXITED(runs->wait_status) ||
	    WEXITSTATUS(runs->wait_status) != EXIT_USAGE)
		return;
	runs->seen->missing = !runs->options->qemu;
	runs->seen->unclear = g_strdup("no case could be run; the reason is told above");
}

/* The command line of `ferry run`. */
static char **run_arguments(const struct bisect_options *options, const struct built *built,
			    const char *logdir)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	g_autofree char *ferry = build_path("ferry");
	g_autofree char *absolute = g_canonicalize_filename(ferry, NULL);

	/* The user's defaults must not change the answer from one machine to another. */
	g_strv_builder_add_many(words, absolute, "run", "--no-config", "--json", "-", "--logdir",
				logdir, options->qemu ? "--qemu" : "--kernel", built->path, NULL);
	g_strv_builder_addv(words, (const char **)options->words);
	g_strv_builder_add(words, "--");
	g_strv_builder_addv(words, (const char **)options->patterns);
	return g_strv_builder_end(words);
}

void bisect_run(const struct bisect_options *options, const struct built *built, const char *logdir,
		struct bisect_seen *seen)
{
	static const struct lab_script_listener listener = { .line = on_line, .ended = on_ended };
	g_auto(GStrv) arguments = run_arguments(options, built, logdir);
	g_autofree guint *ended = g_new0(guint, options->repeat);
	g_autofree enum word *worst = g_new0(enum word, options->repeat);
	struct runs runs = {
		.options = options,
		.seen = seen,
		.loop = g_main_loop_new(NULL, FALSE),
		.cases = options->cases,
		.ended = ended,
		.worst = worst,
	};
	g_autoptr(GError) error = NULL;
	struct lab_script *script = lab_script_start(arguments, NULL, &listener, &runs, &error);

	seen->repeat.runs = options->repeat;
	seen->repeat.bad_if = options->bad_if;
	if (script) {
		seen->interrupted = !interrupt_run_loop(runs.loop);
		lab_script_free(script);
		note_refusal(&runs);
	} else {
		seen->unclear = g_strdup_printf("cannot run %s: %s", *arguments, error->message);
	}
	g_main_loop_unref(runs.loop);
}

void bisect_seen_clear(struct bisect_seen *seen)
{
	g_free(seen->first);
	g_free(seen->unclear);
	g_free(seen->where);
}
