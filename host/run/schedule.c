// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs cases side by side on this machine, and labs beside them, each with the cases that were
 * placed there. All share the slots, one for each of this machine's CPUs.
 */
#include "util/interrupt.h"
#include "lab/kinds.h"
#include "run/kernel-watch.h"
#include "run/known-issues.h"
#include "run/outlook.h"
#include "run/retry.h"
#include "run/schedule.h"
#include "run/share.h"

/*
 * A lab that dies is replaced by a new one, for the cases that it has not begun. A run does this
 * only so often, since a KVM that takes its host down each time must end the run.
 */
#define MOST_REPLACED 3

struct running {
	const struct test_case *test_case;
	struct case_run *run;
	unsigned weight;
};

struct lab_running {
	struct schedule *schedule;
	struct lab *lab;
	struct outlook_lab *outlook;
	guint owed;	 /* cases without a verdict */
	GPtrArray *left; /* those of them that had not begun when the machine died */
	gboolean ready;	 /* it waits for a slot */
	gboolean booted; /* it has a slot */
	gboolean boot_learned;
	gint64 boot_began, first_case_began; /* monotonic times; 0: not yet */
};

struct schedule {
	const struct case_settings *settings;
	const struct lab_settings *lab_settings;
	GPtrArray *known_issues; /* or NULL */
	struct durations *durations;
	struct kernel_watch *kernel;
	struct outlook *outlook;
	struct retries *retries;
	struct reports *reports;
	GMainLoop *loop;
	GQueue *waiting;    /* of struct test_case */
	GPtrArray *running; /* of struct running */
	GPtrArray *labs;    /* of struct lab_running */
	unsigned machines;  /* lab machines that were started */
	unsigned replaced;  /* machines that died and are, or will be, replaced */
	unsigned free_slots, slots;
	struct schedule_outcome outcome;
	/*
	 * The run is over, except for the lab in which a case failed: that lab brings its logs out.
	 */
	gboolean stop_when_red, stopped;
	guint stop_idle;
	const struct lab_running *failed_lab; /* or NULL */
};

static gboolean on_stop(gpointer data);

/* A case has its verdict. */
static void conclude(struct schedule *schedule, struct result *result)
{
	outlook_ended(schedule->outlook, result);
	durations_learn(schedule->durations, result);
	counts_add(&schedule->outcome.counts, result);
	reports_ended(schedule->reports, result);
	if (schedule->stop_when_red && verdict_is_red(result->verdict) && !schedule->stop_idle)
		schedule->stop_idle = g_idle_add(on_stop, schedule);
	result_free(result);
}

/* Changes the verdict if known-issues.cfg explains it. */
static void apply_known_issues(struct schedule *schedule, struct result *result)
{
	if (schedule->known_issues)
		known_issues_apply(schedule->known_issues, result);
}

static void skip(struct schedule *schedule, const struct test_case *test_case)
{
	const struct vmm_use *use = case_vmm(schedule->settings, test_case);
	struct result *result =
		result_new(test_case, use ? use->environment : schedule->settings->environment);

	result->verdict = VERDICT_SKIP;
	result->reason = g_strdup(test_case->skip_reason);
	conclude(schedule, result);
}

static void tell_started(struct schedule *schedule, const struct test_case *test_case)
{
	outlook_started(schedule->outlook, test_case);
	reports_started(schedule->reports, test_case);
}

static void fill_slots(struct schedule *schedule);

static void quit_when_done(struct schedule *schedule)
{
	if (!schedule->running->len && !schedule->waiting->length && !schedule->labs->len &&
	    !kernel_watch_holds(schedule->kernel))
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
	kernel_watch_ended(schedule->kernel, result);
	fill_slots(schedule);
}

/* The result of a case on this machine also has what its kernel said meanwhile. */
static void on_watched_ended(void *data, struct result *result)
{
	struct schedule *schedule = data;
	const struct test_case *test_case = result->test_case;

	apply_known_issues(schedule, result);
	result = retries_take(schedule->retries, result);
	if (result)
		conclude(schedule, result);
	else
		g_queue_push_head(schedule->waiting, (gpointer)test_case);
	fill_slots(schedule);
}

static void on_kernel_note(void *data, const char *text)
{
	struct schedule *schedule = data;

	reports_note(schedule->reports, text);
}

static const struct kernel_watch_listener kernel_watch_listener = {
	.ended = on_watched_ended,
	.note = on_kernel_note,
};

static void on_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct schedule *schedule = data;

	reports_progress(schedule->reports, test_case, doing);
}

static void on_console(void *data, const struct test_case *test_case, const char *text)
{
	struct schedule *schedule = data;

	reports_console(schedule->reports, test_case, text);
}

static const struct case_listener case_listener = {
	.progress = on_progress,
	.console = on_console,
	.ended = on_ended,
};

static unsigned slots_of_labs(const struct schedule *schedule)
{
	unsigned count = 0;

	for (guint i = 0; i < schedule->labs->len; i++)
		count += ((const struct lab_running *)schedule->labs->pdata[i])->booted;
	return count;
}

/* How many slots a case takes: one for each vCPU, but no more than labs leave. */
static unsigned weight_of(const struct schedule *schedule, const struct test_case *test_case)
{
	unsigned labs = MIN(slots_of_labs(schedule), schedule->slots - 1);

	return MIN(test_case->program->smp, schedule->slots - labs);
}

/* The first waiting case for which there are slots, or NULL. */
static GList *find_fitting(struct schedule *schedule)
{
	for (GList *link = schedule->waiting->head; link; link = link->next) {
		const struct test_case *test_case = link->data;

		if (weight_of(schedule, test_case) <= schedule->free_slots ||
		    test_case->skip_reason)
			return link;
	}
	return NULL;
}

/*
 * A lab gets the first slot that is free once its kernel is there. It keeps the slot for all of its
 * cases, so labs leave one slot to the cases that wait for this machine. If there is only one slot,
 * these cases get it first, since they end sooner.
 */
static void boot_labs(struct schedule *schedule)
{
	unsigned reserved = schedule->waiting->length ? 1 : 0;

	for (guint i = 0; i < schedule->labs->len; i++) {
		struct lab_running *running = schedule->labs->pdata[i];

		if (!schedule->free_slots || slots_of_labs(schedule) + reserved >= schedule->slots)
			return;
		if (!running->ready)
			continue;
		running->ready = FALSE;
		running->booted = TRUE;
		schedule->free_slots--;
		running->boot_began = g_get_monotonic_time();
		outlook_lab_boots(running->outlook);
		lab_run(running->lab);
	}
}

static void start(struct schedule *schedule, struct running *running)
{
	const struct test_case *test_case = running->test_case;
	unsigned attempt = retries_attempt(schedule->retries, test_case);
	g_autofree char *doing = g_strdup_printf("attempt %u", attempt);

	kernel_watch_started(schedule->kernel, test_case);
	if (attempt == 1)
		tell_started(schedule, test_case);
	else
		reports_progress(schedule->reports, test_case, doing);
	running->run = case_start(test_case, attempt, schedule->settings, &case_listener, schedule);
}

static void fill_slots(struct schedule *schedule)
{
	GList *link;

	boot_labs(schedule);
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
		running->weight = weight_of(schedule, test_case);
		schedule->free_slots -= running->weight;
		g_ptr_array_add(schedule->running, running);
		start(schedule, running);
	}
	boot_labs(schedule);
	quit_when_done(schedule);
}

/* ---- labs ---- */

static void on_lab_ready(void *data)
{
	struct lab_running *running = data;

	running->ready = TRUE;
	outlook_lab_has_kernel(running->outlook);
	fill_slots(running->schedule);
}

static void on_lab_started(void *data, const struct test_case *test_case)
{
	struct lab_running *running = data;

	if (!running->first_case_began)
		running->first_case_began = g_get_monotonic_time();
	tell_started(running->schedule, test_case);
}

static void on_lab_progress(void *data, const struct test_case *test_case, const char *doing)
{
	struct lab_running *running = data;

	reports_progress(running->schedule->reports, test_case, doing);
}

static void on_lab_console(void *data, const struct test_case *test_case, const char *text)
{
	struct lab_running *running = data;

	reports_console(running->schedule->reports, test_case, text);
}

static void on_lab_note(void *data, const char *text)
{
	struct lab_running *running = data;

	reports_note(running->schedule->reports, text);
}

/* The first result tells which kernel has booted. */
static void learn_boot(struct lab_running *running, const struct environment *environment)
{
	gint64 took = running->first_case_began - running->boot_began;

	if (running->boot_learned || !running->first_case_began || !environment->kernel)
		return;
	running->boot_learned = TRUE;
	durations_learn_boot(running->schedule->durations, environment->host, environment->kernel,
			     (double)took / G_USEC_PER_SEC);
}

/*
 * A lab's clock may be slower than this machine's (docs/labs.md, "The intel lab"). So the start and
 * the duration of a case are told and remembered in this machine's time.
 */
static void set_times(struct schedule *schedule, struct result *result)
{
	gint64 elapsed = outlook_elapsed(schedule->outlook, result->test_case);

	result->started = elapsed ? (g_get_real_time() - elapsed) * 1000 : 0;
	if (elapsed)
		result->duration_ns = elapsed * 1000;
}

static void on_lab_result(void *data, struct result *result)
{
	struct lab_running *running = data;
	gboolean stopping;

	learn_boot(running, result->environment);
	set_times(running->schedule, result);
	running->owed--;
	if (running->schedule->stopped) {
		running->schedule->outcome.not_run++;
		result_free(result);
		return;
	}
	/* The runner inside has already tried again what failed. */
	apply_known_issues(running->schedule, result);
	stopping = running->schedule->stop_idle;
	conclude(running->schedule, result);
	if (!stopping && running->schedule->stop_idle)
		running->schedule->failed_lab = running;
}

static gboolean on_lab_left(void *data, const struct test_case *test_case)
{
	struct lab_running *running = data;
	struct schedule *schedule = running->schedule;

	/* Counted here, since another lab may die before this one has finished. */
	if (!running->left->len) {
		if (schedule->replaced == MOST_REPLACED)
			return FALSE;
		schedule->replaced++;
	}
	/* The cases come in reverse order. */
	g_ptr_array_insert(running->left, 0, (gpointer)test_case);
	return TRUE;
}

static void replace_lab(struct schedule *schedule, GPtrArray *left);

static void on_lab_finished(void *data)
{
	struct lab_running *running = data;
	struct schedule *schedule = running->schedule;
	g_autoptr(GPtrArray) left = g_ptr_array_ref(running->left);

	outlook_lab_ended(running->outlook);
	lab_free(running->lab);
	schedule->free_slots += running->booted;
	g_ptr_array_remove(schedule->labs, running);
	if (schedule->stopped)
		schedule->outcome.not_run += left->len;
	else if (left->len)
		replace_lab(schedule, left);
	fill_slots(schedule);
}

static const struct lab_listener lab_listener = {
	.ready = on_lab_ready,
	.started = on_lab_started,
	.progress = on_lab_progress,
	.console = on_lab_console,
	.note = on_lab_note,
	.result = on_lab_result,
	.left = on_lab_left,
	.finished = on_lab_finished,
};

static void lab_running_free(gpointer data)
{
	struct lab_running *running = data;

	g_ptr_array_unref(running->left);
	g_free(running);
}

/* CASES all name the same lab and clock. */
static void start_lab(struct schedule *schedule, GPtrArray *cases, unsigned machine)
{
	struct lab_running *running = g_new0(struct lab_running, 1);
	const struct lab_settings *settings = schedule->lab_settings;
	const struct test_case *first = cases->pdata[0];
	struct lab_options options = settings->options;

	options.clock = first->lab_clock;
	options.machine = machine;
	running->schedule = schedule;
	running->owed = cases->len;
	running->left = g_ptr_array_new();
	running->outlook = outlook_add_lab(schedule->outlook, first->host, machine, cases);
	running->lab = lab_start(lab_kind_find(first->host), cases, settings->wanted, &options,
				 schedule->settings->logdir, &lab_listener, running);
	g_ptr_array_add(schedule->labs, running);
	schedule->machines++;
}

/* No other machine has the number of the new one, so its logs are in a folder of their own. */
static void replace_lab(struct schedule *schedule, GPtrArray *left)
{
	const struct test_case *first = left->pdata[0];
	g_autofree char *more =
		left->len > 1 ? g_strdup_printf(" and %u more", left->len - 1) : g_strdup("");
	g_autofree char *text =
		g_strdup_printf("the %s lab died; a new one runs what had not begun: %s%s",
				first->host, first->name, more);

	reports_note(schedule->reports, text);
	start_lab(schedule, left, schedule->machines + 1);
}

/* ---- which machines there are, and what each of them runs ---- */

/* How many machines of the same lab with the same clock come before SHARES[INDEX]. */
static unsigned machines_before(const GPtrArray *shares, guint index)
{
	const struct share *share = shares->pdata[index];
	unsigned count = 0;

	for (guint i = 0; i < index; i++) {
		const struct share *other = shares->pdata[i];

		count += g_str_equal(other->host, share->host) &&
			 !g_strcmp0(other->clock, share->clock);
	}
	return count;
}

/* Gives labs their cases, and this machine the rest. */
static void distribute(struct schedule *schedule, GPtrArray *cases)
{
	g_autoptr(GPtrArray) shares = outlook_share_out(schedule->outlook, cases);

	for (guint i = 0; i < cases->len; i++) {
		struct test_case *test_case = cases->pdata[i];

		if (!g_str_equal(test_case->host, "local"))
			continue;
		g_queue_push_tail(schedule->waiting, test_case);
		outlook_add_local(schedule->outlook, test_case);
	}
	for (guint i = 0; i < shares->len; i++) {
		const struct share *share = shares->pdata[i];

		start_lab(schedule, share->cases, machines_before(shares, i) + 1);
	}
}

static gboolean on_start(gpointer data)
{
	fill_slots(data);
	return G_SOURCE_REMOVE;
}

/* Ends every case that runs or waits, and every lab but KEPT, which may be NULL. */
static void abandon(struct schedule *schedule, const struct lab_running *kept)
{
	kernel_watch_flush(schedule->kernel);
	schedule->outcome.not_run += schedule->running->len + schedule->waiting->length;
	for (guint i = schedule->labs->len; i > 0; i--) {
		struct lab_running *running = schedule->labs->pdata[i - 1];

		if (running == kept)
			continue;
		schedule->outcome.not_run += running->owed;
		lab_free(running->lab);
		g_ptr_array_remove_index(schedule->labs, i - 1);
	}
	for (guint i = 0; i < schedule->running->len; i++)
		case_abandon(((struct running *)schedule->running->pdata[i])->run);
	g_ptr_array_set_size(schedule->running, 0);
	g_queue_clear(schedule->waiting);
}

/* A case was red, and the user has said --fail-fast. */
static gboolean on_stop(gpointer data)
{
	struct schedule *schedule = data;

	abandon(schedule, schedule->failed_lab);
	schedule->stopped = TRUE;
	quit_when_done(schedule);
	return G_SOURCE_REMOVE;
}

struct schedule_outcome schedule_run(GPtrArray *cases, const struct case_settings *settings,
				     const struct lab_settings *lab_settings,
				     GPtrArray *known_issues, struct durations *durations,
				     unsigned slots, struct reports *reports)
{
	struct schedule schedule = {
		.settings = settings,
		.lab_settings = lab_settings,
		.known_issues = known_issues,
		.durations = durations,
		.outlook = outlook_new(durations, slots),
		.reports = reports,
		.loop = g_main_loop_new(NULL, FALSE),
		.waiting = g_queue_new(),
		.running = g_ptr_array_new_with_free_func(g_free),
		.labs = g_ptr_array_new_with_free_func(lab_running_free),
		.stop_when_red = settings->wanted->fail_fast,
		.slots = slots,
		.free_slots = slots,
	};

	schedule.retries = retries_new(settings->wanted->retry);
	schedule.kernel =
		kernel_watch_new(settings->emulated_host, &kernel_watch_listener, &schedule);
	distribute(&schedule, cases);
	reports_forecast(reports, outlook_forecast(schedule.outlook));
	g_idle_add(on_start, &schedule);
	if (!interrupt_run_loop(schedule.loop)) {
		schedule.outcome.interrupted = TRUE;
		abandon(&schedule, NULL);
	}
	if (schedule.stop_idle && !schedule.stopped)
		g_source_remove(schedule.stop_idle);
	kernel_watch_free(schedule.kernel);
	retries_free(schedule.retries);
	reports_forecast(reports, NULL);
	outlook_free(schedule.outlook);
	g_ptr_array_unref(schedule.running);
	g_ptr_array_unref(schedule.labs);
	g_queue_free(schedule.waiting);
	g_main_loop_unref(schedule.loop);
	return schedule.outcome;
}
