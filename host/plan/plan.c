// SPDX-License-Identifier: GPL-2.0-or-later
/* Carries out plans: answers migration sentences, and repeats the actions of continuous plans. */
#include "plan/plan.h"
#include "util/userfault.h"

/* Option `delay`: long enough for the action to come at any moment of a test. */
#define LONGEST_DELAY_MS 50

/* A failure under a plan that mixes actions names this many of the last ones. */
#define LONGEST_TRAIL 6

#define ADDRESS_OF_PLAN(name) &plan_##name,
const struct plan *const plans[] = { FOR_EACH_PLAN(ADDRESS_OF_PLAN) NULL };

const char *const *plan_names(void)
{
	static const char *names[G_N_ELEMENTS(plans)];

	for (gsize i = 0; plans[i]; i++)
		names[i] = plans[i]->name;
	return names;
}

unsigned plan_uses(const struct plan *plan)
{
	unsigned wishes = plan->wishes;

	if (userfault_problem(FALSE))
		wishes &= ~VMM_CAN_MIGRATE_POSTCOPY;
	return plan->capabilities | wishes;
}

gboolean plan_may_reboot(const struct plan *plan)
{
	return plan->reboots || (plan->next && plan->capabilities & VMM_CAN_RESET);
}

static gboolean acts(const struct plan *plan)
{
	return plan->act || plan->next;
}

struct plan_run *plan_begin(const struct plan *plan, struct guest *guest, guint32 seed,
			    unsigned wanted, void (*failed)(void *data, const char *problem),
			    void *data)
{
	struct plan_run *run = g_new0(struct plan_run, 1);

	run->plan = run->part = plan;
	run->guest = guest;
	run->seed = seed;
	run->random = g_rand_new_with_seed(seed);
	run->choices = g_rand_new_with_seed(seed);
	run->wanted = wanted;
	run->actions = g_array_new(FALSE, FALSE, sizeof(struct action_stats));
	run->treated = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	run->failed = failed;
	run->data = data;
	return run;
}

void plan_end(struct plan_run *run)
{
	if (run->delay)
		g_source_remove(run->delay);
	g_rand_free(run->random);
	g_rand_free(run->choices);
	g_array_unref(run->actions);
	g_hash_table_unref(run->treated);
	g_free(run->test);
	g_free(run);
}

/* The key of the current test in `treated`. */
static const char *test_key(struct plan_run *run)
{
	return run->test ? run->test : "";
}

static gboolean would_act(struct plan_run *run)
{
	return acts(run->plan) &&
	       !(run->plan->reboots && g_hash_table_contains(run->treated, test_key(run)));
}

static gboolean on_delay_over(gpointer data)
{
	struct plan_run *run = data;

	run->delay = 0;
	run->part->act(run);
	return G_SOURCE_REMOVE;
}

static void act_in_part(struct plan_run *run)
{
	if (run->part->reboots)
		g_hash_table_add(run->treated, g_strdup(test_key(run)));
	run->attempts = 0;
	if (run->plan->options & OPTION_DELAY)
		run->delay = g_timeout_add(g_rand_int_range(run->random, 0, LONGEST_DELAY_MS + 1),
					   on_delay_over, run);
	else
		run->part->act(run);
}

static void act(struct plan_run *run)
{
	run->acting = TRUE;
	run->step = 0;
	run->requests++;
	if (run->plan->next)
		run->part = run->plan->next(run);
	act_in_part(run);
}

/* A plan that mixes actions goes on with its next one. FALSE: there is none. */
static gboolean take_next_part(struct plan_run *run)
{
	const struct plan *next;

	if (!run->plan->next || run->part->reboots)
		return FALSE;
	run->step++;
	next = run->plan->next(run);
	if (!next)
		return FALSE;
	run->part = next;
	act_in_part(run);
	return TRUE;
}

gboolean plan_can_reboot_now(struct plan_run *run)
{
	return console_speaks_protocol(guest_console(run->guest)) &&
	       !g_hash_table_contains(run->treated, test_key(run));
}

static void answer_sentence(struct plan_run *run)
{
	run->sentence_waits = FALSE;
	guest_answer_sentence(run->guest);
}

void plan_count(struct plan_run *run, const struct action_stats *stats)
{
	struct action_stats action = *stats;

	action.plan = run->part == run->plan ? NULL : run->part->name;
	action.action = run->part->action;
	g_array_append_val(run->actions, action);
}

void plan_acted(struct plan_run *run, const struct action_stats *stats)
{
	if (stats)
		plan_count(run, stats);
	if (take_next_part(run))
		return;
	run->acting = FALSE;
	/* After a reset, the guest that asked does not wait any more. */
	if (run->part->reboots)
		run->sentence_waits = run->repeats = FALSE;
	if (run->sentence_waits)
		answer_sentence(run);
	if (run->repeats)
		act(run);
}

void plan_action_done(void *data, const struct action_stats *stats, const char *problem)
{
	if (problem)
		plan_failed(data, problem);
	else
		plan_acted(data, stats);
}

void plan_cycle(struct plan_run *run)
{
	guest_cycle(run->guest, 1, plan_action_done, run);
}

gboolean plan_attempt_done(struct plan_run *run, const struct action_stats *stats,
			   const char *problem, gboolean proven, unsigned most_attempts,
			   void (*again)(struct plan_run *run))
{
	if (problem || proven)
		plan_action_done(run, stats, problem);
	else if (run->attempts < most_attempts)
		again(run);
	else
		return FALSE;
	return TRUE;
}

void plan_failed(struct plan_run *run, const char *problem)
{
	/* The case is about to end. `acting` stays, so that no further action begins until then. */
	run->repeats = FALSE;
	run->failed(run->data, problem);
}

void plan_hello(struct plan_run *run)
{
	if (!run->plan->continuous || run->repeats || run->acting)
		return;
	run->repeats = TRUE;
	act(run);
}

/*
 * A request that comes during a migration needs no further migration: the guest asked at the
 * source, so this migration takes along what the guest has prepared.
 */
void plan_sentence(struct plan_run *run, enum sentence sentence)
{
	gboolean repeated = sentence == SENTENCE_END && !run->repeats && !run->sentence_waits;

	/*
	 * kvm-unit-tests' guests say "End" twice, in case a migration splits the line. Only
	 * the first is a question.
	 */
	if (repeated && acts(run->plan))
		return;
	if (!acts(run->plan) || sentence == SENTENCE_SKIPPED) {
		answer_sentence(run);
		return;
	}
	switch (sentence) {
	case SENTENCE_MIGRATE:
		if (!run->acting && !would_act(run)) {
			answer_sentence(run);
			break;
		}
		run->sentence_waits = TRUE;
		if (!run->acting)
			act(run);
		break;
	case SENTENCE_BEGIN:
		answer_sentence(run);
		run->repeats = TRUE;
		if (!run->acting && would_act(run))
			act(run);
		break;
	case SENTENCE_END:
		if (!run->plan->continuous)
			run->repeats = FALSE;
		if (run->acting)
			run->sentence_waits = TRUE;
		else
			answer_sentence(run);
		break;
	case SENTENCE_SKIPPED:
		break;
	}
}

void plan_test_begins(struct plan_run *run, const char *name, gint64 cpu)
{
	g_free(run->test);
	run->test = g_strdup_printf("test=%s cpu=%" G_GINT64_FORMAT, name, cpu);
	/* The seed depends on the test, so a test has the same actions when it is run alone. */
	g_rand_set_seed(run->choices, run->seed ^ g_str_hash(run->test));
	run->requests = 0;
	run->trail = run->actions->len;
}

char *plan_trail(const struct plan_run *run)
{
	guint first = MAX(run->trail, MAX(run->actions->len, LONGEST_TRAIL) - LONGEST_TRAIL);
	GString *text;

	if (!run->plan->next || run->trail == run->actions->len)
		return NULL;
	text = g_string_new(first > run->trail ? ", after ..." : ", after ");
	for (guint i = first; i < run->actions->len; i++)
		g_string_append_printf(text, "%s%s", i > run->trail ? ", " : "",
				       g_array_index(run->actions, struct action_stats, i).plan);
	return g_string_free(text, FALSE);
}

char *plan_answer_boot(struct plan_run *run, unsigned boot)
{
	return g_strdup_printf("boot=%u%s%s%s", boot, boot > 1 && run->test ? " " : "",
			       boot > 1 && run->test ? run->test : "",
			       plan_may_reboot(run->plan) ? " state=1" : "");
}

gboolean plan_wants_more(struct plan_run *run)
{
	return run->plan->continuous && run->actions->len < run->wanted;
}

void plan_figures(struct plan_run *run, GHashTable *values)
{
	const char *cycles = g_hash_table_lookup(values, "cycles");

	run->cycles += cycles ? g_ascii_strtoull(cycles, NULL, 10) : 0;
}

static gboolean met_disk_error(const struct plan_run *run)
{
	for (guint i = 0; i < run->actions->len; i++)
		if (!(g_array_index(run->actions, struct action_stats, i).unused &
		      OPTION_DISK_ERROR))
			return TRUE;
	return FALSE;
}

char *plan_shortfall(struct plan_run *run)
{
	if (!acts(run->plan))
		return NULL;
	if (habit_is_cycle(run->plan->habit))
		return run->cycles ? NULL
				   : g_strdup_printf("plan %s never saved and restored the guest",
						     run->plan->name);
	if (!run->actions->len)
		return g_strdup_printf(
			"plan %s never acted on the guest, which %s", run->plan->name,
			run->plan->continuous ? "ended too soon" : "never asked to be migrated");
	if (run->plan->options & OPTION_DISK_ERROR && !met_disk_error(run))
		return g_strdup_printf(
			"no write to the disk failed in %u actions: the guest wrote nothing meanwhile",
			run->actions->len);
	if (plan_wants_more(run) && console_speaks_protocol(guest_console(run->guest)))
		return g_strdup_printf("plan %s made only %u of %u actions before the guest ended",
				       run->plan->name, run->actions->len, run->wanted);
	return NULL;
}
