// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads the syntax of a unittests.cfg (kvm-unit-tests' docs/unittests.md): stanzas in brackets,
 * `key = value` lines, comments after '#', and values over several lines between triple quotes.
 */
#include <string.h>

#include "suite/config-file.h"

/* ---- complaints ---- */

struct complaint {
	unsigned line;
	char *text;
};

static void complaint_free(struct complaint *complaint)
{
	g_free(complaint->text);
	g_free(complaint);
}

struct complaints *complaints_new(const char *path)
{
	struct complaints *complaints = g_new0(struct complaints, 1);

	complaints->path = path;
	complaints->list = g_ptr_array_new_with_free_func((GDestroyNotify)complaint_free);
	return complaints;
}

void complaints_free(struct complaints *complaints)
{
	g_ptr_array_unref(complaints->list);
	g_free(complaints);
}

static gboolean is_same(gconstpointer a, gconstpointer b)
{
	const struct complaint *first = a, *second = b;

	return first->line == second->line && g_str_equal(first->text, second->text);
}

void complain(struct complaints *complaints, unsigned line, const char *format, ...)
{
	struct complaint *complaint = g_new0(struct complaint, 1);
	va_list arguments;

	complaint->line = line;
	va_start(arguments, format);
	complaint->text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	if (g_ptr_array_find_with_equal_func(complaints->list, complaint, is_same, NULL))
		complaint_free(complaint);
	else
		g_ptr_array_add(complaints->list, complaint);
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
	const struct complaint *first = *(struct complaint *const *)a;
	const struct complaint *second = *(struct complaint *const *)b;

	return (first->line > second->line) - (first->line < second->line);
}

char *complaints_text(const struct complaints *complaints)
{
	GString *text = g_string_new(NULL);

	/* The sort is stable: complaints about one line keep their order. */
	g_ptr_array_sort(complaints->list, compare_lines);
	for (guint i = 0; i < complaints->list->len; i++) {
		const struct complaint *complaint = complaints->list->pdata[i];

		g_string_append_printf(text, "%s%s:%u: %s", i ? "\n" : "", complaints->path,
				       complaint->line, complaint->text);
	}
	return g_string_free(text, !text->len);
}

/* ---- stanzas ---- */

struct reader {
	char **lines;
	guint next; /* index of the next line */
	struct complaints *complaints;
	GPtrArray *stanzas;
};

static void assignment_free(struct assignment *assignment)
{
	g_free(assignment->name);
	g_free(assignment->value);
	g_free(assignment);
}

static void stanza_free(struct stanza *stanza)
{
	g_ptr_array_unref(stanza->assignments);
	g_free(stanza->name);
	g_free(stanza);
}

static struct stanza *last_stanza(struct reader *reader)
{
	return reader->stanzas->pdata[reader->stanzas->len - 1];
}

static void begin_stanza(struct reader *reader, const char *name, unsigned line)
{
	struct stanza *stanza = g_new0(struct stanza, 1);

	if (reader->stanzas->len)
		last_stanza(reader)->end = line;
	stanza->name = g_strdup(name);
	stanza->line = line;
	stanza->assignments = g_ptr_array_new_with_free_func((GDestroyNotify)assignment_free);
	g_ptr_array_add(reader->stanzas, stanza);
}

/* Reads a value that began with """ on line LINE. FIRST is what follows there. */
static char *read_quoted(struct reader *reader, const char *first, unsigned line)
{
	const char *closed = strstr(first, "\"\"\"");
	GString *value;

	if (closed)
		return g_strndup(first, closed - first);
	value = g_string_new(first);
	for (; reader->lines[reader->next]; reader->next++) {
		const char *text = reader->lines[reader->next];
		const char *end = strstr(text, "\"\"\"");

		/* A backslash at the end of a line joins it with the next. */
		if (value->len && value->str[value->len - 1] == '\\')
			g_string_truncate(value, value->len - 1);
		else
			g_string_append_c(value, '\n');
		if (end) {
			g_string_append_len(value, text, end - text);
			reader->next++;
			return g_string_free(value, FALSE);
		}
		g_string_append(value, text);
	}
	complain(reader->complaints, line, "\"\"\" is never closed");
	return g_string_free(value, FALSE);
}

static void read_assignment(struct reader *reader, char *text, unsigned line)
{
	char *equals = strchr(text, '=');
	struct assignment *assignment;
	const char *value;

	if (!equals) {
		complain(reader->complaints, line, "'%s' is neither [NAME] nor KEY = VALUE", text);
		return;
	}
	*equals = '\0';
	value = g_strstrip(equals + 1);
	assignment = g_new0(struct assignment, 1);
	assignment->name = g_strdup(g_strstrip(text));
	if (g_str_has_prefix(value, "\"\"\""))
		assignment->value = read_quoted(reader, value + 3, line);
	else
		assignment->value = g_strdup(value);
	/* Complaints about it name the line where its value ends. */
	assignment->line = reader->next;
	g_ptr_array_add(last_stanza(reader)->assignments, assignment);
}

GPtrArray *config_file_read(const char *text, struct complaints *complaints)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	struct reader reader = {
		.lines = lines,
		.complaints = complaints,
		.stanzas = g_ptr_array_new_with_free_func((GDestroyNotify)stanza_free),
	};

	begin_stanza(&reader, NULL, 0);
	while (lines[reader.next]) {
		g_autofree char *line = g_strdup(lines[reader.next++]);
		char *stripped = g_strstrip(line);
		size_t length = strlen(stripped);
		unsigned number = reader.next;

		if (!length || stripped[0] == '#')
			continue;
		if (stripped[0] == '[' && stripped[length - 1] == ']') {
			stripped[length - 1] = '\0';
			begin_stanza(&reader, stripped + 1, number);
		} else {
			read_assignment(&reader, stripped, number);
		}
	}
	last_stanza(&reader)->end = reader.next;
	return reader.stanzas;
}
