// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes durations.cfg. See durations-table.h; durations.c reads the file and explains it. */
#include <stdlib.h>
#include <string.h>

#include "run/durations-table.h"
#include "util/median.h"
#include "util/text.h"

#define PLANS "plans"
#define NONE  "none"

struct durations_table {
	GKeyFile *file;
	GHashTable *figures; /* "GROUP\tKEY" -> GArray of double */
};

struct durations_table *durations_table_new(const char *text)
{
	struct durations_table *table = g_new0(struct durations_table, 1);

	table->file = g_key_file_new();
	g_key_file_load_from_data(table->file, text, -1, G_KEY_FILE_KEEP_COMMENTS, NULL);
	table->figures = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       (GDestroyNotify)g_array_unref);
	return table;
}

static void add_figure(struct durations_table *table, const char *group, const char *key,
		       double figure)
{
	g_autofree char *name = g_strjoin("\t", group, key, NULL);
	GArray *figures = g_hash_table_lookup(table->figures, name);

	if (!figures) {
		figures = g_array_new(FALSE, FALSE, sizeof(double));
		g_hash_table_insert(table->figures, g_steal_pointer(&name), figures);
	}
	g_array_append_val(figures, figure);
}

void durations_table_add(struct durations_table *table, const struct result *result)
{
	const struct environment *environment = result->environment;
	const char *plan = result->test_case->plan_name;
	gboolean local = g_str_equal(environment->host, "local");
	g_autofree char *key = g_strjoin("/", result->test_case->program->name, plan, NULL);

	/* An option changes little, so the plan's own figure is taken for all. */
	if ((result->verdict != VERDICT_PASS && result->verdict != VERDICT_XFAIL) ||
	    strchr(plan, '+'))
		return;
	add_figure(table, local ? environment->accel : environment->host, key,
		   result->duration_ns / 1e9);
}

static void set(struct durations_table *table, const char *group, const char *key, double figure)
{
	char text[G_ASCII_DTOSTR_BUF_SIZE];

	/* printf() may write a decimal comma. */
	g_ascii_formatd(text, sizeof(text), figure < 10 ? "%.1f" : "%.0f", MAX(figure, 0.1));
	g_key_file_set_value(table->file, group, key, text);
}

/* Sets the medians of all that was added to groups of hosts, or to the group of plans. */
static void set_medians(struct durations_table *table, gboolean of_plans)
{
	g_autoptr(GList) names = g_hash_table_get_keys(table->figures);

	names = g_list_sort(names, (GCompareFunc)strcmp);
	for (GList *name = names; name; name = name->next) {
		g_auto(GStrv) words = g_strsplit(name->data, "\t", 2);

		if (g_str_equal(words[0], PLANS) == of_plans)
			set(table, words[0], words[1],
			    median(g_hash_table_lookup(table->figures, name->data)));
	}
}

/* How much longer than under `none` the cases of one group take under each other plan. */
static void add_factors(struct durations_table *table, const char *group)
{
	g_auto(GStrv) keys = g_key_file_get_keys(table->file, group, NULL, NULL);

	for (char **key = keys; key && *key; key++) {
		const char *slash = strchr(*key, '/');
		g_autofree char *program = slash ? g_strndup(*key, slash - *key) : NULL;
		g_autofree char *base = g_strjoin("/", program ? program : "", NONE, NULL);
		double none = g_key_file_get_double(table->file, group, base, NULL);

		if (slash && none > 0 && !g_str_equal(slash + 1, NONE))
			add_figure(table, PLANS, slash + 1,
				   g_key_file_get_double(table->file, group, *key, NULL) / none);
	}
}

static void sort_group(GKeyFile *file, const char *group)
{
	gsize count = 0;
	g_auto(GStrv) keys = g_key_file_get_keys(file, group, &count, NULL);
	g_auto(GStrv) values = g_new0(char *, count + 1);

	qsort(keys, count, sizeof(*keys), text_compare);
	for (gsize i = 0; i < count; i++)
		values[i] = g_key_file_get_value(file, group, keys[i], NULL);
	g_key_file_remove_group(file, group, NULL);
	for (gsize i = 0; i < count; i++)
		g_key_file_set_value(file, group, keys[i], values[i]);
}

char *durations_table_end(struct durations_table *table)
{
	g_auto(GStrv) groups = NULL;
	char *text;

	set_medians(table, FALSE);
	groups = g_key_file_get_groups(table->file, NULL);
	for (char **group = groups; *group; group++)
		if (!g_str_equal(*group, PLANS)) {
			add_factors(table, *group);
			sort_group(table->file, *group);
		}
	set_medians(table, TRUE);
	text = g_key_file_to_data(table->file, NULL, NULL);
	g_hash_table_unref(table->figures);
	g_key_file_unref(table->file);
	g_free(table);
	return text;
}
