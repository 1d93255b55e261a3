// SPDX-License-Identifier: GPL-2.0-or-later
/* What is left to measure, and in which order. See matrix-tasks.h. */
#include <string.h>

#include "cli/corpus-hash.h"
#include "cli/matrix-tasks.h"
#include "util/text.h"

/* A guess for a case that was never measured, as long as no case was. */
#define UNKNOWN_SECONDS 30
/* A lab's boot and a build, roughly. They count for each build of KVM. */
#define BUILD_SECONDS 40

struct matrix_tasks {
	const struct matrix *matrix;
	GPtrArray *bugs, *cases;
	char **plans;
	GHashTable *program_hashes; /* name of a program -> hash */
	GHashTable *tried;	    /* "STEP PATCH" of every task that was handed out */
	GHashTable *turns;	    /* "STEP FAMILY" -> how many tasks it has had */
};

/*
 * The numbers of the steps. From STEP_PLANS on there is one for each plan, and then one more for
 * each plan, with the programs that have several vCPUs.
 */
#define STEP_NAMED 0
#define STEP_PLANS 1

struct step {
	guint number;
	gboolean stale; /* measure again what is stale, instead of what is missing */
};

struct matrix_tasks *matrix_tasks_new(const struct matrix *matrix, GPtrArray *bugs,
				      GPtrArray *cases, char **plans)
{
	struct matrix_tasks *tasks = g_new0(struct matrix_tasks, 1);

	tasks->matrix = matrix;
	tasks->bugs = bugs;
	tasks->cases = cases;
	tasks->plans = plans;
	tasks->program_hashes = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	tasks->tried = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	tasks->turns = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < cases->len; i++) {
		const struct program *program = ((struct test_case *)cases->pdata[i])->program;

		if (!g_hash_table_contains(tasks->program_hashes, program->name))
			g_hash_table_insert(tasks->program_hashes, program->name,
					    hash_of_program(program));
	}
	return tasks;
}

void matrix_tasks_free(struct matrix_tasks *tasks)
{
	g_hash_table_unref(tasks->program_hashes);
	g_hash_table_unref(tasks->tried);
	g_hash_table_unref(tasks->turns);
	g_free(tasks);
}

static char *join_hashes(const struct bug *bug, const char *program)
{
	return g_strdup_printf("%s-%s", bug ? bug->hash : "", program);
}

char *matrix_hash(const struct bug *bug, const struct test_case *test_case)
{
	g_autofree char *program = test_case ? hash_of_program(test_case->program) : g_strdup("");

	return join_hashes(bug, program);
}

static const char *patch_name(const struct bug *bug)
{
	return bug ? bug->name : MATRIX_UNPATCHED;
}

/* ---- what is missing ---- */

enum state { DONE, MISSING, STALE };

static enum state state_of(struct matrix_tasks *tasks, const struct bug *bug,
			   const struct test_case *test_case)
{
	const char *program = g_hash_table_lookup(tasks->program_hashes, test_case->program->name);
	g_autofree char *hash = join_hashes(bug, program);
	g_autofree char *hash_of_none = join_hashes(bug, "");
	const struct matrix_line *none =
		matrix_find(tasks->matrix, patch_name(bug), MATRIX_NO_CASE);
	const struct matrix_line *line =
		matrix_find(tasks->matrix, patch_name(bug), test_case->name);

	/* No case can run with a patch that does not build, until it is changed. */
	if (none)
		return g_str_equal(none->hash, hash_of_none) ? DONE : MISSING;
	if (!line)
		return MISSING;
	return g_str_equal(line->hash, hash) ? DONE : STALE;
}

static gboolean is_reached(const struct bug *bug, const struct test_case *test_case)
{
	return !bug || bug_reaches(bug, test_case->program);
}

/* A program NAME that has a variant with one vCPU, NAME_up. */
static gboolean is_heavy(struct matrix_tasks *tasks, const struct program *program)
{
	g_autofree char *light = g_strconcat(program->name, ONE_VCPU, NULL);

	return g_hash_table_contains(tasks->program_hashes, light);
}

gboolean matrix_is_named(const struct bug *bug, const struct test_case *test_case)
{
	g_autofree char *heavy = program_family(test_case->program->name);
	g_autofree char *as_heavy = g_strconcat(heavy, "/", test_case->plan_name, NULL);

	return text_glob_any(bug->cases, test_case->name) || text_glob_any(bug->cases, as_heavy);
}

static gboolean is_named(struct matrix_tasks *tasks, const struct bug *bug,
			 const struct test_case *test_case)
{
	if (is_heavy(tasks, test_case->program))
		return FALSE;
	if (bug)
		return matrix_is_named(bug, test_case);
	for (guint i = 0; i < tasks->bugs->len; i++)
		if (matrix_is_named(tasks->bugs->pdata[i], test_case))
			return TRUE;
	return FALSE;
}

static gboolean is_in_step(struct matrix_tasks *tasks, guint number, const struct bug *bug,
			   const struct test_case *test_case)
{
	guint plans = g_strv_length(tasks->plans), plan;

	if (number == STEP_NAMED)
		return is_named(tasks, bug, test_case);
	plan = number - STEP_PLANS;
	return g_str_equal(test_case->plan_name, tasks->plans[plan % plans]) &&
	       is_heavy(tasks, test_case->program) == (plan >= plans);
}

static GPtrArray *pending(struct matrix_tasks *tasks, const struct step *step,
			  const struct bug *bug)
{
	GPtrArray *cases = g_ptr_array_new();

	for (guint i = 0; i < tasks->cases->len; i++) {
		struct test_case *test_case = tasks->cases->pdata[i];

		if (is_reached(bug, test_case) && is_in_step(tasks, step->number, bug, test_case) &&
		    state_of(tasks, bug, test_case) == (step->stale ? STALE : MISSING))
			g_ptr_array_add(cases, test_case);
	}
	return cases;
}

/* ---- in which order ---- */

static gboolean is_noticed(struct matrix_tasks *tasks, const struct bug *bug)
{
	for (guint i = 0; i < tasks->matrix->lines->len; i++) {
		const struct matrix_line *line = tasks->matrix->lines->pdata[i];

		if (g_str_equal(line->patch, bug->name) && matrix_catches(tasks->matrix, line))
			return TRUE;
	}
	return FALSE;
}

static char *step_key(const struct step *step, const char *word)
{
	return g_strdup_printf("%u %d %s", step->number, step->stale, word);
}

static char *family_key(const struct step *step, const struct bug *bug)
{
	g_autofree char *family = g_strndup(bug->name, strcspn(bug->name, "_"));

	return step_key(step, family);
}

static guint turns_of(struct matrix_tasks *tasks, const struct step *step, const struct bug *bug)
{
	g_autofree char *key = family_key(step, bug);

	return GPOINTER_TO_UINT(g_hash_table_lookup(tasks->turns, key));
}

static gboolean was_tried(struct matrix_tasks *tasks, const struct step *step,
			  const struct bug *bug)
{
	g_autofree char *key = step_key(step, patch_name(bug));

	return g_hash_table_contains(tasks->tried, key);
}

static void note_tried(struct matrix_tasks *tasks, const struct step *step, const struct bug *bug)
{
	g_hash_table_add(tasks->tried, step_key(step, patch_name(bug)));
	if (bug)
		g_hash_table_insert(tasks->turns, family_key(step, bug),
				    GUINT_TO_POINTER(turns_of(tasks, step, bug) + 1));
}

/* Fills in the cases; FALSE if there are none, or if this was handed out already. */
static gboolean is_task(struct matrix_tasks *tasks, const struct step *step, const struct bug *bug,
			struct matrix_task *task)
{
	if (was_tried(tasks, step, bug))
		return FALSE;
	task->bug = bug;
	task->cases = pending(tasks, step, bug);
	if (task->cases->len)
		return TRUE;
	g_ptr_array_unref(task->cases);
	return FALSE;
}

static gboolean comes_before(struct matrix_tasks *tasks, const struct step *step,
			     const struct bug *bug, const struct bug *other)
{
	gboolean noticed = is_noticed(tasks, bug), other_noticed = is_noticed(tasks, other);

	if (noticed != other_noticed)
		return !noticed;
	return turns_of(tasks, step, bug) < turns_of(tasks, step, other);
}

/* The next patch of the step. FALSE if there is none. */
static gboolean find_bug(struct matrix_tasks *tasks, const struct step *step,
			 struct matrix_task *task)
{
	struct matrix_task candidate;
	gboolean found = FALSE;

	for (guint i = 0; i < tasks->bugs->len; i++) {
		if (!is_task(tasks, step, tasks->bugs->pdata[i], &candidate))
			continue;
		if (found && !comes_before(tasks, step, candidate.bug, task->bug)) {
			g_ptr_array_unref(candidate.cases);
			continue;
		}
		if (found)
			g_ptr_array_unref(task->cases);
		*task = candidate;
		found = TRUE;
	}
	return found;
}

/*
 * Turns the task of a patch into one of unpatched KVM, if some of its cases were not measured
 * there. FALSE if all were, or if that was tried for this patch.
 */
static gboolean take_unpatched_first(struct matrix_tasks *tasks, const struct step *step,
				     struct matrix_task *task)
{
	g_autofree char *before = g_strdup_printf("before %s", task->bug->name);
	GPtrArray *cases = g_ptr_array_new();

	for (guint i = 0; i < task->cases->len; i++)
		if (state_of(tasks, NULL, task->cases->pdata[i]) != DONE)
			g_ptr_array_add(cases, task->cases->pdata[i]);
	if (!cases->len || !g_hash_table_add(tasks->tried, step_key(step, before))) {
		g_ptr_array_unref(cases);
		return FALSE;
	}
	g_ptr_array_unref(task->cases);
	task->bug = NULL;
	task->cases = cases;
	return TRUE;
}

static gboolean find_in_step(struct matrix_tasks *tasks, const struct step *step,
			     struct matrix_task *task)
{
	gboolean found = find_bug(tasks, step, task);

	if (found && take_unpatched_first(tasks, step, task))
		return TRUE;
	/* Last come cases on unpatched KVM that no patch of this step was measured with. */
	found = found || is_task(tasks, step, NULL, task);
	if (found)
		note_tried(tasks, step, task->bug);
	return found;
}

gboolean matrix_tasks_next(struct matrix_tasks *tasks, struct matrix_task *task)
{
	guint steps = STEP_PLANS + 2 * g_strv_length(tasks->plans);

	for (gboolean stale = FALSE; stale <= TRUE; stale++)
		for (guint number = 0; number < steps; number++) {
			const struct step step = { .number = number, .stale = stale };

			if (find_in_step(tasks, &step, task))
				return TRUE;
		}
	return FALSE;
}

/* ---- how far it is ---- */

static double usual_seconds(struct matrix_tasks *tasks)
{
	double sum = 0;
	guint known = 0;

	for (guint i = 0; i < tasks->cases->len; i++) {
		const struct test_case *test_case = tasks->cases->pdata[i];
		double seconds = matrix_seconds(tasks->matrix, test_case->name);

		sum += seconds;
		known += seconds > 0;
	}
	return known ? sum / known : UNKNOWN_SECONDS;
}

static void add_progress(struct matrix_tasks *tasks, const struct bug *bug, double usual,
			 struct matrix_progress *progress)
{
	gboolean any = FALSE;

	for (guint i = 0; i < tasks->cases->len; i++) {
		const struct test_case *test_case = tasks->cases->pdata[i];
		double seconds = matrix_seconds(tasks->matrix, test_case->name);
		enum state state;

		if (!is_reached(bug, test_case))
			continue;
		state = state_of(tasks, bug, test_case);
		progress->all++;
		progress->done += state == DONE;
		progress->stale += state == STALE;
		if (state != DONE)
			progress->seconds_left += seconds > 0 ? seconds : usual;
		any = any || state != DONE;
	}
	if (any)
		progress->seconds_left += BUILD_SECONDS;
}

struct matrix_progress matrix_tasks_progress(struct matrix_tasks *tasks)
{
	struct matrix_progress progress = { 0 };
	double usual = usual_seconds(tasks);

	add_progress(tasks, NULL, usual, &progress);
	for (guint i = 0; i < tasks->bugs->len; i++)
		add_progress(tasks, tasks->bugs->pdata[i], usual, &progress);
	return progress;
}
