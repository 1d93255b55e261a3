// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest tells times by its own clock, and two moments of the host's: when it began to count,
 * and when it wrote the mark. Less may have passed for the guest in between, since its clock may
 * stand still while the host holds it. What is missing is laid into the downtimes. See
 * timer-marks.h.
 */
#include "guest/timer-marks.h"
#include "report/action-stats.h"

/* A day. Guests run for minutes, and sums of such times have room. */
#define LONGEST_NS (86400 * G_GINT64_CONSTANT(1000000000))

/* How the guest's clock lies on the case's time, ns. */
struct ruler {
	gint64 from;	/* since the case began: the guest's 0 */
	gint64 to, now; /* the same of the end, and what the guest's clock said then */
	gint64 held;	/* the guest's clock stood still for so long */
	gint64 pauses;	/* the downtimes, of which this is a part */
	const GArray *actions;
};

/* When the guest stood still first, since the case began. */
static gint64 stopped_at(const struct action_stats *action)
{
	return action->stopped ? action->at_ns + action->stopped - action->started : action->at_ns;
}

static gboolean is_within(const struct ruler *ruler, const struct action_stats *action)
{
	return stopped_at(action) >= ruler->from && stopped_at(action) <= ruler->to;
}

static void add_up_pauses(struct ruler *ruler)
{
	for (guint i = 0; i < ruler->actions->len; i++) {
		const struct action_stats *action =
			&g_array_index(ruler->actions, struct action_stats, i);

		if (is_within(ruler, action))
			ruler->pauses += action->pause_max_ns;
	}
}

/* TIME is the guest's. */
static gint64 place(const struct ruler *ruler, gint64 time)
{
	gint64 at = ruler->from + time;

	if (!ruler->pauses && ruler->now)
		return ruler->from + time * ((double)(ruler->to - ruler->from) / ruler->now);
	for (guint i = 0; i < ruler->actions->len; i++) {
		const struct action_stats *action =
			&g_array_index(ruler->actions, struct action_stats, i);

		if (is_within(ruler, action) && at >= stopped_at(action))
			at += ruler->held * ((double)action->pause_max_ns / ruler->pauses);
	}
	return at;
}

/* When it is due by the guest's clock: once, or again and again since it was armed. */
static void add_due(struct story_timer *timer, const struct ruler *ruler, gint64 until)
{
	gint64 times = timer->armed_ns ? until / timer->armed_ns : 0;

	if (!timer->is_periodic)
		times = MIN(times, 1);
	for (gint64 i = MAX(1, times - STORY_MOST_DUE + 1); i <= times; i++) {
		gint64 at = place(ruler, i * timer->armed_ns);

		g_array_append_val(timer->due, at);
	}
}

/* From the nearest time when it was due. */
static gint64 distance(const struct story_timer *timer, gint64 time)
{
	gint64 late;

	if (!timer->is_periodic || !timer->armed_ns || time < timer->armed_ns)
		return time - timer->armed_ns;
	late = time % timer->armed_ns;
	return late > timer->armed_ns / 2 ? late - timer->armed_ns : late;
}

/* TEXT is "123,456". */
static void add_firings(struct story_timer *timer, const struct ruler *ruler, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text ? text : "", ",", STORY_MOST_FIRINGS + 1);

	for (guint i = 0; words[i] && i < STORY_MOST_FIRINGS; i++) {
		gint64 time = CLAMP(g_ascii_strtoll(words[i], NULL, 10), 0, LONGEST_NS);
		struct timer_firing firing = { place(ruler, time), distance(timer, time) };

		g_array_append_val(timer->firings, firing);
	}
}

/* A number of the guest's, which may be anything. */
static gint64 time_of(const struct machine_line *line, const char *key)
{
	return CLAMP(machine_line_number(line, key, 0), 0, LONGEST_NS);
}

gboolean timer_marks_add(struct story *story, const struct clock_check *check, gint64 began,
			 const GArray *actions, const struct machine_line *line)
{
	const char *name = machine_line_value(line, "timer");
	gint64 from = clock_check_answered_at(check, machine_line_number(line, "from", 0));
	gint64 to = clock_check_answered_at(check, machine_line_number(line, "to", 0));
	gint64 until = time_of(line, "until");
	struct story_timer *timer;
	g_autofree char *label = NULL;
	struct ruler ruler = {
		.from = from - began,
		.to = to - began,
		.now = time_of(line, "now"),
		.actions = actions,
	};

	if (g_strcmp0(machine_line_value(line, "name"), "timer"))
		return FALSE;
	if (from < 0 || to < from || !name)
		return TRUE;
	ruler.held = MAX(0, to - from - ruler.now);
	add_up_pauses(&ruler);
	label = g_strdup_printf("%s on CPU %" G_GINT64_FORMAT, name,
				machine_line_number(line, "cpu", 0));
	timer = story_add_timer(story, label);
	timer->armed_at_ns = ruler.from;
	timer->armed_ns = time_of(line, "armed");
	timer->is_periodic = machine_line_number(line, "periodic", 0) > 0;
	timer->fired = CLAMP(machine_line_number(line, "fired", 0), 0, G_MAXINT);
	timer->until_ns = place(&ruler, until);
	add_due(timer, &ruler, until);
	add_firings(timer, &ruler, machine_line_value(line, "firings"));
	return TRUE;
}
