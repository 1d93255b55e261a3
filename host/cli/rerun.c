// SPDX-License-Identifier: GPL-2.0-or-later
/* Which cases of a results file have to run again. See rerun.h. */
#include <string.h>

#include "cli/rerun.h"
#include "report/results-file.h"
#include "util/text.h"

struct reading {
	GStrvBuilder *patterns, *plans;
	GHashTable *seen; /* patterns and plans; a plan has no '/' */
};

static void add_once(struct reading *reading, GStrvBuilder *list, char *text)
{
	if (g_hash_table_contains(reading->seen, text)) {
		g_free(text);
		return;
	}
	g_strv_builder_add(list, text);
	g_hash_table_add(reading->seen, text);
}

static void add_red(void *data, const struct result *result)
{
	const struct test_case *test_case = result->test_case;
	struct reading *reading = data;

	if (!verdict_is_red(result->verdict))
		return;
	add_once(reading, reading->patterns,
		 g_strconcat(test_case->program->name, "/", test_case->plan_name, NULL));
	add_once(reading, reading->plans, g_strdup(test_case->plan_name));
}

static void add_not_run(void *data, const char *name, const char *why)
{
	struct reading *reading = data;
	const char *slash = strchr(name, '/');

	if (!slash)
		return;
	add_once(reading, reading->patterns, g_strdup(name));
	add_once(reading, reading->plans, g_strdup(slash + 1));
}

gboolean rerun_read(struct rerun *rerun, const char *path, GError **error)
{
	struct reading reading = {
		.patterns = g_strv_builder_new(),
		.plans = g_strv_builder_new(),
		.seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
	};
	gboolean read = results_file_read_all(path, add_red, add_not_run, &reading, error);

	rerun->patterns = g_strv_builder_end(reading.patterns);
	rerun->plans = g_strv_builder_end(reading.plans);
	g_strv_builder_unref(reading.patterns);
	g_strv_builder_unref(reading.plans);
	g_hash_table_unref(reading.seen);
	return read;
}

void rerun_clear(struct rerun *rerun)
{
	g_strfreev(rerun->patterns);
	g_strfreev(rerun->plans);
}
