// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A `ferry run` places the cases on this machine or in labs, measures the host, and looks for all
 * that is needed, as for any user. See corpus-cases.h.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/command.h"
#include "cli/corpus-cases.h"
#include "lab/script.h"
#include "report/results-file.h"
#include "util/paths.h"
#include "util/text.h"

/* Seconds for a case with a patch, which may make its guest wait forever. */
#define PATCHED_TIMEOUT "600"

/* ---- what came of it ---- */

static gboolean is_meant(char **globs, const char *test)
{
	return globs && test && text_glob_any(globs, test);
}

static void note_catch(struct tally *tally, const struct result *result, const char *by,
		       const char *reason, gint64 at_ns)
{
	if (tally->caught_by || !is_meant(tally->tests, by))
		return;
	tally->caught_by = g_strdup(by);
	tally->caught_in = g_strdup(result->test_case->name);
	tally->reason = g_strdup(reason ?: "");
	tally->seconds = at_ns < 0 ? -1 : at_ns / 1e9;
}

static gboolean has_failed(const struct test_result *test)
{
	/* A test that fails for a known issue is "xfail" by now. */
	return !g_strcmp0(test->verdict, "fail");
}

/* A failure within a test that must catch the patch counts as that test's failure. */
static const char *name_of_failure(const struct tally *tally, const struct failure *failure)
{
	const char *kind = kind_name(failure->kind);

	return is_meant(tally->tests, kind) || !failure->test ? kind : failure->test;
}

static void note_failed_tests(struct tally *tally, const struct result *result)
{
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (has_failed(test))
			note_catch(tally, result, test->name, test->reason, test->failed_at_ns);
	}
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		if (!failure->known)
			note_catch(tally, result, name_of_failure(tally, failure), failure->text,
				   failure->at_ns);
	}
	/* The VMM or the plan could not do its part, which is no failure of the guest's. */
	if (result->verdict == VERDICT_ERROR)
		note_catch(tally, result, kind_name(result->kind), result->reason,
			   result->duration_ns);
}

/* The first test that failed without explanation, or what else failed. */
static const char *first_failure(const struct result *result)
{
	for (guint i = 0; i < result->tests->len; i++)
		if (has_failed(result->tests->pdata[i]))
			return ((const struct test_result *)result->tests->pdata[i])->name;
	return kind_name(result->kind);
}

static void note_unbroken(const struct tally *tally, const struct result *result)
{
	gboolean alarm = result->verdict == VERDICT_FAIL || result->verdict == VERDICT_ERROR;

	if (tally->unbroken && result->verdict != VERDICT_SKIP)
		verdicts_add(tally->unbroken,
			     &(struct verdict_line){
				     .patch = (char *)tally->place,
				     .verdict = alarm ? UNBROKEN_FALSE_ALARM : UNBROKEN_CLEAN,
				     .case_name = result->test_case->name,
				     .passes = !alarm,
				     .test = alarm ? (char *)first_failure(result) : NULL,
			     });
}

static void tally_result(void *data, const struct result *result)
{
	struct tally *tally = data;

	tally->passed += result->verdict == VERDICT_PASS;
	tally->failed += result->verdict == VERDICT_FAIL;
	tally->known += result->verdict == VERDICT_XFAIL;
	tally->skipped += result->verdict == VERDICT_SKIP;
	tally->errors += result->verdict == VERDICT_ERROR;
	if (result->verdict != VERDICT_PASS && !tally->first)
		tally->first = g_strdup_printf("%s %s: %s", verdict_name(result->verdict),
					       result->test_case->name, result->reason);
	note_failed_tests(tally, result);
	note_unbroken(tally, result);
}

void tally_clear(struct tally *tally)
{
	g_free(tally->first);
	g_free(tally->caught_by);
	g_free(tally->caught_in);
	g_free(tally->reason);
	*tally = (struct tally){ 0 };
}

/* ---- the command line ---- */

static void add_option(GStrvBuilder *words, const char *name, const char *value)
{
	if (value)
		g_strv_builder_add_many(words, name, value, NULL);
}

/* Does one of GLOBS name a kind of failure that the runner finds by itself? */
static gboolean some_kind(char **globs)
{
	for (char **glob = globs; *glob; glob++)
		if (kind_find(*glob) != KIND_NONE)
			return TRUE;
	return FALSE;
}

/* A few tests never need as much time as a whole program may, and the first failure is enough. */
static void add_tests(GStrvBuilder *words, char **globs)
{
	if (!globs)
		return;
	add_option(words, "--timeout", PATCHED_TIMEOUT);
	add_option(words, "--arg", FAIL_FAST);
	for (char **glob = globs; *glob && !some_kind(globs); glob++) {
		g_autofree char *word = g_strconcat("test=", *glob, NULL);

		add_option(words, "--arg", word);
	}
}

static char **run_arguments(const struct corpus *corpus, const struct bug *like, char **patterns,
			    const struct corpus_build *build, char **tests, const char *logdir,
			    const char *results)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	g_autofree char *ferry = build_path("ferry");
	g_autofree char *absolute = g_canonicalize_filename(ferry, NULL);
	g_autofree char *seed = g_strdup_printf("%" G_GUINT32_FORMAT, (guint32)corpus->wanted.seed);
	g_autofree char *moves = g_strdup_printf("%d", corpus->wanted.moves);

	g_strv_builder_add_many(words, absolute, "run", "--no-config", "--jobs", "1", NULL);
	add_option(words, "--logdir", logdir);
	add_option(words, "--json", results);
	add_option(words, "--seed", seed);
	add_option(words, "--moves", moves);
	add_option(words, "--host", like->host);
	add_option(words, "--accel", like->accel);
	add_option(words, "--lab-clock", like->clock);
	add_option(words, "--kvm", like->kvm);
	add_option(words, "--plan", like->plan);
	/* KVM's modules are built for this kernel. */
	add_option(words, "--kernel", like->accel ? NULL : "small");
	add_option(words, "--modules", build->modules);
	add_option(words, "--qemu", build->qemu);
	add_tests(words, tests);
	g_strv_builder_add(words, "--");
	g_strv_builder_addv(words, (const char **)patterns);
	return g_strv_builder_end(words);
}

/* ---- the run ---- */

/* The last line of what the run said in the file PATH. The caller frees it. */
static char *last_words(const char *path)
{
	g_autofree char *text = NULL;
	const char *newline;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !*g_strchomp(text))
		return g_strdup_printf("%s tells why", path);
	newline = strrchr(text, '\n');
	return g_strdup(newline ? newline + 1 : text);
}

/*
 * Returns when it has ended. What it prints for people is in its results, too. FALSE without ERROR
 * after an interrupt.
 */
static gboolean run(char **arguments, const char *errors, GError **error)
{
	g_autofree char *why = NULL;
	int wait_status;

	if (!lab_script_run(arguments, errors, NULL, NULL, &wait_status, error))
		return FALSE;
	if (WIFEXITED(wait_status) && (WEXITSTATUS(wait_status) == EXIT_ALL_PASSED ||
				       WEXITSTATUS(wait_status) == EXIT_SOME_FAILED))
		return TRUE;
	why = last_words(errors);
	g_set_error(error, FERRY_ERROR, 0, "'ferry run' did not run the cases: %s", why);
	return FALSE;
}

gboolean corpus_run_cases(struct corpus *corpus, const struct bug *like, char **patterns,
			  const struct corpus_build *build, struct tally *tally, GError **error)
{
	g_autofree char *logdir = g_build_filename(corpus->logdir, build->label, NULL);
	g_autofree char *results = g_build_filename(logdir, "results.json", NULL);
	g_autofree char *errors = g_build_filename(logdir, "errors", NULL);
	g_auto(GStrv) arguments =
		run_arguments(corpus, like, patterns, build, tally->tests, logdir, results);

	g_mkdir_with_parents(logdir, 0755);
	g_unlink(errors);
	if (run(arguments, errors, error))
		return results_file_read(results, tally_result, tally, error);
	corpus->interrupted = !*error;
	/* Of an unbroken build each case that has ended counts. The file may not be there yet. */
	if (corpus->interrupted && tally->unbroken)
		results_file_read(results, tally_result, tally, NULL);
	return FALSE;
}
