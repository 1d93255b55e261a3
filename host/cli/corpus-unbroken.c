// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the corpus's cases with nothing broken. See corpus-unbroken.h. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/corpus-cases.h"
#include "cli/corpus-unbroken.h"

/* Do the cases of both run on the same host with the same kind of build? */
static gboolean same_place(const struct bug *a, const struct bug *b)
{
	return a->kind == b->kind && !g_strcmp0(a->host, b->host) &&
	       !g_strcmp0(a->accel, b->accel) && !g_strcmp0(a->clock, b->clock) &&
	       !g_strcmp0(a->kvm, b->kvm) && !g_strcmp0(a->plan, b->plan) &&
	       !g_strcmp0(a->with, b->with);
}

static void add_words(GPtrArray *words, char **more)
{
	for (; *more; more++)
		if (!g_ptr_array_find_with_equal_func(words, *more, g_str_equal, NULL))
			g_ptr_array_add(words, g_strdup(*more));
}

static char **cases_of(const struct bug *bug)
{
	return bug->cases;
}

static char **tests_of(const struct bug *bug)
{
	return bug->tests;
}

/* The words of all bugs that show in the same place as LIKE, without repetitions. */
static char **all_words(const GPtrArray *bugs, const struct bug *like,
			char **(*words_of)(const struct bug *bug))
{
	GPtrArray *words = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++)
		if (same_place(bugs->pdata[i], like))
			add_words(words, words_of(bugs->pdata[i]));
	g_ptr_array_add(words, NULL);
	return (char **)g_ptr_array_free(words, FALSE);
}

/* ", host amd, clock hpet": what the head of BUG says of the place. The caller frees it. */
static char *place_text(const struct bug *bug)
{
	GString *text = g_string_new(NULL);

	if (g_strcmp0(bug->host, bug->kind->host))
		g_string_append_printf(text, ", host %s", bug->host);
	if (bug->accel)
		g_string_append_printf(text, ", accel %s", bug->accel);
	if (bug->clock)
		g_string_append_printf(text, ", clock %s", bug->clock);
	if (bug->kvm)
		g_string_append_printf(text, ", with %s", bug->kvm);
	if (bug->plan)
		g_string_append_printf(text, ", plan %s", bug->plan);
	if (bug->with)
		g_string_append_printf(text, ", with %s", bug->with);
	return g_string_free(text, FALSE);
}

/* "unpatched-qemu-tcg": the place in corpus/verdicts. The caller frees it. */
static char *place_word(const struct bug *like)
{
	g_autofree char *file = like->with ? g_path_get_basename(like->with) : g_strdup("");
	g_autofree char *with = like->with ? g_strndup(file, strcspn(file, ".")) : NULL;
	const char *words[] = { like->kind->what, like->host, like->accel, like->clock,
				like->kvm,	  like->plan, with };
	g_autoptr(GPtrArray) given = g_ptr_array_new();
	g_autofree char *joined = NULL, *word = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
		if (words[i])
			g_ptr_array_add(given, (gpointer)words[i]);
	g_ptr_array_add(given, NULL);
	joined = g_strjoinv("-", (char **)given->pdata);
	word = g_ascii_strdown(joined, -1);
	return g_strconcat(UNBROKEN_PREFIX, g_strdelimit(word, " ", '_'), NULL);
}

static gboolean build_unbroken(struct corpus *corpus, const struct bug *like,
			       struct corpus_build *build, GError **error)
{
	if (like->kind->builds_unpatched) {
		printf("%-12s unpatched %s\n", "building", like->kind->what);
		fflush(stdout);
	}
	return corpus_build_unbroken(corpus, like, build, error);
}

static void print_unpatched(const struct tally *tally, const struct bug *like, int pass)
{
	g_autofree char *place = place_text(like);
	guint alarms = tally->failed + tally->errors;

	printf("%-12s unpatched %s, pass %d%s: %u passed, %u failed, %u as known, %u skipped%s%s\n",
	       alarms ? "FALSE ALARM" : "clean", like->kind->what, pass, place, tally->passed,
	       alarms, tally->known, tally->skipped, alarms ? "\n             " : "",
	       alarms ? tally->first : "");
	fflush(stdout);
}

/*
 * Runs all cases of bugs that show in the same place as LIKE. Returns how many fail with an
 * unpatched build, or -1 if they could not be run.
 */
static int run_in_place(struct checking *checking, const struct bug *like, int pass)
{
	struct corpus *corpus = checking->corpus;
	g_auto(GStrv) patterns = all_words(checking->bugs, like, cases_of);
	/* What else fails with a companion, such as an old KVM, is no false alarm. */
	g_auto(GStrv) tests = like->with ? all_words(checking->bugs, like, tests_of) : NULL;
	g_autofree char *place = place_word(like);
	g_autofree char *label = g_strdup_printf("%s-%d", place, pass);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) lines = verdicts_new();
	struct corpus_build build = { .label = label };
	struct tally tally = { .tests = tests, .place = place, .unbroken = lines };
	int alarms;

	if (build_unbroken(corpus, like, &build, &error))
		corpus_run_cases(corpus, like, patterns, &build, &tally, &error);
	corpus_build_clear(&build);
	if (error)
		usage_error("%s", error->message);
	alarms = error || corpus->interrupted ? -1 : (int)(tally.failed + tally.errors);
	if (alarms >= 0)
		print_unpatched(&tally, like, pass);
	/* After an interrupt too: each case that has ended counts. */
	check_keep(checking, lines);
	tally_clear(&tally);
	return alarms;
}

static gboolean is_first_of_its_place(const GPtrArray *bugs, guint index)
{
	for (guint i = 0; i < index; i++)
		if (same_place(bugs->pdata[i], bugs->pdata[index]))
			return FALSE;
	return TRUE;
}

int unbroken_run(struct checking *checking, int pass)
{
	int alarms = 0;

	for (guint i = 0; i < checking->bugs->len && alarms >= 0; i++) {
		int found = is_first_of_its_place(checking->bugs, i)
				    ? run_in_place(checking, checking->bugs->pdata[i], pass)
				    : 0;

		alarms = found < 0 ? found : alarms + found;
	}
	return alarms;
}
