// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus score`: what is known of each patch, from corpus/verdicts and corpus/matrix. The
 * page itself is in corpus-score-page.c.
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/corpus-area.h"
#include "cli/corpus-score.h"
#include "util/text.h"

/* Whether LINE is about the patch as it is now, and about a test that must catch it. */
static gboolean matrix_counts(const struct matrix *matrix, const struct matrix_line *line,
			      const struct bug *bug)
{
	g_autofree char *hash = g_strconcat(bug->hash, "-", NULL);

	return g_str_equal(line->patch, bug->name) && g_str_has_prefix(line->hash, hash) &&
	       matrix_catches(matrix, line) && line->test && text_glob_any(bug->tests, line->test);
}

/* A case that caught the patch while the matrix was measured, the soonest one; or NULL. */
static const struct matrix_line *find_in_matrix(const struct matrix *matrix, const struct bug *bug)
{
	const struct matrix_line *soonest = NULL;

	for (guint i = 0; i < matrix->lines->len; i++) {
		const struct matrix_line *line = matrix->lines->pdata[i];

		if (matrix_counts(matrix, line, bug) &&
		    (!soonest || line->seconds < soonest->seconds))
			soonest = line;
	}
	return soonest;
}

static enum score_state state_of(const struct verdict_line *line, const struct bug *bug)
{
	static const enum score_state states[] = {
		[BUG_CAUGHT] = SCORE_CAUGHT,	   [BUG_MISSED] = SCORE_MISSED,
		[BUG_NOT_BUILT] = SCORE_NOT_BUILT, [BUG_NOT_RUN] = SCORE_NOT_RUN,
		[BUG_BROKE_KERNEL] = SCORE_BROKEN,
	};

	if (!line)
		return SCORE_UNKNOWN;
	return g_strcmp0(line->hash, bug->hash) ? SCORE_STALE : states[line->verdict];
}

static struct score_entry *make_entry(const struct bug *bug, const GPtrArray *verdicts,
				      const struct matrix *matrix)
{
	struct score_entry *entry = g_new0(struct score_entry, 1);
	const struct verdict_line *line = verdicts_find(verdicts, bug->name);
	const struct matrix_line *measured = find_in_matrix(matrix, bug);

	entry->bug = bug;
	entry->area = corpus_area_of(bug->name) ?: SCORE_OTHER_AREA;
	entry->state = state_of(line, bug);
	if (entry->state == SCORE_CAUGHT) {
		entry->test = line->test;
		entry->case_name = line->case_name;
		entry->seconds = line->seconds;
	} else if (entry->state != SCORE_MISSED && measured) {
		entry->state = SCORE_CAUGHT;
		entry->test = measured->test;
		entry->case_name = measured->case_name;
		entry->seconds = measured->seconds;
	}
	return entry;
}

GPtrArray *score_entries(const GPtrArray *bugs, const GPtrArray *verdicts,
			 const struct matrix *matrix)
{
	GPtrArray *entries = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < bugs->len; i++)
		g_ptr_array_add(entries, make_entry(bugs->pdata[i], verdicts, matrix));
	return entries;
}

struct score_counts score_count(const GPtrArray *entries, const struct bug_kind *kind,
				const char *area)
{
	struct score_counts counts = { 0 };

	for (guint i = 0; i < entries->len; i++) {
		const struct score_entry *entry = entries->pdata[i];

		if ((kind && entry->bug->kind != kind) || (area && !g_str_equal(entry->area, area)))
			continue;
		counts.all++;
		counts.caught += entry->state == SCORE_CAUGHT;
		counts.missed += entry->state == SCORE_MISSED;
	}
	return counts;
}

/* ---- the command ---- */

/* Lines of patches that were taken out or renamed are of no use. */
static void tell_superfluous(const GPtrArray *bugs, const GPtrArray *verdicts, const char *path)
{
	g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < bugs->len; i++)
		g_hash_table_add(names, ((const struct bug *)bugs->pdata[i])->name);
	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict_line *line = verdicts->pdata[i];

		if (!g_str_has_prefix(line->patch, UNBROKEN_PREFIX) &&
		    !g_hash_table_contains(names, line->patch))
			fprintf(stderr, "ferry: %s: there is no patch %s; take the line out\n",
				path, line->patch);
	}
}

static gboolean write_page(const GPtrArray *bugs, const GPtrArray *verdicts,
			   const struct matrix *matrix, const char *path, GError **error)
{
	g_autoptr(GPtrArray) entries = score_entries(bugs, verdicts, matrix);
	struct score_counts counts = score_count(entries, NULL, NULL);
	g_autofree char *page = score_page(entries, verdicts);

	if (!g_file_set_contents_full(path, page, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error))
		return FALSE;
	printf("%u of %u are caught, %u missed, %u without a verdict; %s is written\n",
	       counts.caught, counts.all, counts.missed, counts.all - counts.caught - counts.missed,
	       path);
	return TRUE;
}

int corpus_score(const GPtrArray *bugs, const struct score_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) verdicts = verdicts_read(options->verdicts, &error);
	struct matrix *matrix;

	if (!verdicts)
		return usage_error("%s; 'ferry corpus run' writes it", error->message);
	matrix = matrix_read_or_new(options->matrix, &error);
	if (matrix && write_page(bugs, verdicts, matrix, options->output, &error))
		tell_superfluous(bugs, verdicts, options->verdicts);
	g_clear_pointer(&matrix, matrix_free);
	return error ? usage_error("%s", error->message) : EXIT_ALL_PASSED;
}
