// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the user's defaults. See user-config.h. */
#include <string.h>

#include "cli/user-config.h"
#include "suite/config-file.h"
#include "util/text.h"

#define SECTION "run"

/* Each of these is about a single run. As a default it would change what every run does. */
static const char *const never_default[] = { "all",   "budget", "no-config",  "plan",
					     "rerun", "shard",	"until-fail", NULL };

struct reader {
	const GOptionEntry *const *tables;
	struct complaints *complaints;
	GPtrArray *words; /* of a command line */
};

char *user_config_path(void)
{
	return g_build_filename(g_get_user_config_dir(), "ferry", "config", NULL);
}

/* Options that only ferry itself gives are hidden. The one without a name is PATTERN. */
static gboolean may_be_key(const GOptionEntry *entry)
{
	return *entry->long_name && !(entry->flags & G_OPTION_FLAG_HIDDEN);
}

static const GOptionEntry *find_entry(const struct reader *reader, const char *name)
{
	for (const GOptionEntry *const *table = reader->tables; *table; table++)
		for (const GOptionEntry *entry = *table; entry->long_name; entry++)
			if (may_be_key(entry) && g_str_equal(entry->long_name, name))
				return entry;
	return NULL;
}

static void complain_unknown(const struct reader *reader, const struct assignment *assignment)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *closest;

	for (const GOptionEntry *const *table = reader->tables; *table; table++)
		for (const GOptionEntry *entry = *table; entry->long_name; entry++)
			if (may_be_key(entry))
				g_ptr_array_add(names, (gpointer)entry->long_name);
	g_ptr_array_add(names, NULL);
	closest = text_closest(assignment->name, (const char *const *)names->pdata);
	if (closest)
		complain(reader->complaints, assignment->line,
			 "unknown key '%s' (did you mean '%s'?)", assignment->name, closest);
	else
		complain(reader->complaints, assignment->line,
			 "unknown key '%s'; the keys are the options that 'ferry run --help' lists",
			 assignment->name);
}

static char *word_with_value(const GOptionEntry *entry, const char *value)
{
	gboolean is_file =
		entry->arg == G_OPTION_ARG_FILENAME || entry->arg == G_OPTION_ARG_FILENAME_ARRAY;

	/* No shell expands the '~' here. */
	if (is_file && g_str_has_prefix(value, "~/"))
		return g_strdup_printf("--%s=%s%s", entry->long_name, g_get_home_dir(), value + 1);
	return g_strdup_printf("--%s=%s", entry->long_name, value);
}

/* Parses WORDS, which the caller keeps. */
static gboolean parse(const struct reader *reader, char **words, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_auto(GStrv) copy = g_strdupv(words);

	g_option_context_set_help_enabled(context, FALSE);
	for (const GOptionEntry *const *table = reader->tables; *table; table++)
		g_option_context_add_main_entries(context, *table, NULL);
	return g_option_context_parse_strv(context, &copy, error);
}

static void read_assignment(const struct reader *reader, const struct assignment *assignment)
{
	const GOptionEntry *entry = find_entry(reader, assignment->name);
	char *words[] = { (char *)"ferry", NULL, NULL };
	g_autoptr(GError) error = NULL;

	if (!entry) {
		complain_unknown(reader, assignment);
		return;
	}
	if (g_strv_contains(never_default, assignment->name)) {
		complain(reader->complaints, assignment->line,
			 "'%s' can be no default; give --%s on the command line", assignment->name,
			 assignment->name);
		return;
	}
	if (entry->arg != G_OPTION_ARG_NONE) {
		words[1] = word_with_value(entry, assignment->value);
	} else if (g_str_equal(assignment->value, "true")) {
		words[1] = g_strdup_printf("--%s", entry->long_name);
	} else {
		if (!g_str_equal(assignment->value, "false"))
			complain(reader->complaints, assignment->line,
				 "'%s' is true or false, not '%s'", assignment->name,
				 assignment->value);
		return;
	}
	g_ptr_array_add(reader->words, words[1]);
	/* Parse it alone, so that a complaint names its line. */
	if (!parse(reader, words, &error))
		complain(reader->complaints, assignment->line, "%s", error->message);
}

static void read_stanza(const struct reader *reader, const struct stanza *stanza)
{
	if (stanza->name && !g_str_equal(stanza->name, SECTION))
		complain(reader->complaints, stanza->line,
			 "unknown section '%s'; there is only [" SECTION "]", stanza->name);
	for (guint i = 0; i < stanza->assignments->len; i++) {
		const struct assignment *assignment = stanza->assignments->pdata[i];

		if (!stanza->name)
			complain(reader->complaints, assignment->line,
				 "'%s' comes before any section; write [" SECTION "] above it",
				 assignment->name);
		else if (g_str_equal(stanza->name, SECTION))
			read_assignment(reader, assignment);
	}
}

/* Reads TEXT, the file PATH. */
static gboolean read_text(const GOptionEntry *const *tables, const char *path, const char *text,
			  GError **error)
{
	struct reader reader = {
		.tables = tables,
		.complaints = complaints_new(path),
		.words = g_ptr_array_new_with_free_func(g_free),
	};
	g_autoptr(GPtrArray) stanzas = config_file_read(text, reader.complaints);
	g_autofree char *problems = NULL;
	gboolean done;

	g_ptr_array_add(reader.words, g_strdup("ferry"));
	for (guint i = 0; i < stanzas->len; i++)
		read_stanza(&reader, stanzas->pdata[i]);
	g_ptr_array_add(reader.words, NULL);
	problems = complaints_text(reader.complaints);
	if (problems)
		g_set_error_literal(error, FERRY_ERROR, 0, problems);
	/* Parse all together, so that the values of a repeated option are joined. */
	done = !problems && parse(&reader, (char **)reader.words->pdata, error);
	complaints_free(reader.complaints);
	g_ptr_array_unref(reader.words);
	return done;
}

gboolean user_config_read(const GOptionEntry *const *tables, GError **error)
{
	g_autofree char *path = user_config_path(), *text = NULL;

	if (g_file_get_contents(path, &text, NULL, error))
		return read_text(tables, path, text, error);
	if (!g_error_matches(*error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return FALSE;
	g_clear_error(error);
	return TRUE;
}
