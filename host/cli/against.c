// SPDX-License-Identifier: GPL-2.0-or-later
/* Compares a run with an earlier one. See against.h. */
#include "cli/against.h"
#include "report/compare.h"
#include "report/results-file.h"

struct against {
	char *file;
	struct comparison *comparison;
	GHashTable *cases; /* "program/plan" of those that run */
	const char *kvm;   /* the parameters that they run with (--kvm), or NULL */
	guint elsewhere;   /* results of other cases */
	guint worse;
	FILE *stream;
};

static char *case_key(const struct test_case *test_case)
{
	return g_strconcat(test_case->program->name, "/", test_case->plan_name, NULL);
}

static void add_before(void *data, const struct result *result)
{
	struct against *against = data;
	g_autofree char *key = case_key(result->test_case);

	if (g_hash_table_contains(against->cases, key) &&
	    !g_strcmp0(result->environment->kvm, against->kvm))
		comparison_add(against->comparison, BEFORE, result);
	else
		against->elsewhere++;
}

struct against *against_open(const char *file, const GPtrArray *cases, const char *kvm,
			     GError **error)
{
	struct against *against = g_new0(struct against, 1);

	against->file = g_strdup(file);
	against->kvm = kvm;
	against->comparison = comparison_new();
	against->cases = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < cases->len; i++)
		g_hash_table_add(against->cases, case_key(cases->pdata[i]));
	if (results_file_read(file, add_before, against, error))
		return against;
	g_prefix_error(error, "--against: ");
	against_free(against);
	return NULL;
}

void against_free(struct against *against)
{
	g_hash_table_unref(against->cases);
	comparison_free(against->comparison);
	g_free(against->file);
	g_free(against);
}

guint against_worse(const struct against *against)
{
	return against->worse;
}

static void against_ended(void *data, const struct result *result)
{
	comparison_add(((struct against *)data)->comparison, AFTER, result);
}

static gboolean against_end(void *data, guint not_run, const char *why, GError **error)
{
	struct against *against = data;

	fprintf(against->stream, "against %s:\n", against->file);
	against->worse = comparison_print(comparison_decide(against->comparison), against->stream);
	if (against->elsewhere)
		fprintf(against->stream, "%u result%s there of cases that are not in this run\n",
			against->elsewhere, against->elsewhere == 1 ? " is" : "s are");
	fflush(against->stream);
	return TRUE;
}

static const struct reporter against_reporter = {
	.name = "against",
	.ended = against_ended,
	.end = against_end,
};

void against_add(struct against *against, struct reports *reports, FILE *stream)
{
	against->stream = stream;
	reports_add(reports, &against_reporter, against);
}
