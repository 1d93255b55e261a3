// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/pick.c: a lab runs exactly the cases and repeats that it was told, in that order. */
#include "run/pick.h"

static GPtrArray *make_cases(const char *words)
{
	GPtrArray *cases = g_ptr_array_new_with_free_func((GDestroyNotify)test_case_free);
	g_auto(GStrv) names = g_strsplit(words, " ", -1);

	for (char **name = names; *name; name++) {
		struct test_case *test_case = g_new0(struct test_case, 1);

		test_case->name = g_strdup(*name);
		g_ptr_array_add(cases, test_case);
	}
	return cases;
}

/* The names of the picked cases, or why there are none. */
static char *pick(const char *words)
{
	g_auto(GStrv) names = g_strsplit(words, " ", -1);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) picked = pick_cases(
		make_cases("a/none#1 a/none#2 a/none#3 b/none#1 b/none#2"), names, &error);
	GString *text = g_string_new(NULL);

	for (guint i = 0; picked && i < picked->len; i++)
		g_string_append_printf(text, "%s%s", i ? " " : "",
				       ((struct test_case *)picked->pdata[i])->name);
	g_string_append(text, error ? error->message : "");
	return g_string_free(text, FALSE);
}

static void test_picked(void)
{
	g_autofree char *some = pick("b/none#2 a/none#3 a/none#1");
	g_autofree char *unknown = pick("a/none#1 a/none#4");
	g_autofree char *twice = pick("a/none#1 a/none#1");

	g_assert_cmpstr(some, ==, "b/none#2 a/none#3 a/none#1");
	g_assert_cmpstr(unknown, ==, "there is no case 'a/none#4', or it is named twice");
	g_assert_cmpstr(twice, ==, "there is no case 'a/none#1', or it is named twice");
}

static void test_patterns(void)
{
	char *names[] = { (char *)"b/none#2", (char *)"a/none#1", (char *)"a/none#3",
			  (char *)"c/storm", NULL };
	g_auto(GStrv) patterns = pick_patterns(names);
	g_autofree char *joined = g_strjoinv(" ", patterns);

	g_assert_cmpstr(joined, ==, "b/none a/none c/storm");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/pick/picked", test_picked);
	g_test_add_func("/pick/patterns", test_patterns);
	return g_test_run();
}
