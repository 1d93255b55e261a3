// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Parses lines of the control protocol, by which the runner and ferry-vmm talk
 * (docs/native-vmm.md). See channel.h.
 */
#include <string.h>

#include "util/text.h"
#include "vmm/native/channel.h"

void native_line_clear(struct native_line *line)
{
	g_clear_pointer(&line->word, g_free);
	g_clear_pointer(&line->name, g_free);
	g_clear_pointer(&line->values, g_hash_table_unref);
}

guint64 native_line_number(GHashTable *values, const char *key)
{
	const char *text = g_hash_table_lookup(values, key);
	gint64 number;

	return text && text_number(text, 0, G_MAXINT64, &number) ? number : 0;
}

static gboolean read_values(struct native_line *line, char **words)
{
	for (; *words; words++) {
		char *equals = strchr(*words, '=');

		if (!equals || equals == *words)
			return FALSE;
		g_hash_table_replace(line->values, g_strndup(*words, equals - *words),
				     g_strdup(equals + 1));
	}
	return TRUE;
}

static gboolean read_words(struct native_line *line, char **words)
{
	gint64 number;

	line->word = g_strdup(*words++);
	if (g_str_equal(line->word, "ok") || g_str_equal(line->word, "error")) {
		if (!*words || !text_number(*words++, 1, G_MAXINT64, &number))
			return FALSE;
		line->number = number;
	} else if (g_str_equal(line->word, "event")) {
		if (!*words)
			return FALSE;
		line->name = g_strdup(*words++);
	} else if (!g_str_equal(line->word, "hello") && !g_str_equal(line->word, "failed") &&
		   !g_str_equal(line->word, "figures")) {
		return FALSE;
	}
	return read_values(line, words);
}

gboolean native_line_read(struct native_line *line, const char *text)
{
	g_auto(GStrv) words = NULL;

	*line = (struct native_line){
		.values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
	};
	/* As in a shell, a value in double quotes may contain spaces. */
	if (g_utf8_validate(text, -1, NULL) && g_shell_parse_argv(text, NULL, &words, NULL) &&
	    read_words(line, words))
		return TRUE;
	native_line_clear(line);
	return FALSE;
}
