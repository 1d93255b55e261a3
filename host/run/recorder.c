// SPDX-License-Identifier: GPL-2.0-or-later
/* Keeps lines around failures. See recorder.h. */
#include <stdlib.h>
#include <string.h>

#include "run/recorder.h"
#include "util/text.h"

/* Lines that are kept before a failure, and after it. */
#define LINES_BEFORE 30
#define LINES_AFTER  10
/* When this many bytes are kept, only the last lines are added. */
#define MOST_BYTES (32 << 10)
/* Messages of the VMM's control channel that are kept before the first failure, and after it. */
#define MESSAGES_BEFORE 20
#define MESSAGES_AFTER	10

/* A line that may still turn out to be one before a failure. */
struct recent {
	gint64 at_ns;
	unsigned number;
	GString *bytes; /* as the guest wrote them, but cut */
};

struct recorder {
	gint64 began;			    /* monotonic, us */
	gint64 began_at;		    /* the same moment, CLOCK_REALTIME, us */
	gint64 failed_at_ns;		    /* the first failure; -1: none yet */
	struct recent recent[LINES_BEFORE]; /* a ring */
	guint next, count;
	guint after; /* lines that are still to be kept */
	gsize kept;  /* bytes */
	struct story *story;
};

struct recorder *recorder_new(void)
{
	struct recorder *recorder = g_new0(struct recorder, 1);

	recorder->began = g_get_monotonic_time();
	recorder->began_at = g_get_real_time();
	recorder->failed_at_ns = -1;
	recorder->story = story_new();
	for (guint i = 0; i < LINES_BEFORE; i++)
		recorder->recent[i].bytes = g_string_new(NULL);
	return recorder;
}

void recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return;
	for (guint i = 0; i < LINES_BEFORE; i++)
		g_string_free(recorder->recent[i].bytes, TRUE);
	story_free(recorder->story);
	g_free(recorder);
}

gint64 recorder_now(const struct recorder *recorder)
{
	return (g_get_monotonic_time() - recorder->began) * 1000;
}

struct story *recorder_story(const struct recorder *recorder)
{
	return recorder->story;
}

gint64 recorder_began(const struct recorder *recorder)
{
	return recorder->began * 1000;
}

static void keep(struct recorder *recorder, const struct recent *line)
{
	char *text = text_printable_most(line->bytes->str, line->bytes->len, STORY_LONGEST_LINE);

	recorder->kept += strlen(text);
	story_add_line(recorder->story->console, line->at_ns, line->number, text);
}

/* Keeps the lines of the ring, and empties it. */
static void keep_recent(struct recorder *recorder)
{
	guint first = recorder->next + LINES_BEFORE - recorder->count;

	for (guint i = 0; i < recorder->count; i++)
		keep(recorder, &recorder->recent[(first + i) % LINES_BEFORE]);
	recorder->count = 0;
}

void recorder_line(struct recorder *recorder, const char *bytes, gsize length, unsigned number)
{
	struct recent *line = &recorder->recent[recorder->next];

	line->at_ns = recorder_now(recorder);
	line->number = number;
	g_string_truncate(line->bytes, 0);
	/* One byte more than is printed, so that the text tells that it was cut. */
	g_string_append_len(line->bytes, bytes, MIN(length, STORY_LONGEST_LINE + 1));
	recorder->next = (recorder->next + 1) % LINES_BEFORE;
	recorder->count = MIN(recorder->count + 1, LINES_BEFORE);
	if (!recorder->after)
		return;
	recorder->after--;
	keep_recent(recorder);
}

void recorder_failure(struct recorder *recorder)
{
	GPtrArray *console = recorder->story->console;

	if (recorder->failed_at_ns < 0)
		recorder->failed_at_ns = recorder_now(recorder);
	if (recorder->kept > MOST_BYTES) {
		recorder->after = 0;
		return;
	}
	keep_recent(recorder);
	recorder->after = LINES_AFTER;
	if (console->len)
		((struct story_line *)console->pdata[console->len - 1])->is_cause = TRUE;
}

/* "1795957827.500985 1< TEXT": when that was, in ns since the case began; -1 if LINE is no message.
 */
static gint64 message_time(const struct recorder *recorder, const char *line)
{
	char *end;
	double seconds = g_ascii_strtod(line, &end);

	return *end == ' ' ? (gint64)(seconds * 1e9) - recorder->began_at * 1000 : -1;
}

/* The index of the last of LINES that was written no later than the first failure. */
static guint find_failure(const struct recorder *recorder, char **lines)
{
	guint found = 0;

	for (guint i = 0; lines[i]; i++) {
		gint64 at_ns = message_time(recorder, lines[i]);

		if (at_ns >= 0 && at_ns <= recorder->failed_at_ns)
			found = i;
	}
	return found;
}

static void keep_messages(struct recorder *recorder, const char *transcript)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	guint failure;

	/* The transcript may be a device without an end, such as /dev/full in a test. */
	if (recorder->failed_at_ns < 0 || !g_file_test(transcript, G_FILE_TEST_IS_REGULAR) ||
	    !g_file_get_contents(transcript, &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", -1);
	failure = find_failure(recorder, lines);
	for (guint i = MAX(failure, MESSAGES_BEFORE) - MESSAGES_BEFORE;
	     lines[i] && i <= failure + MESSAGES_AFTER; i++) {
		gint64 at_ns = message_time(recorder, lines[i]);

		if (at_ns < 0)
			continue;
		/* QEMU ends each message with a carriage return, too. */
		story_add_line(recorder->story->control, at_ns, i + 1,
			       text_printable_most(g_strchomp(strchr(lines[i], ' ') + 1), -1,
						   STORY_LONGEST_LINE));
	}
}

struct story *recorder_end(struct recorder *recorder, gboolean red, const char *transcript)
{
	struct story *story = recorder->story;

	if (red) {
		keep_recent(recorder);
		keep_messages(recorder, transcript);
	}
	recorder->story = NULL;
	if (story->console->len || story->control->len || story->clocks->len || story->timers->len)
		return story;
	story_free(story);
	return NULL;
}
