// SPDX-License-Identifier: GPL-2.0-or-later
/* Small helpers for messages that people read. */
#include <string.h>

#include "util/text.h"

/* Longer names are not compared. No key, plan or need is that long. */
#define LONGEST_COMPARED 40
/* Two words are close if at most this many letters differ. */
#define MOST_TYPOS	2
#define LONGEST_PRINTED 200

G_DEFINE_QUARK(ferry - error, ferry_error)

/* Levenshtein distance: insertions, deletions and replacements that turn A into B. */
static unsigned edit_distance(const char *a, const char *b)
{
	unsigned row[LONGEST_COMPARED + 1];
	size_t length_a = strlen(a), length_b = strlen(b);

	if (length_a > LONGEST_COMPARED || length_b > LONGEST_COMPARED)
		return G_MAXUINT;
	for (size_t j = 0; j <= length_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			unsigned above = row[j];
			unsigned replace = diagonal + (a[i - 1] != b[j - 1]);

			row[j] = MIN(replace, MIN(above, row[j - 1]) + 1);
			diagonal = above;
		}
	}
	return row[length_b];
}

const char *text_closest(const char *word, const char *const *choices)
{
	const char *closest = NULL;
	unsigned best = MOST_TYPOS + 1;

	for (; *choices; choices++) {
		unsigned distance = edit_distance(word, *choices);

		if (distance < best) {
			best = distance;
			closest = *choices;
		}
	}
	return closest;
}

char *text_suggest(const char *word, const char *const *choices)
{
	const char *closest = text_closest(word, choices);
	g_autofree char *all = NULL;

	if (closest)
		return g_strdup_printf(" (did you mean '%s'?)", closest);
	all = g_strjoinv(", ", (char **)choices);
	return g_strdup_printf("; known: %s", all);
}

char *text_printable_most(const char *bytes, gssize length, gsize most)
{
	GString *text = g_string_new(NULL);
	const char *end;

	if (length < 0)
		length = strlen(bytes);
	end = bytes + length;
	while (bytes < end) {
		gunichar c = g_utf8_get_char_validated(bytes, end - bytes);

		if (text->len >= most) {
			g_string_append(text, "...");
			break;
		}
		/* Older GLibs report a NUL inside the range as an invalid character. */
		if (c == (gunichar)-1 || c == (gunichar)-2 || !g_unichar_isprint(c)) {
			g_string_append_printf(text, "\\x%02x", (unsigned char)*bytes);
			bytes++;
		} else {
			g_string_append_unichar(text, c);
			bytes = g_utf8_next_char(bytes);
		}
	}
	return g_string_free(text, FALSE);
}

char *text_printable(const char *bytes, gssize length)
{
	return text_printable_most(bytes, length, LONGEST_PRINTED);
}

char *text_duration(gint64 nanoseconds)
{
	double value = nanoseconds;

	if (value >= 1e9)
		return g_strdup_printf("%.2f s", value / 1e9);
	if (value >= 1e6)
		return g_strdup_printf("%.1f ms", value / 1e6);
	return g_strdup_printf("%.0f us", value / 1e3);
}

char *text_rough_duration(double seconds)
{
	guint64 minutes = seconds / 60 + 0.5;

	if (seconds < 59.5)
		return g_strdup_printf("%.0f s", seconds);
	if (minutes < 60)
		return g_strdup_printf("%" G_GUINT64_FORMAT " min", minutes);
	return g_strdup_printf("%" G_GUINT64_FORMAT " h %" G_GUINT64_FORMAT " min", minutes / 60,
			       minutes % 60);
}

char *text_identifier(const char *text)
{
	char *name = g_strdup(text);

	for (char *next = name; *next; next++)
		if (*next == '/')
			*next = '.';
		else if (!g_ascii_isalnum(*next) && *next != '_' && *next != '-')
			*next = '_';
	return name;
}

gboolean text_glob(const char *pattern, const char *name)
{
	return g_pattern_match_simple(pattern, name);
}

gboolean text_glob_any(char **patterns, const char *name)
{
	for (char **pattern = patterns; *pattern; pattern++)
		if (text_glob(*pattern, name))
			return TRUE;
	return FALSE;
}

int text_compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

gboolean text_number(const char *text, gint64 minimum, gint64 maximum, gint64 *number)
{
	return g_ascii_string_to_signed(text, 10, minimum, maximum, number, NULL);
}

void text_add_choice(GString *list, const char *name, gboolean is_last)
{
	if (list->len)
		g_string_append(list, is_last ? " or " : ", ");
	g_string_append(list, name);
}
