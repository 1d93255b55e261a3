// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the cases of the corpus. See corpus-run.h. */
#include "cli/corpus-build.h"
#include "cli/corpus-run.h"
#include "lab/kinds.h"
#include "run/schedule.h"
#include "run/select.h"

char *corpus_build(struct corpus *corpus, const struct bug *bug, GError **error)
{
	g_autofree char *folder = g_build_filename(corpus->logdir, bug->name, NULL);
	g_autofree char *log = g_build_filename(folder, "build", NULL);
	char *built;

	g_mkdir_with_parents(folder, 0755);
	built = bug_kind_build(bug->kind, bug->path, log, error);
	corpus->interrupted = !built && !*error;
	return built;
}

struct corpus_build corpus_build_of(const struct bug_kind *kind, const char *built,
				    const char *label)
{
	gboolean is_qemu = kind && kind->builds_unpatched;

	return (struct corpus_build){
		.modules = is_qemu ? NULL : built,
		.qemu = is_qemu ? built : NULL,
		.label = label,
	};
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
	corpus->wanted.qemu = (char *)build->qemu;
	corpus->interrupted = schedule_run(cases, &corpus->settings, &lab, corpus->known_issues,
					   durations, corpus->jobs, reports)
				      .not_run > 0;
	durations_close(durations);
	reports_free(reports);
	return !corpus->interrupted;
}
