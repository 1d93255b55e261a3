// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry run`: runs cases and reports their results. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/project.h"
#include "cli/report-options.h"
#include "cli/rerun.h"
#include "cli/run-cases.h"
#include "cli/run-options.h"
#include "run/environment.h"
#include "run/durations.h"
#include "run/folders.h"
#include "run/pick.h"
#include "run/schedule.h"
#include "run/select.h"
#include "run/speed.h"
#include "util/interrupt.h"
#include "util/kvm.h"
#include "util/paths.h"
#include "util/text.h"

/* The program that measures a host's speed. */
#define CALIBRATION "calibrate"

/* In the last round of --until-fail. */
static gboolean some_case_ran;

/* FALSE if a report is incomplete; the user is told which. */
static gboolean end_reports(struct reports *reports, const struct schedule_outcome *outcome)
{
	g_auto(GStrv) problems =
		reports_end(reports, outcome->not_run,
			    outcome->interrupted ? "interrupted" : "ended at the first failure");

	for (char **problem = problems; *problem; problem++)
		usage_error("%s", *problem);
	return !*problems;
}

static int exit_status(const struct schedule_outcome *outcome, gboolean complete, gboolean no_skip)
{
	if (outcome->interrupted && outcome->not_run)
		return EXIT_INTERRUPTED;
	if (!complete)
		return EXIT_USAGE;
	if (counts_red(&outcome->counts) || (no_skip && outcome->counts.cases[VERDICT_SKIP]))
		return EXIT_SOME_FAILED;
	return EXIT_ALL_PASSED;
}

/* A user who has a /dev/kvm and may not use it, say, learns that before labs take their time. */
static void tell_why_labs(const GPtrArray *cases, struct reports *reports)
{
	for (guint i = 0; kvm_problem() && i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (g_strcmp0(test_case->why, kvm_problem()))
			continue;
		g_autofree char *note =
			g_strdup_printf("no local KVM, so cases run in labs: %s", kvm_problem());

		reports_note(reports, note);
		return;
	}
}

static int run_cases(GPtrArray *cases, const struct run_options *options,
		     const struct case_settings *settings, GPtrArray *known_issues,
		     struct durations *durations)
{
	const struct lab_settings lab_settings = { .options = options->lab,
						   .wanted = &options->wanted };
	struct reports *reports = reports_new();
	g_autoptr(GError) error = NULL;
	struct schedule_outcome outcome;
	gboolean complete;

	if (!report_options_begin(reports, settings->environment, cases, &error))
		return usage_error("%s", error->message);
	tell_why_labs(cases, reports);
	outcome = schedule_run(cases, settings, &lab_settings, known_issues, durations,
			       options->jobs, reports);
	some_case_ran = outcome.counts.cases[VERDICT_PASS] || outcome.counts.cases[VERDICT_XFAIL];
	complete = end_reports(reports, &outcome);
	reports_free(reports);
	return exit_status(&outcome, complete, options->no_skip);
}

static gboolean some_run_here(const GPtrArray *cases)
{
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (!test_case->skip_reason && g_str_equal(test_case->host, "local"))
			return TRUE;
	}
	return FALSE;
}

/* The factor for deadlines on this machine, which a program of OURS measures; 1 without it. */
static double measure_timescale(const struct suite *ours, const struct case_settings *settings)
{
	for (guint i = 0; i < ours->programs->len; i++) {
		const struct program *program = ours->programs->pdata[i];
		g_autofree char *problem = NULL;
		double timescale;

		if (!g_str_equal(program->name, CALIBRATION))
			continue;
		timescale = speed_timescale(program, settings, settings->environment, &problem);
		if (problem)
			usage_error("cannot measure this host, so deadlines stay as they are: %s",
				    problem);
		return timescale;
	}
	return 1;
}

/* Nothing is measured if no case runs here. The runner in a lab measures the lab. */
static double find_timescale(const GPtrArray *cases, const struct suite *suite,
			     const struct case_settings *settings)
{
	struct suite *ours;
	double timescale;

	if (settings->wanted->timescale)
		return settings->wanted->timescale;
	if (!some_run_here(cases))
		return 1;
	if (!suite->kvm_unit_tests)
		return measure_timescale(suite, settings);
	/* Another project's deadlines are for fast hosts, too. */
	ours = load_suite(&default_settings, NULL);
	if (!ours)
		return 1;
	timescale = measure_timescale(ours, settings);
	suite_free(ours);
	return timescale;
}

/* The VMM's programs and machine types, which are looked for before anything starts. */
struct programs {
	char *binary, *other_binary;
	struct machine_types types;
};

static gboolean find_programs(struct programs *programs, const struct vmm *vmm,
			      const struct settings *wanted, GError **error)
{
	programs->binary = vmm->find_program(wanted->qemu, error);
	if (!programs->binary)
		return FALSE;
	if (wanted->qemu_dst) {
		programs->other_binary = g_find_program_in_path(wanted->qemu_dst);
		if (!programs->other_binary) {
			g_set_error(error, FERRY_ERROR, 0, "--qemu-dst: there is no program '%s'",
				    wanted->qemu_dst);
			return FALSE;
		}
	}
	return vmm->choose_machine_types(&programs->types, wanted->machine, programs->binary,
					 programs->other_binary, error);
}

static void programs_clear(struct programs *programs)
{
	g_free(programs->binary);
	g_free(programs->other_binary);
	g_free(programs->types.q35);
	g_free(programs->types.pc);
}

/* The library that makes QEMU wait for forks, or NULL. The caller frees it. */
static char *find_preforked(gboolean prefork)
{
	g_autofree char *path = build_path("lab/preforked.so");

	if (!prefork || !g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return g_canonicalize_filename(path, NULL);
}

/* Runs CASES, after all that they need was found. */
static int run_with(GPtrArray *cases, const struct run_options *options, const struct suite *suite,
		    const struct selection *selection, const struct programs *programs,
		    GPtrArray *known_issues)
{
	const struct vmm *vmm = selection->vmm;
	g_autofree char *preforked = find_preforked(options->prefork);
	g_autoptr(GError) error = NULL;
	struct run_folders folders;
	struct environment *environment;
	struct durations *durations;
	int status;

	if (!run_folders_open(&folders, options->logdir, &error))
		return usage_error("%s", error->message);
	environment = environment_here(vmm, programs->binary, programs->other_binary,
				       selection->accel, options->wanted.seed);
	environment->cpu_emulated = options->emulated;
	if (options->in_lab) {
		/* Known issues are those of the lab. */
		g_free(environment->host);
		environment->host = g_strdup(options->in_lab);
	}
	environment->machine =
		g_strdup(suite->kvm_unit_tests ? programs->types.pc : programs->types.q35);

	const struct case_settings settings = {
		.wanted = &options->wanted,
		.environment = environment,
		.vmm = vmm,
		.machine_types = &programs->types,
		.logdir = folders.logs,
		.socket_dir = folders.sockets,
		.kvm_unit_tests = suite->kvm_unit_tests,
		.emulated_host = options->emulated,
		.known_issues = known_issues,
		.lab = options->in_lab,
		.preforked = preforked,
	};

	environment->timescale = find_timescale(cases, suite, &settings);
	durations = durations_open(environment, &options->wanted);
	if (keep_to_budget(cases, options, durations, &error))
		status = run_cases(cases, options, &settings, known_issues, durations);
	else
		status = usage_error("%s", error->message);
	durations_close(durations);
	if (vmm->end)
		vmm->end();
	run_folders_close(&folders);
	environment_free(environment);
	return status;
}

/* Once through all cases that OPTIONS name. */
static int run_round(const struct run_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) cases = NULL, known_issues = NULL;
	struct selection selection = { 0 };
	struct programs programs = { 0 };
	g_auto(GStrv) patterns = NULL;
	struct suite *suite;
	int status;

	if (!(selection.vmm = vmm_find(options->wanted.vmm, &error)) ||
	    !(selection.accel = choose_accel(options->wanted.accel, options->host, &error)) ||
	    !(suite = load_suite(&options->wanted, &error)) ||
	    !(known_issues = load_known_issues(&error)))
		return usage_error("%s", error->message);

	selection.wanted = &options->wanted;
	patterns = options->in_order ? pick_patterns(options->patterns)
				     : run_patterns(options, suite, &error);
	if (error)
		return usage_error("%s", error->message);
	selection.patterns = patterns;
	selection.plan_names = options->plans;
	selection.host = options->host;
	selection.lab_clock = options->lab.clock;
	cases = select_cases(suite, &selection, &error);
	if (cases && options->in_order)
		cases = pick_cases(cases, options->patterns, &error);
	if (!cases || !find_programs(&programs, selection.vmm, &options->wanted, &error))
		return usage_error("%s", error->message);

	status = run_with(cases, options, suite, &selection, &programs, known_issues);
	programs_clear(&programs);
	suite_free(suite);
	return status;
}

/* --until-fail: round after round, each with a seed of its own, until a case is red. */
static int run_until_fail(const struct run_options *options)
{
	struct run_options now = *options;

	now.wanted.fail_fast = TRUE;
	for (unsigned round = 1;; round++) {
		int status;

		now.wanted.seed = (guint32)(options->wanted.seed + round - 1);
		printf("round %u\n", round);
		some_case_ran = FALSE;
		status = run_round(&now);
		if (status == EXIT_ALL_PASSED && !some_case_ran)
			return usage_error("--until-fail: no case runs here, so none can fail");
		if (status == EXIT_ALL_PASSED)
			continue;
		if (status != EXIT_USAGE)
			printf("%u round%s passed before\n", round - 1, round == 2 ? "" : "s");
		return status;
	}
}

static int run(int argc, char **argv)
{
	const struct run_options *options;
	struct run_options named;
	struct rerun rerun = { 0 };
	g_autoptr(GError) error = NULL;
	int status;

	if (!(options = run_options_parse(argc, argv, &error)))
		return usage_error("%s", error->message);
	named = *options;
	if (options->rerun && rerun_read(&rerun, options->rerun, &error)) {
		named.patterns = rerun.patterns;
		named.plans = rerun.plans;
	}
	interrupt_watch();
	if (error) {
		status = usage_error("--rerun: %s", error->message);
	} else if (options->rerun && !*rerun.patterns) {
		printf("nothing was red in %s\n", options->rerun);
		status = EXIT_ALL_PASSED;
	} else {
		status = named.until_fail ? run_until_fail(&named) : run_round(&named);
	}
	rerun_clear(&rerun);
	return status;
}

const struct command run_command = {
	.name = "run",
	.about = "run cases",
	.run = run,
};
