// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the cases of the corpus. See corpus-run.h. */
#include "cli/corpus-bug.h"
#include "cli/corpus-run.h"
#include "lab/kinds.h"
#include "run/schedule.h"
#include "run/select.h"
#include "util/text.h"

/* Seconds for a case on a patched KVM, which may make its guest wait forever. */
#define PATCHED_TIMEOUT 600

char *corpus_build(struct corpus *corpus, const struct bug *bug, GError **error)
{
	g_autofree char *folder = g_build_filename(corpus->logdir, bug->name, NULL);
	g_autofree char *log = g_build_filename(folder, "build", NULL);
	char *modules;

	g_mkdir_with_parents(folder, 0755);
	modules = bug_build(bug, log, error);
	corpus->interrupted = !modules && !*error;
	return modules;
}

static gboolean is_meant(char **globs, const char *test)
{
	for (char **glob = globs; glob && *glob; glob++)
		if (test && text_glob(*glob, test))
			return TRUE;
	return FALSE;
}

static void note_failed_tests(struct tally *tally, const struct result *result)
{
	for (guint i = 0; i < result->tests->len && !tally->caught_by; i++) {
		const struct test_result *test = result->tests->pdata[i];

		/* A test that fails for a known issue is "xfail" by now. */
		if (!g_strcmp0(test->verdict, "fail") && is_meant(tally->tests, test->name))
			tally->caught_by =
				g_strdup_printf("%s in %s: %s", test->name, result->test_case->name,
						test->reason ? test->reason : "");
	}
}

static void tally_ended(void *data, const struct result *result)
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
}

static const struct reporter tally_reporter = {
	.ended = tally_ended,
};

void tally_clear(struct tally *tally)
{
	g_free(tally->first);
	g_free(tally->caught_by);
	*tally = (struct tally){ 0 };
}

/*
 * The words `test=GLOB` for a guest's command line, and that the first failure is enough. NULL: the
 * guest runs all of its tests.
 */
static char **test_words(char **globs)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	for (char **glob = globs; glob && *glob; glob++) {
		g_autofree char *word = g_strconcat("test=", *glob, NULL);

		g_strv_builder_add(words, word);
	}
	g_strv_builder_add(words, FAIL_FAST);
	return globs ? g_strv_builder_end(words) : NULL;
}

GPtrArray *corpus_select(struct corpus *corpus, char **patterns, char **plans, const char *clock,
			 GError **error)
{
	struct selection selection = {
		.patterns = patterns,
		.plan_names = plans,
		.wanted = &corpus->wanted,
		.accel = "kvm",
		.host = ANY_LAB,
		.lab_clock = clock,
	};

	return select_cases(corpus->suite, &selection, error);
}

gboolean corpus_run(struct corpus *corpus, GPtrArray *cases, const struct corpus_kvm *kvm,
		    const struct reporter *reporter, void *data)
{
	g_autofree char *logdir = g_build_filename(corpus->logdir, kvm->label, NULL);
	struct lab_settings lab = {
		/* KVM is measured in the kernel that its modules are built for. */
		.options = { .kernel = "small", .modules = kvm->modules },
		.wanted = &corpus->wanted,
	};
	struct durations *durations = durations_open(corpus->settings.environment, &corpus->wanted);
	struct reports *reports = reports_new();

	reports_add(reports, reporter, data);
	corpus->settings.logdir = logdir;
	corpus->interrupted = schedule_run(cases, &corpus->settings, &lab, corpus->known_issues,
					   durations, corpus->jobs, reports)
				      .not_run > 0;
	durations_close(durations);
	reports_free(reports);
	return !corpus->interrupted;
}

gboolean corpus_run_cases(struct corpus *corpus, char **patterns, const char *modules,
			  const char *clock, const char *label, struct tally *tally, GError **error)
{
	g_autoptr(GPtrArray) cases = corpus_select(corpus, patterns, NULL, clock, error);
	const struct corpus_kvm kvm = { .modules = modules, .label = label };
	g_auto(GStrv) words = test_words(tally->tests);

	if (!cases)
		return FALSE;
	corpus->wanted.args = words;
	/* A few tests never need as much time as a whole program may. */
	corpus->wanted.timeout = words ? PATCHED_TIMEOUT : 0;
	return corpus_run(corpus, cases, &kvm, &tally_reporter, tally);
}
