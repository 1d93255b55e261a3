// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads and writes files of records. See records.h. */
#include <string.h>

#include "util/records.h"
#include "util/text.h"

static char *take_line(const char *line, const char *format,
		       char *(*take)(void *data, char **words), void *data)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1), names = g_strsplit(format, " ", -1);
	guint count = g_strv_length(words);

	if (count != g_strv_length(names))
		return g_strdup_printf("%u words, and a line is %s", count, format);
	return take(data, words);
}

gboolean records_read(const char *path, const char *format, char *(*take)(void *data, char **words),
		      void *data, GError **error)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, error))
		return FALSE;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		g_autofree char *problem = NULL;

		if (*lines[i] == '#' || !*g_strstrip(lines[i]))
			continue;
		problem = take_line(lines[i], format, take, data);
		if (!problem)
			continue;
		g_set_error(error, FERRY_ERROR, 0, "%s:%u: %s", path, i + 1, problem);
		return FALSE;
	}
	return TRUE;
}

static gboolean same_group(const char *a, const char *b, const char *ends)
{
	gsize length = strcspn(a, ends);

	return length == strcspn(b, ends) && !strncmp(a, b, length);
}

gboolean records_write(const char *path, const char *head, const GPtrArray *lines,
		       const char *group_ends, GError **error)
{
	g_autoptr(GString) text = g_string_new(head);
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	const char *above = NULL;

	for (guint i = 0; i < lines->len; i++)
		g_ptr_array_add(sorted, lines->pdata[i]);
	/* A space sorts before all that words are made of, so this sorts word by word. */
	g_ptr_array_sort(sorted, text_compare);
	for (guint i = 0; i < sorted->len; i++) {
		const char *line = sorted->pdata[i];

		if (!above || !same_group(above, line, group_ends))
			g_string_append_c(text, '\n');
		g_string_append_printf(text, "%s\n", line);
		above = line;
	}
	return g_file_set_contents_full(path, text->str, text->len, G_FILE_SET_CONTENTS_CONSISTENT,
					0644, error);
}

char *record_word(const char *what, const char *word, const char *const *words, guint *index)
{
	g_autofree char *suggestion = NULL;

	for (guint i = 0; words[i]; i++)
		if (g_str_equal(words[i], word)) {
			*index = i;
			return NULL;
		}
	suggestion = text_suggest(word, words);
	return g_strdup_printf("unknown %s '%s'%s", what, word, suggestion);
}

char *record_seconds(const char *word, double *seconds)
{
	char *end;

	*seconds = g_ascii_strtod(word, &end);
	if (g_ascii_isdigit(*word) && !*end && *seconds < G_MAXINT)
		return NULL;
	return g_strdup_printf("'%s' is no number of seconds", word);
}
