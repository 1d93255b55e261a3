// SPDX-License-Identifier: GPL-2.0-or-later
/* The runner's side of docs/protocol.md. */
#define _GNU_SOURCE /* memmem() */
#include <string.h>

#include "guest/console.h"
#include "util/text.h"

/* Longer lines are cut, so that a guest that floods does not fill our memory. */
#define LONGEST_LINE 65536

/* The first bytes of a boot. */
#define FIRST_BYTES "@1+0 hello"

struct console {
	const struct console_listener *listener;
	void *data;
	GString *line;
	guint64 bytes;	    /* received so far */
	guint64 line_start; /* bytes before the line being received */
	guint64 boot_start; /* bytes before the boot's `hello` */
	guint64 sequence;   /* of the last machine line; 0 before `hello` */
	unsigned number;    /* of the last whole line */
	gboolean boot_expected;
	char *last_line;
};

const char *machine_line_value(const struct machine_line *line, const char *key)
{
	return g_hash_table_lookup(line->values, key);
}

gint64 machine_line_number(const struct machine_line *line, const char *key, gint64 otherwise)
{
	const char *value = machine_line_value(line, key);
	char *end;
	gint64 number;

	if (!value || !*value)
		return otherwise;
	number = g_ascii_strtoll(value, &end, 0);
	return *end ? otherwise : number;
}

/*
 * Where a CPU begins after a reset (Intel SDM volume 3, "First Instruction Executed"). No program
 * has code there, so a vCPU that is there after an action has the registers of a new one.
 */
#define RESET_RIP 0xfff0

char *machine_line_exception(const struct machine_line *line)
{
	const char *rip = machine_line_value(line, "rip");
	gboolean like_new = machine_line_number(line, "rip", -1) == RESET_RIP;

	return g_strdup_printf(
		"unexpected exception %" G_GINT64_FORMAT " at %s%s",
		machine_line_number(line, "vector", -1), rip ? rip : "?",
		like_new ? " (where a CPU begins after a reset: were its registers restored?)"
			 : "");
}

static G_GNUC_PRINTF(2, 3) void violation(struct console *console, const char *format, ...)
{
	g_autofree char *detail = NULL, *problem = NULL;
	va_list arguments;

	va_start(arguments, format);
	detail = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	problem = g_strdup_printf("console line %u: %s", console->number, detail);
	console->listener->violation(console->data, problem);
}

/* Reads a word, or a string in double quotes, at *TEXT, and sets *TEXT to what follows. */
static char *read_value(const char **text)
{
	const char *start = *text;
	gsize length;

	if (*start == '"') {
		start++;
		length = strcspn(start, "\"");
		if (start[length] != '"')
			return NULL;
		*text = start + length + 1;
	} else {
		length = strcspn(start, " ");
		if (!length)
			return NULL;
		*text = start + length;
	}
	return g_strndup(start, length);
}

static gboolean read_pairs(const char *text, GHashTable *values)
{
	while (*text) {
		const char *equals;
		char *key, *value;

		if (*text != ' ')
			return FALSE;
		text++;
		equals = text + strcspn(text, " =");
		if (*equals != '=' || equals == text)
			return FALSE;
		key = g_strndup(text, equals - text);
		text = equals + 1;
		value = read_value(&text);
		if (!value) {
			g_free(key);
			return FALSE;
		}
		g_hash_table_replace(values, key, value);
	}
	return TRUE;
}

/* "@SEQUENCE+OFFSET VERB": FALSE if TEXT does not begin like that. */
static gboolean read_head(const char **text, guint64 *sequence, guint64 *offset, char **verb)
{
	const char *next = *text + 1;
	gsize length;
	char *end;

	if (!g_ascii_isdigit(*next))
		return FALSE;
	*sequence = g_ascii_strtoull(next, &end, 10);
	if (*end != '+' || !g_ascii_isdigit(end[1]))
		return FALSE;
	*offset = g_ascii_strtoull(end + 1, &end, 10);
	if (*end != ' ')
		return FALSE;
	length = strspn(end + 1, "abcdefghijklmnopqrstuvwxyz-");
	if (!length)
		return FALSE;
	*verb = g_strndup(end + 1, length);
	*text = end + 1 + length;
	return TRUE;
}

/*
 * Compares both counters with what came. After a complaint they are set to the guest's, so that one
 * loss is reported once.
 */
static void check_counters(struct console *console, guint64 sequence, guint64 offset)
{
	guint64 received = console->line_start - console->boot_start;

	if (sequence != console->sequence + 1) {
		if (sequence <= console->sequence)
			violation(console,
				  "machine line %" G_GUINT64_FORMAT
				  " came again after %" G_GUINT64_FORMAT,
				  sequence, console->sequence);
		else
			violation(console,
				  "machine line %" G_GUINT64_FORMAT " follows %" G_GUINT64_FORMAT
				  ": %" G_GUINT64_FORMAT " lost",
				  sequence, console->sequence, sequence - console->sequence - 1);
	} else if (offset > received) {
		violation(console,
			  "the guest had sent %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
			  " came: %" G_GUINT64_FORMAT " lost",
			  offset, received, offset - received);
	} else if (offset < received) {
		violation(console,
			  "the guest had sent %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
			  " came: %" G_GUINT64_FORMAT " too many",
			  offset, received, received - offset);
	}
	console->sequence = sequence;
	/* After a loss this may wrap. That is harmless, since it is only used in a difference. */
	console->boot_start = console->line_start - offset;
}

/* A machine line holds text only. A NUL would end the C string early. */
static gboolean is_text(const GString *line)
{
	for (gsize i = 0; i < line->len; i++)
		if (g_ascii_iscntrl(line->str[i]))
			return FALSE;
	return g_utf8_validate(line->str, line->len, NULL);
}

static gboolean handle_machine(struct console *console, const char *text)
{
	g_autofree char *verb = NULL;
	g_autoptr(GHashTable) values = NULL;
	struct machine_line line = { .line = console->number };
	guint64 offset;

	if (!read_head(&text, &line.sequence, &offset, &verb))
		return FALSE;
	values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (!read_pairs(text, values))
		return FALSE;
	if (g_str_equal(verb, "hello")) {
		/* A boot begins: its counters start here. */
		if (line.sequence != 1 || offset)
			violation(console, "a hello that is not machine line 1 at byte 0");
		else if (console->sequence && !console->boot_expected)
			violation(console, "the guest boots again, and nobody has reset it");
		console->boot_expected = FALSE;
		console->boot_start = console->line_start;
		console->sequence = line.sequence;
	} else if (!console->sequence) {
		return FALSE; /* not a guest of ours */
	} else {
		check_counters(console, line.sequence, offset);
	}
	line.verb = verb;
	line.values = values;
	console->listener->machine(console->data, &line);
	return TRUE;
}

static enum human_line classify(const char *text)
{
	static const struct {
		const char *prefix;
		enum human_line kind;
	} prefixes[] = {
		{ "PASS: ", HUMAN_PASS },   { "FAIL: ", HUMAN_FAIL },
		{ "SKIP: ", HUMAN_SKIP },   { "XFAIL: ", HUMAN_XFAIL },
		{ "XPASS: ", HUMAN_XPASS }, { "SUMMARY: ", HUMAN_SUMMARY },
		{ "STACK: ", HUMAN_STACK }, { "ABORT: ", HUMAN_ABORT },
	};

	/* kvm-unit-tests indents its backtraces. */
	while (*text == '\t')
		text++;
	for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
		if (g_str_has_prefix(text, prefixes[i].prefix))
			return prefixes[i].kind;
	return HUMAN_OTHER;
}

static void handle_sentence(struct console *console, const char *text)
{
	static const struct {
		const char *phrase;
		enum sentence sentence;
	} phrases[] = {
		{ "Now migrate the VM", SENTENCE_MIGRATE },
		{ "Begin continuous migration", SENTENCE_BEGIN },
		{ "End continuous migration", SENTENCE_END },
		{ "Skipped VM migration", SENTENCE_SKIPPED },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(phrases); i++)
		if (strstr(text, phrases[i].phrase)) {
			console->listener->sentence(console->data, phrases[i].sentence);
			return;
		}
}

/*
 * A reset may cut a line off. The first line of the next boot then follows on the same line. The
 * part that was cut off is ignored.
 */
static void drop_cut_line(struct console *console)
{
	GString *line = console->line;
	const char *boot = memmem(line->str, line->len, FIRST_BYTES, strlen(FIRST_BYTES));
	gsize cut = boot ? boot - line->str : 0;

	g_string_erase(line, 0, cut);
	console->line_start += cut;
}

/* A machine line that is not WHOLE was cut by the end of the VM, which has a reason of its own. */
static void handle_line(struct console *console, gboolean whole)
{
	GString *line = console->line;
	char *text;

	console->number++;
	if (console->boot_expected)
		drop_cut_line(console);
	text = line->str;
	while (line->len && text[line->len - 1] == '\r')
		g_string_truncate(line, line->len - 1);
	if (line->len) {
		g_free(console->last_line);
		console->last_line = text_printable(line->str, line->len);
	}
	if (console->listener->line)
		console->listener->line(console->data, line->str, line->len, console->number);
	if (text[0] == '@' && is_text(line) && handle_machine(console, text))
		return;
	if (text[0] == '@' && console->sequence && whole) {
		g_autofree char *shown = text_printable(line->str, line->len);

		violation(console, "a damaged machine line: %s", shown);
		return;
	}
	console->listener->human(console->data, classify(text), text, console->number);
	handle_sentence(console, text);
}

void console_feed(struct console *console, const char *bytes, gsize length)
{
	const char *end = bytes + length;

	while (bytes < end) {
		const char *newline = memchr(bytes, '\n', end - bytes);
		gsize piece = (newline ? newline : end) - bytes;
		gsize room = LONGEST_LINE - MIN(console->line->len, LONGEST_LINE);

		g_string_append_len(console->line, bytes, MIN(piece, room));
		console->bytes += piece;
		bytes += piece;
		if (newline) {
			console->bytes++;
			bytes++;
			handle_line(console, TRUE);
			g_string_truncate(console->line, 0);
			console->line_start = console->bytes;
		}
	}
}

void console_expect_boot(struct console *console)
{
	console->boot_expected = TRUE;
}

void console_end(struct console *console)
{
	if (console->line->len)
		handle_line(console, FALSE);
	g_string_truncate(console->line, 0);
}

gboolean console_speaks_protocol(const struct console *console)
{
	return console->sequence > 0;
}

guint64 console_bytes(const struct console *console)
{
	return console->bytes;
}

const char *console_last_line(const struct console *console)
{
	return console->last_line ? console->last_line : "";
}

struct console *console_new(const struct console_listener *listener, void *data)
{
	struct console *console = g_new0(struct console, 1);

	console->listener = listener;
	console->data = data;
	console->line = g_string_new(NULL);
	return console;
}

struct console *console_copy(const struct console *console, const struct console_listener *listener,
			     void *data)
{
	struct console *copy = g_new(struct console, 1);

	*copy = *console;
	copy->listener = listener;
	copy->data = data;
	copy->line = g_string_new_len(console->line->str, console->line->len);
	copy->last_line = g_strdup(console->last_line);
	return copy;
}

void console_free(struct console *console)
{
	g_string_free(console->line, TRUE);
	g_free(console->last_line);
	g_free(console);
}
