// SPDX-License-Identifier: GPL-2.0-or-later
/* How far a run is, in words. See progress.h. */
#include "report/progress.h"
#include "util/text.h"

#define PLAIN_SECONDS 60

struct running {
	const struct test_case *test_case;
	gint64 began; /* monotonic time */
	char *doing;  /* or NULL */
};

struct progress {
	guint cases, done;
	gint64 began;			 /* monotonic time */
	GQueue *running;		 /* of struct running, in the order in which they started */
	const struct forecast *forecast; /* or NULL */
	void (*show)(void *data);
	void *data;
	guint timer;
};

static unsigned plain_seconds = PLAIN_SECONDS;

void progress_set_interval(unsigned seconds)
{
	plain_seconds = seconds;
}

static gboolean on_timer(gpointer data)
{
	struct progress *progress = data;

	progress->show(progress->data);
	return G_SOURCE_CONTINUE;
}

struct progress *progress_new(guint cases, gboolean live, void (*show)(void *data), void *data)
{
	struct progress *progress = g_new0(struct progress, 1);
	unsigned seconds = live ? 1 : plain_seconds;

	progress->cases = cases;
	progress->began = g_get_monotonic_time();
	progress->running = g_queue_new();
	progress->show = show;
	progress->data = data;
	if (seconds)
		progress->timer = g_timeout_add_seconds(seconds, on_timer, progress);
	return progress;
}

static void running_free(struct running *running)
{
	g_free(running->doing);
	g_free(running);
}

void progress_free(struct progress *progress)
{
	if (progress->timer)
		g_source_remove(progress->timer);
	g_queue_free_full(progress->running, (GDestroyNotify)running_free);
	g_free(progress);
}

void progress_set_forecast(struct progress *progress, const struct forecast *forecast)
{
	progress->forecast = forecast;
}

static struct running *find_running(struct progress *progress, const struct test_case *test_case)
{
	for (GList *link = progress->running->head; link; link = link->next) {
		struct running *running = link->data;

		if (running->test_case == test_case)
			return running;
	}
	return NULL;
}

void progress_started(struct progress *progress, const struct test_case *test_case)
{
	struct running *running = find_running(progress, test_case);

	/* A case that is tried again begins anew. */
	if (!running) {
		running = g_new0(struct running, 1);
		running->test_case = test_case;
		g_queue_push_tail(progress->running, running);
	}
	running->began = g_get_monotonic_time();
	g_clear_pointer(&running->doing, g_free);
}

void progress_doing(struct progress *progress, const struct test_case *test_case, const char *doing)
{
	struct running *running = find_running(progress, test_case);

	if (!running)
		return;
	g_free(running->doing);
	running->doing = g_strdup(doing);
}

void progress_ended(struct progress *progress, const struct test_case *test_case)
{
	struct running *running = find_running(progress, test_case);

	progress->done++;
	if (!running)
		return;
	g_queue_remove(progress->running, running);
	running_free(running);
}

/* ---- words ---- */

static double seconds_since(gint64 time)
{
	return (double)(g_get_monotonic_time() - time) / G_USEC_PER_SEC;
}

/* ", about 4 min left" */
static void add_left(GString *text, const struct progress *progress)
{
	const struct forecast *forecast = progress->forecast;
	double seconds = forecast ? forecast->seconds_left(forecast->data) : 0;
	g_autofree char *left = NULL;

	if (!seconds)
		return;
	/* The forecast is not exact to the second. */
	if (seconds < 60)
		seconds = ((guint)(seconds / 10) + 1) * 10;
	left = text_rough_duration(seconds);
	g_string_append_printf(text, ", about %s left", left);
}

/* "svm_state_up/precopy 31 of 45 s" */
static void add_running(GString *text, const struct progress *progress,
			const struct running *running)
{
	const struct forecast *forecast = progress->forecast;

	g_string_append_printf(text, "%s %.0f", running->test_case->name,
			       seconds_since(running->began));
	if (forecast)
		g_string_append_printf(
			text, " of %.0f",
			MAX(1, forecast->case_seconds(forecast->data, running->test_case)));
	g_string_append(text, " s");
}

/* What goes on, in parts with ", " between them. */
static void add_all_running(GString *text, const struct progress *progress, gboolean with_doing)
{
	const struct forecast *forecast = progress->forecast;
	gsize before = text->len;

	for (GList *link = progress->running->head; link; link = link->next) {
		const struct running *running = link->data;

		if (link->prev)
			g_string_append(text, ", ");
		add_running(text, progress, running);
		if (with_doing && running->doing)
			g_string_append_printf(text, ": %s", running->doing);
	}
	if (forecast) {
		g_autoptr(GString) others = g_string_new(NULL);

		forecast->describe(forecast->data, others);
		if (others->len)
			g_string_append_printf(text, "%s%s", text->len > before ? ", " : "",
					       others->str);
	}
}

char *progress_live_line(struct progress *progress)
{
	GString *text = g_string_new(NULL);
	gsize before;

	g_string_append_printf(text, "[%u/%u", progress->done, progress->cases);
	add_left(text, progress);
	g_string_append(text, "] ");
	before = text->len;
	add_all_running(text, progress, TRUE);
	return g_string_free(text, text->len == before);
}

char *progress_plain_line(struct progress *progress)
{
	g_autofree char *passed = text_rough_duration(seconds_since(progress->began));
	GString *text = g_string_new(NULL);
	gsize before;

	g_string_append_printf(text, "after %s: %u of %u case%s", passed, progress->done,
			       progress->cases, progress->cases == 1 ? "" : "s");
	add_left(text, progress);
	g_string_append(text, "; running: ");
	before = text->len;
	add_all_running(text, progress, FALSE);
	if (text->len == before)
		g_string_append(text, "nothing");
	return g_string_free(text, FALSE);
}
