// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs cases side by side: those that were placed on this machine, and labs, each with the cases
 * that were placed there. All share the slots, one for each of this machine's CPUs.
 */
#include "util/interrupt.h"
#include "lab/kinds.h"
#include "run/known-issues.h"
#include "run/schedule.h"

struct running {
	const struct test_case *test_case;
	struct case_run *run;
	unsigned weight;
};

struct lab_running {
	struct schedule *schedule;
	struct lab *lab;
	guint owed;	 /* cases without a verdict */
	gboolean ready;	 /* it waits for a slot */
	gboolean booted; /* it has a slot */
};

struct schedule {
	const struct case_settings *settings;
	GPtrArray *known_issues; /* or NULL */
	struct reports *reports;
	GMainLoop *loop;
	GQueue *waiting;    /* of struct test_case */
	GPtrArray *running; /* of struct running */
	GPtrArray *labs;    /* of struct lab_running */
	unsigned free_slots, slots;
	struct schedule_outcome outcome;
};

/* A case has its verdict, which known-issues.cfg may change. */
static void conclude(struct schedule *schedule, struct result *result)
{
	if (schedule->known_issues)
		known_issues_apply(schedule->known_issues, result);
	counts_add(&schedule->outcome.counts, result);
	reports_ended(schedule->reports, result);
	result_free(result);
}

static void skip(struct schedule *schedule, const struct test_case *test_case)
{
	struct result *result = result_new(test_case, schedule->settings->environment);

	result->verdict = VERDICT_SKIP;
	result->reason = g_strdup(test_case->skip_reason);
	conclude(schedule, result);
}

static void fill_slots(struct schedule *schedule);

static void quit_when_done(struct schedule *schedule)
{
	if (!schedule->running->len && !schedule->waiting->length && !schedule->labs->len)
		g_main_loop_quit(schedule->loop);
}

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
	conclude(schedule, result);
	fill_slots(schedule);
}

static void on_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct schedule *schedule = data;

	reports_progress(schedule->reports, test_case, doing);
}

static const struct case_listener case_listener = {
	.progress = on_progress,
	.ended = on_ended,
};

/* The first waiting case for which there are slots, or NULL. */
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

/* Labs get the slots that the cases on this machine leave free, since those end much sooner. */
static void boot_labs(struct schedule *schedule)
{
	for (guint i = 0; i < schedule->labs->len; i++) {
		struct lab_running *running = schedule->labs->pdata[i];

		if (schedule->waiting->length || !schedule->free_slots)
			return;
		if (!running->ready)
			continue;
		running->ready = FALSE;
		running->booted = TRUE;
		schedule->free_slots--;
		lab_run(running->lab);
	}
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
		reports_started(schedule->reports, test_case);
		running->run = case_start(test_case, schedule->settings, &case_listener, schedule);
	}
	boot_labs(schedule);
	quit_when_done(schedule);
}

/* ---- labs ---- */

static void on_lab_ready(void *data)
{
	struct lab_running *running = data;

	running->ready = TRUE;
	fill_slots(running->schedule);
}

static void on_lab_started(void *data, const struct test_case *test_case)
{
	struct lab_running *running = data;

	reports_started(running->schedule->reports, test_case);
}

static void on_lab_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct lab_running *running = data;

	reports_progress(running->schedule->reports, test_case, doing);
}

static void on_lab_note(void *data, const char *text)
{
	struct lab_running *running = data;

	reports_note(running->schedule->reports, text);
}

static void on_lab_result(void *data, struct result *result)
{
	struct lab_running *running = data;

	running->owed--;
	conclude(running->schedule, result);
}

static void on_lab_finished(void *data)
{
	struct lab_running *running = data;
	struct schedule *schedule = running->schedule;

	lab_free(running->lab);
	schedule->free_slots += running->booted;
	g_ptr_array_remove(schedule->labs, running);
	fill_slots(schedule);
}

static const struct lab_listener lab_listener = {
	.ready = on_lab_ready,
	.started = on_lab_started,
	.progress = on_lab_progress,
	.note = on_lab_note,
	.result = on_lab_result,
	.finished = on_lab_finished,
};

static void start_lab(struct schedule *schedule, const struct lab_kind *kind, const char *clock,
		      unsigned machine, GPtrArray *cases, const struct lab_settings *settings)
{
	struct lab_running *running = g_new0(struct lab_running, 1);
	struct lab_options options = settings->options;

	options.clock = clock;
	options.machine = machine;
	running->schedule = schedule;
	running->owed = cases->len;
	running->lab = lab_start(kind, cases, settings->wanted, &options,
				 schedule->settings->logdir, &lab_listener, running);
	g_ptr_array_add(schedule->labs, running);
}

static GPtrArray *placed_in(GPtrArray *cases, const char *lab, const char *clock)
{
	GPtrArray *placed = g_ptr_array_new();

	for (guint i = 0; i < cases->len; i++) {
		struct test_case *test_case = cases->pdata[i];

		if (g_str_equal(test_case->host, lab) && !g_strcmp0(test_case->lab_clock, clock))
			g_ptr_array_add(placed, test_case);
	}
	return placed;
}

static gboolean repeats(const struct test_case *a, const struct test_case *b)
{
	return a->program == b->program && a->plan == b->plan;
}

/*
 * Starts as many machines of a lab as there are slots, each with a share of CASES, since each keeps
 * one of this machine's CPUs busy. How long a case takes is not known, but it depends on its plan.
 * So the cases of a program are dealt out in turn, and each program begins one machine further than
 * the program before it. Otherwise, with `--plan none,precopy`, one of two machines would get all
 * cases that migrate.
 */
static void start_labs(struct schedule *schedule, const struct lab_kind *kind, const char *clock,
		       GPtrArray *cases, const struct lab_settings *settings)
{
	g_autoptr(GPtrArray) shares =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	guint programs = 0, turn = 0;

	for (guint i = 0; i < schedule->slots; i++)
		g_ptr_array_add(shares, g_ptr_array_new());
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *now = cases->pdata[i];
		const struct test_case *last = cases->pdata[MAX(i, 1) - 1];

		/* A case and its repeats stay together, since the runner in the lab repeats it. */
		if (now->program != last->program)
			turn = ++programs;
		else if (!repeats(now, last))
			turn++;
		g_ptr_array_add(shares->pdata[turn % shares->len], cases->pdata[i]);
	}
	for (guint i = 0, machine = 0; i < shares->len; i++) {
		GPtrArray *share = shares->pdata[i];

		if (share->len)
			start_lab(schedule, kind, clock, ++machine, share, settings);
	}
}

static void give_to_labs(struct schedule *schedule, const struct lab_kind *kind, const char *clock,
			 GPtrArray *cases, const struct lab_settings *settings)
{
	g_autoptr(GPtrArray) placed = placed_in(cases, kind->name, clock);

	start_labs(schedule, kind, clock, placed, settings);
}

/* Gives each kind of lab, with each kind of clock, its cases, and this machine the rest. */
static void distribute(struct schedule *schedule, GPtrArray *cases,
		       const struct lab_settings *settings)
{
	for (guint i = 0; i < cases->len; i++) {
		struct test_case *test_case = cases->pdata[i];

		if (g_str_equal(test_case->host, "local"))
			g_queue_push_tail(schedule->waiting, test_case);
	}
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++) {
		give_to_labs(schedule, kind, NULL, cases, settings);
		for (const char *const *clock = kind->clocks; *clock; clock++)
			give_to_labs(schedule, kind, *clock, cases, settings);
	}
}

static gboolean on_start(gpointer data)
{
	fill_slots(data);
	return G_SOURCE_REMOVE;
}

static void abandon_all(struct schedule *schedule)
{
	schedule->outcome.not_run = schedule->running->len + schedule->waiting->length;
	for (guint i = 0; i < schedule->labs->len; i++) {
		struct lab_running *running = schedule->labs->pdata[i];

		schedule->outcome.not_run += running->owed;
		lab_free(running->lab);
	}
	for (guint i = 0; i < schedule->running->len; i++)
		case_abandon(((struct running *)schedule->running->pdata[i])->run);
}

struct schedule_outcome schedule_run(GPtrArray *cases, const struct case_settings *settings,
				     const struct lab_settings *lab_settings,
				     GPtrArray *known_issues, unsigned slots,
				     struct reports *reports)
{
	struct schedule schedule = {
		.settings = settings,
		.known_issues = known_issues,
		.reports = reports,
		.loop = g_main_loop_new(NULL, FALSE),
		.waiting = g_queue_new(),
		.running = g_ptr_array_new_with_free_func(g_free),
		.labs = g_ptr_array_new_with_free_func(g_free),
		.slots = slots,
		.free_slots = slots,
	};

	distribute(&schedule, cases, lab_settings);
	g_idle_add(on_start, &schedule);
	if (!interrupt_run_loop(schedule.loop))
		abandon_all(&schedule);
	g_ptr_array_unref(schedule.running);
	g_ptr_array_unref(schedule.labs);
	g_queue_free(schedule.waiting);
	g_main_loop_unref(schedule.loop);
	return schedule.outcome;
}
