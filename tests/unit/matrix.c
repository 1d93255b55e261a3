// SPDX-License-Identifier: GPL-2.0-or-later
/* The file corpus/matrix, the quick set that is computed from it, and the pattern `quick`. */
#include <glib/gstdio.h>
#include <string.h>

#include "run/cover.h"
#include "run/quick.h"
#include "util/text.h"

/* Makes a file that holds TEXT. The caller unlinks and frees it. */
static char *file_with(const char *text)
{
	char *path;
	int fd = g_file_open_tmp("unit-matrix-XXXXXX", &path, NULL);

	g_assert_cmpint(fd, >=, 0);
	g_close(fd, NULL);
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	return path;
}

static struct matrix *matrix_of(const char *text)
{
	g_autofree char *path = file_with(text);
	g_autoptr(GError) error = NULL;
	struct matrix *matrix = matrix_read(path, &error);

	g_assert_no_error(error);
	g_unlink(path);
	return matrix;
}

static void test_bad_lines(void)
{
	static const struct {
		const char *text, *told;
	} rows[] = {
		{ "p a/none pass 1.0 h\n",
		  ":1: 5 words, and a line is PATCH CASE VERDICT SECONDS HASH TEST" },
		{ "# comment\n\np a/none passs 1.0 h -\n",
		  ":3: unknown verdict 'passs' (did you mean 'pass'?)" },
		{ "p a/none pass 1.0s h -\n", ":1: '1.0s' is no number of seconds" },
		{ "p a/none pass -1 h -\n", ":1: '-1' is no number of seconds" },
		{ "p a/none pass 1 h -\np a/none fail 1 h t\n",
		  ":2: p and a/none stand here twice; keep one of the lines" },
		{ "<<<<<<< HEAD\n",
		  ":1: 2 words, and a line is PATCH CASE VERDICT SECONDS HASH TEST" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = file_with(rows[i].text);
		g_autofree char *told = g_strconcat(path, rows[i].told, NULL);
		g_autoptr(GError) error = NULL;

		g_assert_null(matrix_read(path, &error));
		g_assert_cmpstr(error->message, ==, told);
		g_unlink(path);
	}
}

/* Written lines can be read again, sorted, and a line replaces an older one. */
static void test_writing(void)
{
	struct matrix *matrix = matrix_of("unpatched b/none pass 2.0 -h -\n"
					  "p b/none fail 1.5 p-h test_1\n"
					  "p a/none skip 0.1 p-h -\n");
	g_autofree char *path = file_with(""), *text = NULL;
	g_autoptr(GError) error = NULL;
	struct matrix_line *line = matrix->lines->pdata[2];

	matrix_set(matrix, line);
	line = matrix->lines->pdata[2];
	line->verdict = MATRIX_ERROR;
	matrix_set(matrix, line);
	matrix_set(matrix, &(struct matrix_line){ .patch = (char *)"o",
						  .case_name = (char *)MATRIX_NO_CASE,
						  .verdict = MATRIX_NOT_BUILT,
						  .hash = (char *)"o-" });
	g_assert_true(matrix_write(matrix, path, &error));
	matrix_free(matrix);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_true(g_str_has_prefix(text, "# SPDX"));
	g_assert_nonnull(strstr(text, "\n\no * not-built 0.0 o- -\n"
				      "\np a/none error 0.1 p-h -\n"
				      "p b/none fail 1.5 p-h test_1\n"
				      "\nunpatched b/none pass 2.0 -h -\n"));
	matrix = matrix_read(path, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(matrix->lines->len, ==, 4);
	matrix_remove(matrix, "o", MATRIX_NO_CASE);
	g_assert_null(matrix_find(matrix, "o", MATRIX_NO_CASE));
	matrix_free(matrix);
	g_unlink(path);
}

static void test_full_folder(void)
{
	struct matrix *matrix = matrix_new();
	g_autoptr(GError) error = NULL;

	g_assert_false(matrix_write(matrix, "/nowhere/matrix", &error));
	g_assert_nonnull(strstr(error->message, "/nowhere/matrix"));
	matrix_free(matrix);
}

/* A case that fails on unpatched KVM, or was never measured there, catches nothing. */
static void test_catches(void)
{
	static const struct {
		const char *name;
		gboolean catches;
	} rows[] = {
		{ "fail/none", TRUE },	      { "error/none", TRUE }, { "pass/none", FALSE },
		{ "xfail/none", FALSE },      { "skip/none", FALSE }, { "red/none", FALSE },
		{ "unmeasured/none", FALSE }, { "known/none", TRUE }, { "skips/none", FALSE },
	};
	struct matrix *matrix =
		matrix_of("p fail/none fail 1 h t\nunpatched fail/none pass 1 h -\n"
			  "p error/none error 1 h -\nunpatched error/none pass 1 h -\n"
			  "p pass/none pass 1 h -\nunpatched pass/none pass 1 h -\n"
			  "p xfail/none xfail 1 h -\nunpatched xfail/none pass 1 h -\n"
			  "p skip/none skip 1 h -\nunpatched skip/none pass 1 h -\n"
			  "p red/none fail 1 h t\nunpatched red/none fail 1 h t\n"
			  "p unmeasured/none fail 1 h t\n"
			  "p known/none fail 1 h t\nunpatched known/none xfail 1 h -\n"
			  "p skips/none fail 1 h t\nunpatched skips/none skip 1 h -\n");

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const struct matrix_line *line = matrix_find(matrix, "p", rows[i].name);

		g_test_message("%s", rows[i].name);
		g_assert_true(matrix_catches(matrix, line) == rows[i].catches);
	}
	matrix_free(matrix);
}

/* "CASE CASE CAUGHT of TOTAL"; a "|" comes between the cases that catch patches and the others. */
static char *chosen(const char *text, unsigned percent, double seconds)
{
	struct matrix *matrix = matrix_of(text);
	struct quick_limits limits = { .percent = percent, .seconds = seconds };
	struct quick_set set = quick_choose(matrix, &limits);
	GString *told = g_string_new(NULL);

	for (guint i = 0; i < set.cases->len; i++)
		g_string_append_printf(told, "%s%s ", i == set.covering ? "| " : "",
				       g_array_index(set.cases, struct quick_case, i).name);
	g_string_append_printf(told, "%u of %u", set.caught, set.total);
	g_assert_cmpfloat(set.seconds, <=, seconds);
	quick_set_clear(&set);
	matrix_free(matrix);
	return g_string_free(told, FALSE);
}

#define PASSES(name, seconds) "unpatched " name " pass " #seconds " h -\n"
#define CATCHES(name, patch)  patch " " name " fail 1 h t\n"

static void test_choice(void)
{
	static const struct {
		const char *text;
		unsigned percent;
		double seconds;
		const char *told;
	} rows[] = {
		/* The most patches per second count, not the most patches. */
		{ PASSES("a/none", 10) PASSES("b/none", 2) PASSES("c/none", 2)
			  CATCHES("a/none", "p") CATCHES("a/none", "q") CATCHES("b/none", "p")
				  CATCHES("c/none", "q"),
		  100, 4, "b/none c/none 2 of 2" },
		/* selftest/none comes first, whatever it notices. */
		{ PASSES("selftest/none", 1) PASSES("b/none", 2) CATCHES("b/none", "p"), 100, 60,
		  "selftest/none b/none 1 of 1" },
		/* b was best at first, but a and c together notice all that b does. */
		{ PASSES("a/none", 4) PASSES("b/none", 4) PASSES("c/none", 4) CATCHES("b/none", "p")
			  CATCHES("b/none", "q") CATCHES("b/none", "r") CATCHES("b/none", "s")
				  CATCHES("a/none", "p") CATCHES("a/none", "q")
					  CATCHES("a/none", "t") CATCHES("c/none", "r")
						  CATCHES("c/none", "s") CATCHES("c/none", "u"),
		  100, 12, "a/none c/none | b/none 6 of 6" },
		/* 2 of 3 are 66 %, which is enough. */
		{ PASSES("a/none", 1) PASSES("b/none", 2) PASSES("c/none", 3) CATCHES("a/none", "p")
			  CATCHES("b/none", "q") CATCHES("c/none", "r"),
		  60, 3, "a/none b/none 2 of 3" },
		/* There is no time for c. */
		{ PASSES("a/none", 1) PASSES("c/none", 3) CATCHES("a/none", "p")
			  CATCHES("c/none", "q"),
		  100, 3.5, "a/none 1 of 2" },
		/* If there is time, each other program gets its shortest case. x_up counts as x. */
		{ PASSES("a/none", 1) PASSES("x/none", 2) PASSES("x_up/none", 1)
			  PASSES("x/precopy", 3) PASSES("y/none", 4) PASSES("z/none", 9)
				  CATCHES("a/none", "p"),
		  100, 8, "a/none | x_up/none y/none 1 of 1" },
		/* The case fails on unpatched KVM. */
		{ "unpatched a/none fail 1 h t\n" CATCHES("a/none", "p"), 100, 8, "0 of 0" },
		{ "", 100, 8, "0 of 0" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *told = chosen(rows[i].text, rows[i].percent, rows[i].seconds);

		g_assert_cmpstr(told, ==, rows[i].told);
	}
}

/* Expands PATTERNS (words) with the quick set TEXT; or "error: MESSAGE", without the path. */
static char *expanded(const char *patterns, const char *text)
{
	g_autofree char *path = file_with(text);
	g_autofree char *config = file_with("[a]\nfile = a.flat\n[b]\nfile = a.flat\n");
	g_auto(GStrv) words = g_strsplit(patterns, " ", -1), all = NULL;
	g_autoptr(GError) error = NULL;
	struct suite *suite = suite_load(config, "/", FALSE, &error);
	char *told;

	g_assert_no_error(error);
	all = quick_expand(words, suite, path, &error);
	if (error)
		told = g_strconcat("error: ", error->message + strlen(path), NULL);
	else
		told = g_strjoinv(" ", all);
	suite_free(suite);
	g_unlink(path);
	g_unlink(config);
	return told;
}

static void test_expansion(void)
{
	static const char quick[] = "# what it is\n\na/none   # 3 s; notices p q\nb/precopy+tcp\n";
	static const struct {
		const char *patterns, *text, *told;
	} rows[] = {
		{ "quick", quick, "a/none b/precopy+tcp" },
		{ "a quick", quick, "a a/none b/precopy+tcp" },
		{ "a", quick, "a" },
		{ "quick", "a/none\nc/none\n",
		  "error: :2: there is no case 'c/none'; take the line out, or make the file anew with 'ferry corpus quick'" },
		{ "quick", "a/nonsense\n",
		  "error: :1: there is no case 'a/nonsense'; take the line out, or make the file anew with 'ferry corpus quick'" },
		{ "quick", "a\n",
		  "error: :1: there is no case 'a'; take the line out, or make the file anew with 'ferry corpus quick'" },
		{ "quick", "# nothing\n",
		  "error:  names no case; make the file anew with 'ferry corpus quick'" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *told = expanded(rows[i].patterns, rows[i].text);

		g_assert_cmpstr(told, ==, rows[i].told);
	}
}

/* A set that was written can be read again. */
static void test_quick_file(void)
{
	struct matrix *matrix =
		matrix_of(PASSES("a/none", 2) PASSES("b/none", 1) CATCHES("a/none", "p"));
	struct quick_limits limits = { .percent = 90, .seconds = 60 };
	struct quick_set set = quick_choose(matrix, &limits);
	g_autofree char *path = file_with(""), *text = NULL, *told = NULL;

	g_assert_true(quick_write(&set, matrix, path, NULL));
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_nonnull(strstr(text, "# Together: 1 of the 1 broken KVMs"));
	g_assert_nonnull(strstr(text, "# 2 s; notices p\n"));
	told = expanded("quick", text);
	g_assert_cmpstr(told, ==, "a/none b/none");
	g_unlink(path);
	quick_set_clear(&set);
	matrix_free(matrix);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/matrix/bad-lines", test_bad_lines);
	g_test_add_func("/matrix/writing", test_writing);
	g_test_add_func("/matrix/no-folder", test_full_folder);
	g_test_add_func("/matrix/catches", test_catches);
	g_test_add_func("/quick/choice", test_choice);
	g_test_add_func("/quick/expansion", test_expansion);
	g_test_add_func("/quick/file", test_quick_file);
	return g_test_run();
}
