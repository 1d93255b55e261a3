// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads known-issues.cfg, whose head tells what its keys mean, and compares results with it. */
#include <string.h>

#include "plan/plan.h"
#include "run/known-issues.h"
#include "util/text.h"

struct known_issue {
	char *name;
	char **case_globs;  /* over program/plan */
	char **test_globs;  /* every failed test must match one; NULL: any */
	GRegex *failure;    /* the whole reason of the failure must match; NULL: any */
	char **hosts;	    /* globs over host names; "tcg": wherever the guest runs on TCG */
	char *kernel;	    /* "6.1..6.4": versions of the host's kernel; NULL: any */
	char *qemu;	    /* versions of QEMU; NULL: any */
	gboolean sometimes; /* a pass needs no warning */
	char *reason, *evidence;
};

static void known_issue_free(struct known_issue *issue)
{
	g_free(issue->name);
	g_strfreev(issue->case_globs);
	g_strfreev(issue->test_globs);
	g_clear_pointer(&issue->failure, g_regex_unref);
	g_strfreev(issue->hosts);
	g_free(issue->kernel);
	g_free(issue->qemu);
	g_free(issue->reason);
	g_free(issue->evidence);
	g_free(issue);
}

static gboolean check_keys(GKeyFile *file, const char *path, const char *group, GError **error)
{
	static const char *const known[] = { "case", "test",	  "failure", "host",	 "kernel",
					     "qemu", "sometimes", "reason",  "evidence", NULL };
	static const char *const required[] = { "case", "host", "reason", "evidence", NULL };
	g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);

	for (char **key = keys; *key; key++) {
		g_autofree char *suggestion = NULL;

		if (g_strv_contains(known, *key))
			continue;
		suggestion = text_suggest(*key, known);
		g_set_error(error, FERRY_ERROR, 0, "%s: [%s]: unknown key '%s'%s", path, group,
			    *key, suggestion);
		return FALSE;
	}
	for (const char *const *key = required; *key; key++)
		if (!g_strv_contains((const char *const *)keys, *key)) {
			g_set_error(error, FERRY_ERROR, 0, "%s: [%s] has no '%s'", path, group,
				    *key);
			return FALSE;
		}
	return TRUE;
}

/* NULL if the group has no such key. */
static char **read_globs(GKeyFile *file, const char *group, const char *key)
{
	g_autofree char *text = g_key_file_get_string(file, group, key, NULL);

	return text ? g_strsplit(text, " ", -1) : NULL;
}

/*
 * NULL and no ERROR if the group has none. Backslashes are the expression's own, not the key
 * file's.
 */
static GRegex *read_failure(GKeyFile *file, const char *path, const char *group, GError **error)
{
	g_autofree char *text = g_key_file_get_value(file, group, "failure", NULL);
	g_autofree char *whole = text ? g_strdup_printf("^(?:%s)$", text) : NULL;
	GRegex *regex = whole ? g_regex_new(whole, 0, 0, error) : NULL;

	if (whole && !regex)
		g_prefix_error(error, "%s: [%s]: failure: ", path, group);
	return regex;
}

GPtrArray *known_issues_load(const char *path, GError **error)
{
	GPtrArray *issues = g_ptr_array_new_with_free_func((GDestroyNotify)known_issue_free);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_auto(GStrv) groups = NULL;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return issues;
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, error)) {
		g_prefix_error(error, "%s: ", path);
		g_ptr_array_unref(issues);
		return NULL;
	}
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		struct known_issue *issue;
		GError *problem = NULL;
		GRegex *failure = NULL;

		if (check_keys(file, path, *group, &problem))
			failure = read_failure(file, path, *group, &problem);
		if (problem) {
			g_propagate_error(error, problem);
			g_ptr_array_unref(issues);
			return NULL;
		}
		issue = g_new0(struct known_issue, 1);
		issue->failure = failure;
		issue->name = g_strdup(*group);
		issue->case_globs = read_globs(file, *group, "case");
		issue->test_globs = read_globs(file, *group, "test");
		issue->hosts = read_globs(file, *group, "host");
		issue->kernel = g_key_file_get_string(file, *group, "kernel", NULL);
		issue->qemu = g_key_file_get_string(file, *group, "qemu", NULL);
		issue->sometimes = g_key_file_get_boolean(file, *group, "sometimes", NULL);
		issue->reason = g_key_file_get_string(file, *group, "reason", NULL);
		issue->evidence = g_key_file_get_string(file, *group, "evidence", NULL);
		g_ptr_array_add(issues, issue);
	}
	return issues;
}

/* Compares as many numbers as LIMIT has, so that 6.1.192 is within "..6.1". */
static int compare_versions(const char *version, const char *limit)
{
	for (;;) {
		guint64 a = g_ascii_strtoull(version, (char **)&version, 10);
		guint64 b = g_ascii_strtoull(limit, (char **)&limit, 10);

		if (a != b)
			return a < b ? -1 : 1;
		if (*limit != '.')
			return 0;
		limit++;
		if (*version == '.')
			version++;
	}
}

/* RANGE is "FROM..TO", and either may be missing. A NULL range holds every version. */
static gboolean within(const char *version, const char *range)
{
	g_autofree char *from = NULL;
	const char *dots, *to;

	if (!range)
		return TRUE;
	if (!version)
		return FALSE;
	dots = strstr(range, "..");
	from = dots ? g_strndup(range, dots - range) : g_strdup(range);
	to = dots ? dots + 2 : range;
	return (!*from || compare_versions(version, from) >= 0) &&
	       (!*to || compare_versions(version, to) <= 0);
}

static gboolean matches_any(char **globs, const char *name)
{
	for (char **glob = globs; *glob; glob++)
		if (text_glob(*glob, name))
			return TRUE;
	return FALSE;
}

/* Is the issue about this case, on this host and with these versions? */
static gboolean concerns(const struct known_issue *issue, const struct result *result)
{
	const struct environment *environment = result->environment;
	const struct plan *plan = result->test_case->plan;
	const char *program = result->test_case->program->name;
	g_autofree char *name = g_strconcat(program, "/", plan->name, NULL);
	/* An issue of a plan is also one of the plan with options. */
	g_autofree char *plain =
		g_strconcat(program, "/", plan->base ? plan->base->name : "", NULL);

	return (matches_any(issue->case_globs, name) || matches_any(issue->case_globs, plain)) &&
	       (matches_any(issue->hosts, environment->host) ||
		(!g_strcmp0(environment->accel, "tcg") && matches_any(issue->hosts, "tcg"))) &&
	       within(environment->kernel, issue->kernel) &&
	       (within(result->vmm_version, issue->qemu) ||
		(result->other_vmm_version && within(result->other_vmm_version, issue->qemu)));
}

/* The first issue that explains why TEST failed, or (NULL) what failed outside of tests. */
static const struct known_issue *explanation(GPtrArray *issues, const struct result *result,
					     const struct test_result *test)
{
	for (guint i = 0; i < issues->len; i++) {
		const struct known_issue *issue = issues->pdata[i];
		const char *said = test ? test->reason : result->reason;

		if (concerns(issue, result) &&
		    (!issue->failure || (said && g_regex_match(issue->failure, said, 0, NULL))) &&
		    (!issue->test_globs ||
		     (test && test->name && matches_any(issue->test_globs, test->name))))
			return issue;
	}
	return NULL;
}

static void explain(struct result *result, const struct known_issue *issue)
{
	char *reason =
		g_strdup_printf("%s (%s): %s", issue->reason, issue->evidence, result->reason);

	g_free(result->reason);
	result->reason = reason;
	result->verdict = VERDICT_XFAIL;
}

/*
 * Each failed test that an issue explains becomes "xfail". If all failures are explained, the case
 * becomes XFAIL, with the first issue's reason. Else it tells what is not explained.
 */
static void apply_to_failure(GPtrArray *issues, struct result *result)
{
	const struct known_issue *first = NULL;
	const struct test_result *unexplained = NULL;
	guint failed = 0;

	for (guint i = 0; i < result->tests->len; i++) {
		struct test_result *test = result->tests->pdata[i];
		const struct known_issue *issue;

		if (g_strcmp0(test->verdict, "fail"))
			continue;
		failed++;
		issue = explanation(issues, result, test);
		if (!issue) {
			unexplained = unexplained ? unexplained : test;
			continue;
		}
		first = first ? first : issue;
		g_free(test->verdict);
		test->verdict = g_strdup("xfail");
	}
	if (result->beyond_tests || !failed) {
		const struct known_issue *issue = explanation(issues, result, NULL);

		if (!issue)
			return;
		first = first ? first : issue;
		/* Results from a lab come here twice. The second time the reason may differ. */
		result->beyond_tests = FALSE;
	}
	if (first && !unexplained) {
		explain(result, first);
	} else if (first && unexplained->reason) {
		g_free(result->reason);
		result->reason = g_strdup_printf("%s (besides known issues)", unexplained->reason);
	}
}

/* Did a test that the issue is about run at all? */
static gboolean was_tried(const struct known_issue *issue, const struct result *result)
{
	if (!issue->test_globs)
		return TRUE;
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (test->name && matches_any(issue->test_globs, test->name))
			return TRUE;
	}
	return FALSE;
}

static void apply_to_pass(GPtrArray *issues, struct result *result)
{
	for (guint i = 0; i < issues->len && !result->warning; i++) {
		const struct known_issue *issue = issues->pdata[i];

		if (concerns(issue, result) && !issue->sometimes && was_tried(issue, result))
			result->warning =
				g_strdup_printf("it passed, though known-issues.cfg [%s] says: %s",
						issue->name, issue->reason);
	}
}

void known_issues_apply(GPtrArray *issues, struct result *result)
{
	if (result->verdict == VERDICT_FAIL || result->verdict == VERDICT_ERROR)
		apply_to_failure(issues, result);
	else if (result->verdict == VERDICT_PASS)
		apply_to_pass(issues, result);
}

char *known_issues_expected(GPtrArray *issues, const struct test_case *test_case, const char *host,
			    const struct environment *environment)
{
	static const char *const any_test[] = { "*", NULL };
	struct environment there = *environment;
	struct result *result = result_new(test_case, &there);
	GString *words = g_string_new(NULL);

	there.host = (char *)host;
	for (guint i = 0; i < issues->len; i++) {
		struct known_issue of_any_version = *(const struct known_issue *)issues->pdata[i];
		const char *const *globs = (const char *const *)of_any_version.test_globs;

		of_any_version.qemu = NULL;
		if (!concerns(&of_any_version, result))
			continue;
		for (const char *const *glob = globs ? globs : any_test; *glob; glob++)
			g_string_append_printf(words, "%sexpect=%s", words->len ? " " : "", *glob);
	}
	result_free(result);
	return g_string_free(words, FALSE);
}
