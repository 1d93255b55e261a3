// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs cases side by side. */
#include <glib-unix.h>
#include <signal.h>

#include "schedule.h"

struct running {
	const struct test_case *test_case;
	struct case_run *run;
	unsigned weight;
};

struct schedule {
	const struct case_settings *settings;
	GArray *reports;
	GMainLoop *loop;
	GQueue *waiting;    /* of struct test_case */
	GPtrArray *running; /* of struct running */
	unsigned free_slots, slots;
	gboolean interrupted;
	struct schedule_outcome outcome;
};

#define TELL(schedule, function, ...)                                                          \
	for (guint i_ = 0; i_ < (schedule)->reports->len; i_++) {                              \
		struct report *report_ = &g_array_index((schedule)->reports, struct report, i_); \
                                                                                               \
		if (report_->reporter->function)                                               \
			report_->reporter->function(report_->data, __VA_ARGS__);               \
	}

static void count(struct schedule *schedule, const struct result *result)
{
	switch (result->verdict) {
	case VERDICT_PASS:
		schedule->outcome.passed++;
		break;
	case VERDICT_SKIP:
		schedule->outcome.skipped++;
		break;
	case VERDICT_FAIL:
	case VERDICT_ERROR:
		schedule->outcome.failed++;
		break;
	}
}

static void skip(struct schedule *schedule, const struct test_case *test_case)
{
	struct result *result = result_new(test_case, schedule->settings->environment);

	result->verdict = VERDICT_SKIP;
	result->reason = g_strdup(test_case->skip_reason);
	count(schedule, result);
	TELL(schedule, ended, result);
	result_free(result);
}

static void fill_slots(struct schedule *schedule);

static void on_ended(void *data, struct result *result)
{
	struct schedule *schedule = data;

	for (guint i = 0; i < schedule->running->len; i++) {
		struct running *running = schedule->running->pdata[i];

		if (running->test_case == result->test_case) {
			schedule->free_slots += running->weight;
			g_ptr_array_remove_index(schedule->running, i);
			break;
		}
	}
	count(schedule, result);
	TELL(schedule, ended, result);
	result_free(result);
	fill_slots(schedule);
}

static void on_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct schedule *schedule = data;

	TELL(schedule, progress, test_case, doing);
}

static const struct case_listener case_listener = {
	.progress = on_progress,
	.ended = on_ended,
};

/* The first waiting case that fits, or NULL. */
static GList *find_fitting(struct schedule *schedule)
{
	for (GList *link = schedule->waiting->head; link; link = link->next) {
		const struct test_case *test_case = link->data;

		if (MIN(test_case->program->smp, schedule->slots) <= schedule->free_slots ||
		    test_case->skip_reason)
			return link;
	}
	return NULL;
}

static void fill_slots(struct schedule *schedule)
{
	GList *link;

	while ((link = find_fitting(schedule))) {
		const struct test_case *test_case = link->data;
		struct running *running;

		g_queue_delete_link(schedule->waiting, link);
		if (test_case->skip_reason) {
			skip(schedule, test_case);
			continue;
		}
		running = g_new0(struct running, 1);
		running->test_case = test_case;
		running->weight = MIN(test_case->program->smp, schedule->slots);
		schedule->free_slots -= running->weight;
		g_ptr_array_add(schedule->running, running);
		TELL(schedule, started, test_case);
		running->run = case_start(test_case, schedule->settings, &case_listener, schedule);
	}
	if (!schedule->running->len && !schedule->waiting->length)
		g_main_loop_quit(schedule->loop);
}

static gboolean on_signal(gpointer data)
{
	struct schedule *schedule = data;

	schedule->interrupted = TRUE;
	g_main_loop_quit(schedule->loop);
	return G_SOURCE_CONTINUE;
}

static gboolean on_start(gpointer data)
{
	fill_slots(data);
	return G_SOURCE_REMOVE;
}

static void abandon_all(struct schedule *schedule)
{
	schedule->outcome.not_run = schedule->running->len + schedule->waiting->length;
	for (guint i = 0; i < schedule->running->len; i++)
		case_abandon(((struct running *)schedule->running->pdata[i])->run);
}

struct schedule_outcome schedule_run(GPtrArray *cases, const struct case_settings *settings,
				     unsigned slots, GArray *reports)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	guint sources[G_N_ELEMENTS(signals)];
	struct schedule schedule = {
		.settings = settings,
		.reports = reports,
		.loop = g_main_loop_new(NULL, FALSE),
		.waiting = g_queue_new(),
		.running = g_ptr_array_new_with_free_func(g_free),
		.slots = slots,
		.free_slots = slots,
	};

	for (guint i = 0; i < cases->len; i++)
		g_queue_push_tail(schedule.waiting, cases->pdata[i]);
	for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
		sources[i] = g_unix_signal_add(signals[i], on_signal, &schedule);
	g_idle_add(on_start, &schedule);
	g_main_loop_run(schedule.loop);
	if (schedule.interrupted)
		abandon_all(&schedule);
	for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
		g_source_remove(sources[i]);
	g_ptr_array_unref(schedule.running);
	g_queue_free(schedule.waiting);
	g_main_loop_unref(schedule.loop);
	return schedule.outcome;
}
