// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry bisect`: tells `git bisect run` whether the tree at hand is good. */
#include <stdio.h>
#include <string.h>

#include "cli/bisect-steps.h"
#include "cli/command.h"
#include "util/interrupt.h"

/* What `git bisect run` understands; it stops at anything from 128 on. */
enum git_status {
	GIT_GOOD = 0,
	GIT_BAD = 1,
	GIT_SKIP = 125,
	GIT_STOP = 128,
};

static int stop(const char *message)
{
	usage_error("%s", message);
	return GIT_STOP;
}

/* Prints the last line, which is meant for the bisection's log and for a commit message. */
static int conclude(int status, const struct bisect_options *options, const struct built *built,
		    const struct bisect_seen *seen)
{
	static const char *const words[] = { "good", "bad" };
	g_autofree char *patterns = g_strjoinv(" ", options->patterns);
	const struct repeat *repeat = &seen->repeat;
	guint runs = repeat->passed + repeat->failed;

	printf("ferry bisect: %s: %s: %s", status == GIT_SKIP ? "cannot tell" : words[status],
	       options->qemu ? "QEMU" : "Linux", built->commit ?: "this commit");
	printf(", %s%s%s", patterns, options->test ? " test " : "", options->test ?: "");
	if (seen->where)
		printf(" (%s)", seen->where);
	if (runs)
		printf(": failed %u of %u run%s", repeat->failed, runs, runs == 1 ? "" : "s");
	if (seen->first)
		printf("; first: %s", seen->first);
	if (status == GIT_SKIP && seen->unclear)
		printf("; %s", seen->unclear);
	printf("\n");
	if (fflush(stdout) || ferror(stdout))
		return stop("cannot write to standard output");
	return status;
}

static int judge(const struct bisect_options *options, const struct built *built,
		 struct bisect_seen *seen)
{
	g_autofree char *certainty = repeat_certainty(&seen->repeat);
	enum answer answer = repeat_answer(&seen->repeat);

	if (seen->missing) {
		usage_error("%s", seen->unclear);
		return GIT_STOP;
	}
	if (!seen->unclear && (answer == ANSWER_OPEN || answer == ANSWER_UNCLEAR))
		seen->unclear = g_strdup("the runner ended without all results");
	if (options->repeat > 1)
		printf("%s\n", certainty);
	switch (answer) {
	case ANSWER_GOOD:
		return conclude(GIT_GOOD, options, built, seen);
	case ANSWER_BAD:
		return conclude(GIT_BAD, options, built, seen);
	default:
		return conclude(GIT_SKIP, options, built, seen);
	}
}

/* Each commit has a folder for logs, named by the first word of what the commit is called. */
static char *log_folder(const struct bisect_options *options, const struct built *built)
{
	g_autofree char *name = g_strndup(built->commit, strcspn(built->commit, " ,"));

	return g_build_filename(options->logdir, name, NULL);
}

static int bisect(int argc, char **argv)
{
	const struct bisect_options *options;
	g_autoptr(GError) error = NULL;
	g_autofree char *logdir = NULL;
	struct bisect_seen seen = { 0 };
	struct built built = { 0 };
	int status;

	if (!(options = bisect_options_parse(argc, argv, &error)))
		return stop(error->message);
	interrupt_watch();
	switch (bisect_build(options, &built)) {
	case BUILD_INTERRUPTED:
		return EXIT_INTERRUPTED;
	case BUILD_IMPOSSIBLE:
		return GIT_STOP;
	case BUILD_FAILED:
		seen.unclear = g_strdup("it does not build");
		status = conclude(GIT_SKIP, options, &built, &seen);
		break;
	case BUILD_DONE:
		logdir = log_folder(options, &built);
		bisect_run(options, &built, logdir, &seen);
		status = seen.interrupted ? EXIT_INTERRUPTED : judge(options, &built, &seen);
		break;
	default:
		g_assert_not_reached();
	}
	bisect_seen_clear(&seen);
	g_free(built.commit);
	g_free(built.path);
	return status;
}

const struct command bisect_command = {
	.name = "bisect",
	.about = "build a Linux or QEMU tree, and tell 'git bisect run' whether it is good",
	.run = bisect,
};
