// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes the file corpus/matrix. See matrix.h. */
#include <glib/gstdio.h>
#include <string.h>

#include "run/matrix.h"
#include "util/text.h"

/* PATCH CASE VERDICT SECONDS HASH TEST */
#define FIELDS 6

static const char head[] =
	"# SPDX-License-Identifier: GPL-2.0-or-later\n"
	"#\n"
	"# Which case notices which broken KVM. 'ferry corpus matrix' writes this file and goes on\n"
	"# where it stopped; corpus/README.md tells how. A line is\n"
	"#\n"
	"#     PATCH CASE VERDICT SECONDS HASH TEST\n"
	"#\n"
	"# PATCH is corpus/kvm/PATCH.cocci, or 'unpatched'. SECONDS are from the case's start to its\n"
	"# first failed test, TEST, or else to its end. HASH tells which patch and which program were\n"
	"# measured. CASE is '*' if the patch could not be built, or if no lab ran with it.\n"
	"#\n"
	"# A case runs with a patch only if it can reach the patched code: the patch's line\n"
	"# 'Reaches:' names programs, or else the patched file does. svm/ is for programs that need\n"
	"# svm, vmx/ for those that need vmx, hyperv.c for those that need hyperv; any other file is\n"
	"# for all programs.\n";

static const char *const verdict_words[] = {
	[MATRIX_PASS] = "pass",	      [MATRIX_XFAIL] = "xfail",	   [MATRIX_SKIP] = "skip",
	[MATRIX_FAIL] = "fail",	      [MATRIX_ERROR] = "error",	   [MATRIX_NOT_BUILT] = "not-built",
	[MATRIX_NO_BOOT] = "no-boot", [MATRIX_NO_BOOT + 1] = NULL,
};

static void line_free(struct matrix_line *line)
{
	g_free(line->patch);
	g_free(line->case_name);
	g_free(line->hash);
	g_free(line->test);
	g_free(line);
}

struct matrix *matrix_new(void)
{
	struct matrix *matrix = g_new0(struct matrix, 1);

	matrix->lines = g_ptr_array_new_with_free_func((GDestroyNotify)line_free);
	matrix->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return matrix;
}

void matrix_free(struct matrix *matrix)
{
	g_hash_table_unref(matrix->index);
	g_ptr_array_unref(matrix->lines);
	g_free(matrix);
}

static char *key_of(const char *patch, const char *case_name)
{
	return g_strconcat(patch, " ", case_name, NULL);
}

const struct matrix_line *matrix_find(const struct matrix *matrix, const char *patch,
				      const char *case_name)
{
	g_autofree char *key = key_of(patch, case_name);

	return g_hash_table_lookup(matrix->index, key);
}

void matrix_remove(struct matrix *matrix, const char *patch, const char *case_name)
{
	g_autofree char *key = key_of(patch, case_name);
	gpointer line = g_hash_table_lookup(matrix->index, key);

	g_hash_table_remove(matrix->index, key);
	if (line)
		g_ptr_array_remove(matrix->lines, line);
}

void matrix_set(struct matrix *matrix, const struct matrix_line *line)
{
	struct matrix_line *copy = g_new0(struct matrix_line, 1);

	copy->patch = g_strdup(line->patch);
	copy->case_name = g_strdup(line->case_name);
	copy->verdict = line->verdict;
	copy->seconds = line->seconds;
	copy->hash = g_strdup(line->hash);
	copy->test = g_strdup(line->test);
	/* LINE may be the one that is replaced. */
	matrix_remove(matrix, copy->patch, copy->case_name);
	g_ptr_array_add(matrix->lines, copy);
	g_hash_table_insert(matrix->index, key_of(copy->patch, copy->case_name), copy);
}

static gboolean has_failed(const struct matrix_line *line)
{
	return line->verdict == MATRIX_FAIL || line->verdict == MATRIX_ERROR;
}

gboolean matrix_catches(const struct matrix *matrix, const struct matrix_line *line)
{
	const struct matrix_line *unpatched =
		matrix_find(matrix, MATRIX_UNPATCHED, line->case_name);

	return unpatched && unpatched != line && has_failed(line) &&
	       unpatched->verdict != MATRIX_SKIP && !has_failed(unpatched);
}

double matrix_seconds(const struct matrix *matrix, const char *case_name)
{
	const struct matrix_line *line = matrix_find(matrix, MATRIX_UNPATCHED, case_name);

	return line && line->verdict != MATRIX_SKIP && !has_failed(line) ? line->seconds : 0;
}

/* ---- reading ---- */

static gboolean read_verdict(const char *word, enum matrix_verdict *verdict)
{
	for (guint i = 0; verdict_words[i]; i++)
		if (g_str_equal(verdict_words[i], word)) {
			*verdict = i;
			return TRUE;
		}
	return FALSE;
}

static gboolean read_seconds(const char *word, double *seconds)
{
	char *end;

	*seconds = g_ascii_strtod(word, &end);
	return g_ascii_isdigit(*word) && !*end && *seconds < G_MAXINT;
}

/* What is wrong with the line, or NULL after it was added. The caller frees the text. */
static char *take_line(struct matrix *matrix, const char *text)
{
	g_auto(GStrv) fields = g_strsplit(text, " ", -1);
	struct matrix_line line = { 0 };
	guint count = g_strv_length(fields);

	if (count != FIELDS)
		return g_strdup_printf(
			"%u words, and a line is PATCH CASE VERDICT SECONDS HASH TEST", count);
	if (!read_verdict(fields[2], &line.verdict)) {
		g_autofree char *suggestion = text_suggest(fields[2], verdict_words);

		return g_strdup_printf("unknown verdict '%s'%s", fields[2], suggestion);
	}
	if (!read_seconds(fields[3], &line.seconds))
		return g_strdup_printf("'%s' is no number of seconds", fields[3]);
	if (matrix_find(matrix, fields[0], fields[1]))
		return g_strdup_printf("%s and %s stand here twice; keep one of the lines",
				       fields[0], fields[1]);
	line.patch = fields[0];
	line.case_name = fields[1];
	line.hash = fields[4];
	line.test = g_str_equal(fields[5], "-") ? NULL : fields[5];
	matrix_set(matrix, &line);
	return NULL;
}

struct matrix *matrix_read(const char *path, GError **error)
{
	struct matrix *matrix;
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return NULL;
	matrix = matrix_new();
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		g_autofree char *problem = NULL;

		if (*lines[i] == '#' || !*g_strstrip(lines[i]))
			continue;
		problem = take_line(matrix, lines[i]);
		if (!problem)
			continue;
		g_set_error(error, FERRY_ERROR, 0, "%s:%u: %s", path, i + 1, problem);
		matrix_free(matrix);
		return NULL;
	}
	return matrix;
}

/* ---- writing ---- */

static int compare_lines(gconstpointer a, gconstpointer b)
{
	const struct matrix_line *one = *(struct matrix_line *const *)a;
	const struct matrix_line *other = *(struct matrix_line *const *)b;
	int order = strcmp(one->patch, other->patch);

	return order ? order : strcmp(one->case_name, other->case_name);
}

gboolean matrix_write(const struct matrix *matrix, const char *path, GError **error)
{
	g_autoptr(GString) text = g_string_new(head);
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	const char *patch = NULL;

	for (guint i = 0; i < matrix->lines->len; i++)
		g_ptr_array_add(sorted, matrix->lines->pdata[i]);
	g_ptr_array_sort(sorted, compare_lines);
	for (guint i = 0; i < sorted->len; i++) {
		const struct matrix_line *line = sorted->pdata[i];
		char seconds[G_ASCII_DTOSTR_BUF_SIZE];

		if (g_strcmp0(patch, line->patch))
			g_string_append_c(text, '\n');
		patch = line->patch;
		g_ascii_formatd(seconds, sizeof(seconds), "%.1f", line->seconds);
		g_string_append_printf(text, "%s %s %s %s %s %s\n", line->patch, line->case_name,
				       verdict_words[line->verdict], seconds, line->hash,
				       line->test ?: "-");
	}
	return g_file_set_contents_full(path, text->str, text->len, G_FILE_SET_CONTENTS_CONSISTENT,
					0644, error);
}
