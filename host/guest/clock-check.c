// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * While the host holds the guest, the guest's clock may stand still or may count that time; both
 * are seen in the field. It may do nothing else. The guest reads its clock before it asks the host
 * for the time and after it has the answer. At the moment of the answer its clock was between the
 * two. No speed of the host is assumed.
 */
#include "guest/clock-check.h"
#include "util/text.h"

/* NTP slews CLOCK_MONOTONIC by up to 500 ppm (adjtimex(2)), but not a guest's clock. */
#define MOST_SLEW_PPM 500
/*
 * QEMU and KVM read the clock a few instructions before the moment that the runner is told of. A
 * broken clock is wrong by much more: by the time that an action takes.
 */
#define ROUNDING_NS 100000

struct host_moment {
	gint64 monotonic;
	gint64 pause_min, pause_max;
};

struct mark {
	gint64 before, after; /* the guest's clock around the moment */
	struct host_moment host;
};

/* Two marks are kept: the first one shows errors that grow slowly, the last one shows jumps. */
struct clock_history {
	struct mark first, last;
	struct story_clock *told; /* or NULL */
};

struct clock_check {
	GHashTable *moments; /* sequence -> struct host_moment */
	GHashTable *clocks;  /* "NAME on cpu N" -> struct clock_history */
	struct story *story; /* or NULL */
	gint64 began;
};

struct clock_check *clock_check_new(struct story *story, gint64 began)
{
	struct clock_check *check = g_new0(struct clock_check, 1);

	check->story = story;
	check->began = began;
	check->moments = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	check->clocks = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return check;
}

void clock_check_free(struct clock_check *check)
{
	g_hash_table_unref(check->moments);
	g_hash_table_unref(check->clocks);
	g_free(check);
}

void clock_check_answered(struct clock_check *check, guint64 sequence, gint64 monotonic,
			  gint64 pause_min, gint64 pause_max)
{
	struct host_moment *moment = g_new(struct host_moment, 1);

	*moment = (struct host_moment){ monotonic, pause_min, pause_max };
	g_hash_table_replace(check->moments, g_memdup2(&sequence, sizeof(sequence)), moment);
}

gint64 clock_check_answered_at(const struct clock_check *check, guint64 sequence)
{
	const struct host_moment *moment = g_hash_table_lookup(check->moments, &sequence);

	return moment ? moment->monotonic : -1;
}

static char *compare(const char *clock, const struct mark *from, const struct mark *to,
		     unsigned line)
{
	gint64 host = to->host.monotonic - from->host.monotonic;
	gint64 pause = to->host.pause_max - from->host.pause_max;
	gint64 tolerance = host / 1000000 * MOST_SLEW_PPM + ROUNDING_NS;
	gint64 least = to->before - from->after;
	gint64 most = to->after - from->before;

	if (least > host + tolerance)
		return g_strdup_printf("%s ran ahead: at least %" G_GINT64_FORMAT
				       " ns passed on it, %" G_GINT64_FORMAT
				       " ns on the host (console line %u)",
				       clock, least, host, line);
	if (most < host - pause - tolerance)
		return g_strdup_printf(
			"%s fell behind: at most %" G_GINT64_FORMAT
			" ns passed on it, %" G_GINT64_FORMAT
			" ns on the host, which held the guest for at most %" G_GINT64_FORMAT
			" ns of them (console line %u)",
			clock, most, host, pause, line);
	return NULL;
}

static void tell(const struct clock_check *check, const struct clock_history *history,
		 const struct mark *mark)
{
	const struct mark *first = &history->first;
	gint64 host = mark->host.monotonic - first->host.monotonic;
	struct clock_point point = {
		.at_ns = MAX(0, mark->host.monotonic - check->began),
		.least_ns = mark->before - first->after - host,
		.most_ns = mark->after - first->before - host,
		.held_ns = mark->host.pause_max - first->host.pause_max,
	};

	if (history->told)
		story_add_point(history->told, &point);
}

char *clock_check_mark(struct clock_check *check, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "name");
	const char *clock = machine_line_value(line, "clock");
	gint64 answer = machine_line_number(line, "answer", -1);
	struct clock_history *history;
	struct host_moment *moment;
	struct mark mark;
	char *problem, *key;

	if (g_strcmp0(name, "clock") || !clock)
		return NULL;
	moment = g_hash_table_lookup(check->moments, &answer);
	if (!moment)
		return g_strdup_printf("clock mark refers to answer %" G_GINT64_FORMAT
				       ", which was never given (console line %u)",
				       answer, line->line);
	mark.before = machine_line_number(line, "before", 0);
	mark.after = machine_line_number(line, "after", 0);
	mark.host = *moment;

	key = g_strdup_printf("%s on CPU %" G_GINT64_FORMAT, clock,
			      machine_line_number(line, "cpu", 0));
	history = g_hash_table_lookup(check->clocks, key);
	if (!history) {
		history = g_new(struct clock_history, 1);
		history->first = history->last = mark;
		history->told = check->story ? story_add_clock(check->story, key) : NULL;
		tell(check, history, &mark);
		g_hash_table_insert(check->clocks, key, history);
		return NULL;
	}
	problem = compare(key, &history->last, &mark, line->line);
	if (!problem)
		problem = compare(key, &history->first, &mark, line->line);
	history->last = mark;
	tell(check, history, &mark);
	g_free(key);
	return problem;
}
