// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads known-issues.cfg, whose head tells what its keys mean. */
#include "lab/kinds.h"
#include "run/known-issue.h"
#include "run/known-issues.h"
#include "suite/kvm-wanted.h"
#include "util/text.h"
#include "vmm/vmm.h"

static void known_issue_free(struct known_issue *issue)
{
	g_free(issue->name);
	g_strfreev(issue->case_globs);
	g_strfreev(issue->test_globs);
	g_clear_pointer(&issue->failure, g_regex_unref);
	g_clear_pointer(&issue->then, g_regex_unref);
	g_strfreev(issue->restored);
	g_strfreev(issue->hosts);
	g_strfreev(issue->kernels);
	g_strfreev(issue->qemus);
	g_strfreev(issue->emulators);
	g_free(issue->kvm);
	g_free(issue->reason);
	g_free(issue->evidence);
	g_free(issue);
}

static gboolean check_keys(GKeyFile *file, const char *path, const char *group, GError **error)
{
	static const char *const known[] = { "case",	  "restored", "written-back", "test",
					     "failure",	  "then",     "host",	      "kernel",
					     "qemu",	  "emulator", "kvm",	      "unlimited",
					     "sometimes", "reason",   "evidence",     NULL };
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
static char **read_words(GKeyFile *file, const char *group, const char *key)
{
	g_autofree char *text = g_key_file_get_string(file, group, key, NULL);

	return text ? g_strsplit(text, " ", -1) : NULL;
}

/* The words of `host`: this machine, this machine with --accel tcg, and the labs. */
static const char **host_names(void)
{
	GPtrArray *names = g_ptr_array_new();

	g_ptr_array_add(names, (gpointer) "local");
	g_ptr_array_add(names, (gpointer) "tcg");
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		g_ptr_array_add(names, (gpointer)kind->name);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

static gboolean glob_matches_one(const char *glob, const char **names)
{
	for (const char **name = names; *name; name++)
		if (text_glob(glob, *name))
			return TRUE;
	return FALSE;
}

/* The words of `restored`. */
static const char **names_of_vmms(void)
{
	GPtrArray *names = g_ptr_array_new();

	for (const struct vmm *const *vmm = vmms; *vmm; vmm++)
		g_ptr_array_add(names, (gpointer)(*vmm)->name);
	g_ptr_array_add(names, NULL);
	return (const char **)g_ptr_array_free(names, FALSE);
}

/*
 * A name that is not spelt right would make the group match nothing, and nobody would notice. GLOBS
 * may be NULL. Frees NAMES.
 */
static gboolean check_names(char **globs, const char *what, const char **names, const char *path,
			    const char *group, GError **error)
{
	g_autofree const char **known = names;

	for (char **glob = globs; glob && *glob; glob++) {
		g_autofree char *suggestion = NULL;

		if (glob_matches_one(*glob, known))
			continue;
		suggestion = text_suggest(*glob, known);
		g_set_error(error, FERRY_ERROR, 0, "%s: [%s]: unknown %s '%s'%s", path, group, what,
			    *glob, suggestion);
		return FALSE;
	}
	return TRUE;
}

/*
 * NULL and no ERROR if the group has none. Backslashes belong to the expression, not to the key
 * file's syntax.
 */
static GRegex *read_pattern(GKeyFile *file, const char *path, const char *group, const char *key,
			    GError **error)
{
	g_autofree char *text = g_key_file_get_value(file, group, key, NULL);
	g_autofree char *whole = text ? g_strdup_printf("^(?:%s)$", text) : NULL;
	GRegex *regex = whole ? g_regex_new(whole, 0, 0, error) : NULL;

	if (whole && !regex)
		g_prefix_error(error, "%s: [%s]: %s: ", path, group, key);
	return regex;
}

/* NULL and no ERROR if the group has none. */
static char *read_kvm(GKeyFile *file, const char *path, const char *group, GError **error)
{
	g_autofree char *text = g_key_file_get_string(file, group, "kvm", NULL);
	char *lists[] = { text, NULL }, *joined = kvm_wanted_join(lists, error);

	if (text && !joined)
		g_prefix_error(error, "%s: [%s]: kvm: ", path, group);
	return joined;
}

/* NULL and ERROR if something in the group is wrong. */
static struct known_issue *read_issue(GKeyFile *file, const char *path, const char *group,
				      GError **error)
{
	struct known_issue *issue;
	GError *problem = NULL;

	if (!check_keys(file, path, group, error))
		return NULL;
	issue = g_new0(struct known_issue, 1);
	issue->name = g_strdup(group);
	issue->case_globs = read_words(file, group, "case");
	issue->test_globs = read_words(file, group, "test");
	issue->failure = read_pattern(file, path, group, "failure", &problem);
	if (!problem)
		issue->then = read_pattern(file, path, group, "then", &problem);
	issue->restored = read_words(file, group, "restored");
	issue->written_back = g_key_file_get_boolean(file, group, "written-back", NULL);
	issue->hosts = read_words(file, group, "host");
	issue->kernels = read_words(file, group, "kernel");
	issue->qemus = read_words(file, group, "qemu");
	issue->emulators = read_words(file, group, "emulator");
	if (!problem)
		issue->kvm = read_kvm(file, path, group, &problem);
	issue->sometimes = g_key_file_get_boolean(file, group, "sometimes", NULL);
	issue->reason = g_key_file_get_string(file, group, "reason", NULL);
	issue->evidence = g_key_file_get_string(file, group, "evidence", NULL);
	if (!problem && issue->then && !issue->failure)
		g_set_error(&problem, FERRY_ERROR, 0, "%s: [%s] has 'then' and no 'failure'", path,
			    group);
	if (!problem)
		check_names(issue->restored, "VMM", names_of_vmms(), path, group, &problem);
	if (!problem)
		check_names(issue->hosts, "host", host_names(), path, group, &problem);
	if (!problem)
		return issue;
	g_propagate_error(error, problem);
	known_issue_free(issue);
	return NULL;
}

GPtrArray *known_issues_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)known_issue_free);
}

GPtrArray *known_issues_load(const char *path, GError **error)
{
	GPtrArray *issues = known_issues_new();
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
		struct known_issue *issue = read_issue(file, path, *group, error);

		if (!issue) {
			g_ptr_array_unref(issues);
			return NULL;
		}
		g_ptr_array_add(issues, issue);
	}
	return issues;
}
