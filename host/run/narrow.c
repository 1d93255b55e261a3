// SPDX-License-Identifier: GPL-2.0-or-later
/* --exclude and --group. See narrow.h. */
#include <string.h>

#include "plan/plan.h"
#include "run/narrow.h"
#include "suite/test-case.h"
#include "util/text.h"

static gboolean matches(const char *pattern, const char *program, const char *plan)
{
	g_autofree char *name = g_strconcat(program, "/", plan, NULL);

	return text_glob(pattern, strchr(pattern, '/') ? name : program);
}

/*
 * A pattern need not match a selected case, but it must match something: else it is a typing error.
 */
static gboolean is_of_suite(const char *pattern, const struct suite *suite, const GPtrArray *cases)
{
	for (guint i = 0; i < suite->programs->len; i++)
		for (const char *const *plan = plan_names(); *plan; plan++)
			if (matches(pattern, ((struct program *)suite->programs->pdata[i])->name,
				    *plan))
				return TRUE;
	/* Selected cases may be of plans with options, which plan_names() does not list. */
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (matches(pattern, test_case->program->name, test_case->plan_name))
			return TRUE;
	}
	return FALSE;
}

static gboolean check_patterns(char **patterns, const struct suite *suite, const GPtrArray *cases,
			       GError **error)
{
	g_autofree const char **names = g_new0(const char *, suite->programs->len + 1);

	for (guint i = 0; i < suite->programs->len; i++)
		names[i] = ((struct program *)suite->programs->pdata[i])->name;
	for (char **pattern = patterns; pattern && *pattern; pattern++) {
		g_autofree char *program = g_strndup(*pattern, strcspn(*pattern, "/"));
		const char *closest = text_closest(program, names);

		if (is_of_suite(*pattern, suite, cases))
			continue;
		g_set_error(
			error, FERRY_ERROR, 0,
			closest && !g_str_equal(closest, program)
				? "--exclude: no case matches '%s' (did you mean '%s'?)"
				: "--exclude: no case matches '%s'; 'ferry list' shows what there is",
			*pattern, closest);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_groups(char **groups, const struct suite *suite, GError **error)
{
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	g_autofree const char **names = NULL;

	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		for (char **group = program->groups; *group; group++)
			g_hash_table_add(known, *group);
	}
	names = (const char **)g_hash_table_get_keys_as_array(known, NULL);
	for (char **group = groups; group && *group; group++) {
		g_autofree char *suggestion = NULL;

		if (g_hash_table_contains(known, *group))
			continue;
		suggestion = text_suggest(*group, names);
		g_set_error(error, FERRY_ERROR, 0, "--group: no program of %s is in group '%s'%s",
			    suite->path, *group, suggestion);
		return FALSE;
	}
	return TRUE;
}

static gboolean is_wanted(const struct test_case *test_case, char **exclude, char **groups)
{
	char **word;

	for (word = exclude; word && *word; word++)
		if (matches(*word, test_case->program->name, test_case->plan_name))
			return FALSE;
	for (word = groups; word && *word; word++)
		if (g_strv_contains((const char *const *)test_case->program->groups, *word))
			return TRUE;
	return !groups;
}

gboolean narrow_cases(GPtrArray *cases, const struct suite *suite, char **exclude, char **groups,
		      GError **error)
{
	guint kept = 0, length = cases->len;

	if (!check_patterns(exclude, suite, cases, error) || !check_groups(groups, suite, error))
		return FALSE;
	for (guint i = 0; i < length; i++)
		if (is_wanted(cases->pdata[kept], exclude, groups))
			kept++;
		else
			g_ptr_array_remove_index(cases, kept);
	if (kept || (!exclude && !groups))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "%s leaves no case",
		    exclude && groups ? "--exclude with --group"
		    : exclude	      ? "--exclude"
				      : "--group");
	return FALSE;
}
