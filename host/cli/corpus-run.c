// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the cases of the corpus. See corpus-run.h. */
#include "cli/corpus-build.h"
#include "cli/corpus-run.h"
#include "lab/kinds.h"
#include "run/schedule.h"
#include "run/select.h"

/* Where the build of this kind goes. */
static char **place_of(struct corpus_build *build, const struct bug_kind *kind)
{
	return kind->builds_unpatched ? &build->qemu : &build->modules;
}

/* Fills in one part of BUILD. */
static gboolean build_part(struct corpus *corpus, const struct bug_kind *kind, const char *patch,
			   struct corpus_build *build, GError **error)
{
	g_autofree char *folder = g_build_filename(corpus->logdir, build->label, NULL);
	g_autofree char *log = g_build_filename(folder, "build", NULL);
	char **place = place_of(build, kind);

	g_mkdir_with_parents(folder, 0755);
	*place = bug_kind_build(kind, patch, log, error);
	corpus->interrupted = !*place && !*error;
	return *place != NULL;
}

static gboolean build_with(struct corpus *corpus, const struct bug *bug, struct corpus_build *build,
			   GError **error)
{
	return !bug->with || build_part(corpus, bug->with_kind, bug->with, build, error);
}

gboolean corpus_build(struct corpus *corpus, const struct bug *bug, struct corpus_build *build,
		      GError **error)
{
	return build_with(corpus, bug, build, error) &&
	       build_part(corpus, bug->kind, bug->path, build, error);
}

gboolean corpus_build_unbroken(struct corpus *corpus, const struct bug *bug,
			       struct corpus_build *build, GError **error)
{
	return build_with(corpus, bug, build, error) &&
	       (!bug->kind->builds_unpatched || build_part(corpus, bug->kind, NULL, build, error));
}

void corpus_build_clear(struct corpus_build *build)
{
	g_free(build->modules);
	g_free(build->qemu);
}

GPtrArray *corpus_select(struct corpus *corpus, char **patterns, char **plans, const char *clock,
			 GError **error)
{
	struct selection selection = {
		.patterns = patterns,
		.plan_names = plans,
		.wanted = &corpus->wanted,
		.accel = "kvm",
		.host = ANY_LAB,
		.lab_clock = clock,
	};

	return select_cases(corpus->suite, &selection, error);
}

gboolean corpus_run(struct corpus *corpus, GPtrArray *cases, const struct corpus_build *build,
		    const struct reporter *reporter, void *data)
{
	g_autofree char *logdir = g_build_filename(corpus->logdir, build->label, NULL);
	struct lab_settings lab = {
		/* KVM's modules are built for this kernel. */
		.options = { .kernel = "small", .modules = build->modules },
		.wanted = &corpus->wanted,
	};
	struct durations *durations = durations_open(corpus->settings.environment, &corpus->wanted);
	struct reports *reports = reports_new();

	reports_add(reports, reporter, data);
	corpus->settings.logdir = logdir;
	corpus->wanted.qemu = build->qemu;
	corpus->interrupted = schedule_run(cases, &corpus->settings, &lab, corpus->known_issues,
					   durations, corpus->jobs, reports)
				      .not_run > 0;
	durations_close(durations);
	reports_free(reports);
	return !corpus->interrupted;
}
