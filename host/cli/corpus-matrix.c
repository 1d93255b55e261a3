// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry corpus matrix`: runs the cases that can reach what each patch breaks, and keeps in
 * corpus/matrix which of them notice it and how soon.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/corpus-bug.h"
#include "cli/corpus-matrix.h"
#include "cli/matrix-tasks.h"
#include "util/text.h"

/*
 * The least limit for a case, in seconds. A patched KVM may make its guest wait forever, but a
 * lab on a busy machine is slow as well.
 */
#define LEAST_TIMEOUT 240
/* A case may also take this many times as long as on unpatched KVM. */
#define TIMES_LONGER 4
/* If a lab dies, another one runs the cases that are left. A task gets this many labs at most. */
#define MOST_LABS 8

struct measuring {
	struct corpus *corpus;
	struct matrix *matrix;
	struct matrix_tasks *tasks;
	const char *path;
	gint64 began;	    /* monotonic time, in microseconds */
	double began_with;  /* expected seconds that were left then */
	guint lines_before; /* that were done when this began */
};

/* One task while its cases run. */
struct round {
	struct measuring *measuring;
	const struct bug *bug;
	GHashTable *started; /* set of struct test_case */
	GError *error;	     /* the results cannot be kept; NULL: they can */
	guint measured, noticed;
	double soonest;
	char *first; /* "CASE (TEST, after 3.1 s)" of the case that noticed it soonest, or NULL */
};

/* ---- from results to lines ---- */

static enum matrix_verdict verdict_of(const struct result *result)
{
	switch (result->verdict) {
	case VERDICT_PASS:
		return MATRIX_PASS;
	case VERDICT_XFAIL:
		return MATRIX_XFAIL;
	case VERDICT_SKIP:
		return MATRIX_SKIP;
	case VERDICT_FAIL:
		return MATRIX_FAIL;
	default:
		return MATRIX_ERROR;
	}
}

void matrix_line_set_end(struct matrix_line *line, const struct result *result)
{
	gint64 end_ns = result->duration_ns;

	line->test = NULL;
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];
		gint64 failed_at_ns =
			test->failed_at_ns >= 0 ? test->failed_at_ns : result->duration_ns;

		if (g_strcmp0(test->verdict, "fail") || (line->test && failed_at_ns >= end_ns))
			continue;
		line->test = test->name;
		end_ns = failed_at_ns;
	}
	line->seconds = end_ns / 1e9;
}

static void note_noticed(struct round *round, const struct matrix_line *line)
{
	round->noticed++;
	if (round->first && round->soonest <= line->seconds)
		return;
	g_free(round->first);
	round->soonest = line->seconds;
	round->first = g_strdup_printf("%s (%s, after %.1f s)", line->case_name,
				       line->test ?: "no test's end", line->seconds);
}

static void on_started(void *data, const struct test_case *test_case)
{
	struct round *round = data;

	g_hash_table_add(round->started, (gpointer)test_case);
}

static void on_ended(void *data, const struct result *result)
{
	struct round *round = data;
	g_autofree char *hash = matrix_hash(round->bug, result->test_case);
	struct matrix_line line = {
		.patch = round->bug ? round->bug->name : (char *)MATRIX_UNPATCHED,
		.case_name = result->test_case->name,
		.verdict = verdict_of(result),
		.hash = hash,
	};

	/* The lab had died before this case's turn, so nothing is known of it. */
	if (!g_hash_table_contains(round->started, result->test_case))
		return;
	matrix_line_set_end(&line, result);
	matrix_set(round->measuring->matrix, &line);
	if (!round->error)
		matrix_write(round->measuring->matrix, round->measuring->path, &round->error);
	printf("  %-5s %s %s, %.1f s%s%s\n", verdict_name(result->verdict), line.patch,
	       line.case_name, line.seconds, line.test ? ", " : "", line.test ?: "");
	fflush(stdout);
	round->measured++;
	if (line.verdict == MATRIX_FAIL || line.verdict == MATRIX_ERROR)
		note_noticed(round, &line);
}

static const struct reporter matrix_reporter = {
	.started = on_started,
	.ended = on_ended,
};

/* ---- one build ---- */

static void set_limit(struct measuring *measuring, GPtrArray *cases)
{
	double longest = 0;

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		longest = MAX(longest, matrix_seconds(measuring->matrix, test_case->name));
	}
	measuring->corpus->wanted.timeout = MAX(LEAST_TIMEOUT, TIMES_LONGER * longest);
}

/* Cases of TASK that have not started. The caller unrefs the array. */
static GPtrArray *not_started(const struct round *round, const struct matrix_task *task)
{
	GPtrArray *cases = g_ptr_array_new();

	for (guint i = 0; i < task->cases->len; i++)
		if (!g_hash_table_contains(round->started, task->cases->pdata[i]))
			g_ptr_array_add(cases, task->cases->pdata[i]);
	return cases;
}

/* Nothing can be measured with this patch as it is, and VERDICT says why. */
static void note_no_case(struct round *round, enum matrix_verdict verdict)
{
	g_autofree char *hash = matrix_hash(round->bug, NULL);

	matrix_set(round->measuring->matrix, &(struct matrix_line){
						     .patch = round->bug->name,
						     .case_name = (char *)MATRIX_NO_CASE,
						     .verdict = verdict,
						     .hash = hash,
					     });
}

/* Runs the task's cases, in a further lab those that a dead lab has left. */
static void run_task(struct round *round, const struct matrix_task *task,
		     const struct corpus_build *build)
{
	struct corpus *corpus = round->measuring->corpus;
	char *words[] = { (char *)FAIL_FAST, NULL };

	/* What comes after a failure tells nothing. On unpatched KVM the whole time is wanted. */
	corpus->wanted.args = task->bug ? words : NULL;
	for (guint labs = 0; labs < MOST_LABS && !corpus->interrupted; labs++) {
		g_autoptr(GPtrArray) cases = not_started(round, task);
		guint before = g_hash_table_size(round->started);

		if (!cases->len)
			return;
		set_limit(round->measuring, cases);
		corpus_run(corpus, cases, build, &matrix_reporter, round);
		if (g_hash_table_size(round->started) == before)
			return;
	}
}

/* Builds what the task's patch breaks. FALSE if that failed. */
static gboolean build_patched(struct round *round, struct corpus_build *build)
{
	g_autoptr(GError) error = NULL;
	gboolean built = corpus_build(round->measuring->corpus, round->bug, build, &error);

	if (error) {
		printf("%s: cannot be built: %s\n", round->bug->name, error->message);
		note_no_case(round, MATRIX_NOT_BUILT);
	} else if (built) {
		matrix_remove(round->measuring->matrix, round->bug->name, MATRIX_NO_CASE);
	}
	return built;
}

/* ---- what the user sees ---- */

static char *time_left(struct measuring *measuring, const struct matrix_progress *progress)
{
	double elapsed = (g_get_monotonic_time() - measuring->began) / 1e6;
	double done = measuring->began_with - progress->seconds_left;
	/* Until something is done, labs side by side are assumed to be as fast as one alone. */
	double pace = done > 0 && elapsed > 0 ? elapsed / done : 1.0 / measuring->corpus->jobs;

	return text_rough_duration(progress->seconds_left * pace);
}

static void tell_round(const struct round *round)
{
	struct measuring *measuring = round->measuring;
	struct matrix_progress progress = matrix_tasks_progress(measuring->tasks);
	g_autofree char *left = time_left(measuring, &progress);
	const char *name = round->bug ? round->bug->name : MATRIX_UNPATCHED;

	printf("%s: %u of %u cases %s%s%s; %u of %u measured%s, about %s left\n", name,
	       round->noticed, round->measured, round->bug ? "notice it" : "fail",
	       round->first ? ", soonest " : "", round->first ?: "", progress.done, progress.all,
	       measuring->corpus->interrupted ? ", interrupted" : "", left);
	fflush(stdout);
}

/* FALSE if the results cannot be kept. */
static gboolean measure(struct measuring *measuring, const struct matrix_task *task)
{
	struct round round = {
		.measuring = measuring,
		.bug = task->bug,
		.started = g_hash_table_new(NULL, NULL),
	};
	struct corpus_build build = { .label = task->bug ? task->bug->name : MATRIX_UNPATCHED };
	gboolean kept;

	if (!task->bug || build_patched(&round, &build)) {
		run_task(&round, task, &build);
		if (!g_hash_table_size(round.started) && !measuring->corpus->interrupted) {
			printf("%s: no lab ran a case with it; its logs are in %s/%s\n",
			       build.label, measuring->corpus->logdir, build.label);
			if (task->bug)
				note_no_case(&round, MATRIX_NO_BOOT);
		}
	}
	if (!round.error)
		matrix_write(measuring->matrix, measuring->path, &round.error);
	tell_round(&round);
	kept = !round.error;
	if (!kept)
		usage_error("the results cannot be kept: %s", round.error->message);
	g_clear_error(&round.error);
	corpus_build_clear(&build);
	g_hash_table_unref(round.started);
	g_free(round.first);
	return kept;
}

/* ---- the course ---- */

/*
 * Returns a file descriptor, which keeps the lock until it is closed. -1 and ERROR if someone else
 * writes the matrix.
 */
static int lock_folder_of(const char *path, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot open %s: %s", folder, g_strerror(errno));
		return -1;
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	g_set_error(error, FERRY_ERROR, 0,
		    "another 'ferry corpus matrix' is writing %s; wait until it has ended", path);
	close(fd);
	return -1;
}

/* Leaves out what no lab can run here. */
static void drop_skipped(GPtrArray *cases)
{
	for (guint i = cases->len; i-- > 0;) {
		const struct test_case *test_case = cases->pdata[i];

		if (test_case->skip_reason)
			g_ptr_array_remove_index(cases, i);
	}
}

static int run_tasks(struct measuring *measuring)
{
	struct matrix_progress progress = matrix_tasks_progress(measuring->tasks);
	g_autofree char *left = NULL;
	struct matrix_task task;
	gboolean kept = TRUE;

	measuring->began = g_get_monotonic_time();
	measuring->began_with = progress.seconds_left;
	measuring->lines_before = progress.done;
	left = time_left(measuring, &progress);
	printf("%u of %u measured, %u of the others are stale; about %s left\n", progress.done,
	       progress.all, progress.stale, left);
	fflush(stdout);
	while (kept && !measuring->corpus->interrupted &&
	       matrix_tasks_next(measuring->tasks, &task)) {
		kept = measure(measuring, &task);
		g_ptr_array_unref(task.cases);
	}
	progress = matrix_tasks_progress(measuring->tasks);
	if (!kept)
		return EXIT_USAGE;
	if (measuring->corpus->interrupted) {
		printf("interrupted: %u results are new, %u of %u are in %s; the same command goes on from here\n",
		       progress.done - measuring->lines_before, progress.done, progress.all,
		       measuring->path);
		return EXIT_INTERRUPTED;
	}
	printf("%u of %u are in %s\n", progress.done, progress.all, measuring->path);
	return progress.done == progress.all ? EXIT_ALL_PASSED : EXIT_SOME_FAILED;
}

/*
 * Those of BUGS that need no companion: nothing unpatched was measured with one. The caller unrefs
 * the array.
 */
static GPtrArray *without_companions(const GPtrArray *bugs)
{
	GPtrArray *alone = g_ptr_array_new();

	for (guint i = 0; i < bugs->len; i++)
		if (!((const struct bug *)bugs->pdata[i])->with)
			g_ptr_array_add(alone, bugs->pdata[i]);
	return alone;
}

int corpus_matrix(struct corpus *corpus, const GPtrArray *bugs,
		  const struct matrix_options *options)
{
	struct measuring measuring = { .corpus = corpus, .path = options->path };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) alone = without_companions(bugs);
	g_autoptr(GPtrArray) cases =
		corpus_select(corpus, options->cases, options->plans, NULL, &error);
	int status, lock = -1;

	if (!cases || (lock = lock_folder_of(options->path, &error)) < 0 ||
	    !(measuring.matrix = matrix_read_or_new(options->path, &error))) {
		if (lock >= 0)
			close(lock);
		return usage_error("%s", error->message);
	}
	drop_skipped(cases);
	measuring.tasks = matrix_tasks_new(measuring.matrix, alone, cases, options->plans);
	status = run_tasks(&measuring);
	matrix_tasks_free(measuring.tasks);
	matrix_free(measuring.matrix);
	close(lock);
	return status;
}
