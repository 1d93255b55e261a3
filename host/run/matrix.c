// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes the file corpus/matrix. See matrix.h. */
#include "run/matrix.h"
#include "util/records.h"

#define FORMAT "PATCH CASE VERDICT SECONDS HASH TEST"

static const char head[] =
	"# SPDX-License-Identifier: GPL-2.0-or-later\n"
	"#\n"
	"# Which case notices which broken KVM. 'ferry corpus matrix' writes this file and goes on\n"
	"# where it stopped; corpus/README.md tells how. A line is\n"
	"#\n"
	"#     " FORMAT "\n"
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

/* ---- the file ---- */

/* What is wrong with the line of these words, or NULL after it was added. The caller frees it. */
static char *take_line(void *data, char **words)
{
	struct matrix *matrix = data;
	struct matrix_line line = { .patch = words[0], .case_name = words[1], .hash = words[4] };
	guint verdict = 0;
	char *problem = record_word("verdict", words[2], verdict_words, &verdict)
				?: record_seconds(words[3], &line.seconds);

	if (problem)
		return problem;
	if (matrix_find(matrix, words[0], words[1]))
		return g_strdup_printf("%s and %s stand here twice; keep one of the lines",
				       words[0], words[1]);
	line.verdict = verdict;
	line.test = g_str_equal(words[5], "-") ? NULL : words[5];
	matrix_set(matrix, &line);
	return NULL;
}

struct matrix *matrix_read(const char *path, GError **error)
{
	struct matrix *matrix = matrix_new();

	if (!records_read(path, FORMAT, take_line, matrix, error))
		g_clear_pointer(&matrix, matrix_free);
	return matrix;
}

struct matrix *matrix_read_or_new(const char *path, GError **error)
{
	return g_file_test(path, G_FILE_TEST_EXISTS) ? matrix_read(path, error) : matrix_new();
}

gboolean matrix_write(const struct matrix *matrix, const char *path, GError **error)
{
	g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < matrix->lines->len; i++) {
		const struct matrix_line *line = matrix->lines->pdata[i];
		char seconds[G_ASCII_DTOSTR_BUF_SIZE];

		g_ascii_formatd(seconds, sizeof(seconds), "%.1f", line->seconds);
		g_ptr_array_add(lines,
				g_strdup_printf("%s %s %s %s %s %s", line->patch, line->case_name,
						verdict_words[line->verdict], seconds, line->hash,
						line->test ?: "-"));
	}
	return records_write(path, head, lines, " ", error);
}
