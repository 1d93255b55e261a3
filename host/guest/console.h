/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's console as docs/protocol.md defines it: cuts the bytes into lines,
 * recognises human lines, migration sentences and machine lines, and checks that
 * not a byte was lost or doubled.
 */
#ifndef FERRY_HOST_CONSOLE_H
#define FERRY_HOST_CONSOLE_H

#include <glib.h>

struct console;

enum human_line {
	HUMAN_OTHER,
	HUMAN_PASS,
	HUMAN_FAIL,
	HUMAN_SKIP,
	HUMAN_XFAIL,
	HUMAN_XPASS,
	HUMAN_ABORT,
	HUMAN_SUMMARY,
	HUMAN_STACK,
};

enum sentence {
	SENTENCE_MIGRATE,
	SENTENCE_BEGIN,
	SENTENCE_END,
	SENTENCE_SKIPPED,
};

/* A machine line. It and all that it points to are valid only during the listener's call. */
struct machine_line {
	guint64 sequence;
	const char *verb;
	GHashTable *values; /* key -> value, both strings */
	unsigned line;	    /* number in the console log, from 1 */
};

/* Value of KEY, or NULL. */
const char *machine_line_value(const struct machine_line *line, const char *key);
/* Value of KEY as a whole number, or OTHERWISE if it is absent or no number. */
gint64 machine_line_number(const struct machine_line *line, const char *key, gint64 otherwise);

/*
 * What an `exception` line says: "unexpected exception 14 at 0x1234", and a hint if the address
 * tells more. The caller frees it.
 */
char *machine_line_exception(const struct machine_line *line);

struct console_listener {
	/*
	 * Called first, for each line of any kind: LENGTH bytes, printable or not. NUMBER counts
	 * lines from 1. May be NULL.
	 */
	void (*line)(void *data, const char *bytes, gsize length, unsigned number);
	/* TEXT is the whole line, printable or not. NUMBER counts lines from 1. */
	void (*human)(void *data, enum human_line kind, const char *text, unsigned number);
	void (*sentence)(void *data, enum sentence sentence);
	void (*machine)(void *data, const struct machine_line *line);
	/* The guest or an action broke the protocol. PROBLEM is one line that says where. */
	void (*violation)(void *data, const char *problem);
};

struct console *console_new(const struct console_listener *listener, void *data);

/* Returns a second console that has received the same bytes as CONSOLE. */
struct console *console_copy(const struct console *console, const struct console_listener *listener,
			     void *data);

/* Takes bytes from the guest, in the order in which it sent them. */
void console_feed(struct console *console, const char *bytes, gsize length);

/*
 * The machine is being reset: a new boot may begin at any moment, in the middle of a line, too.
 * Until then lines are read as before.
 */
void console_expect_boot(struct console *console);

/* The guest has ended: delivers a last line that has no newline. */
void console_end(struct console *console);

/* Has the guest shown that it speaks machine lines? */
gboolean console_speaks_protocol(const struct console *console);

guint64 console_bytes(const struct console *console);
/* The last line that is not empty, made printable; "" if there was none. Owned by CONSOLE. */
const char *console_last_line(const struct console *console);

void console_free(struct console *console);

#endif
