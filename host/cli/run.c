// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry run`: runs cases and reports their results. */
#include <stdio.h>

#include "cli/against.h"
#include "cli/command.h"
#include "cli/project.h"
#include "cli/report-options.h"
#include "cli/rerun.h"
#include "cli/run-again.h"
#include "cli/run-cases.h"
#include "cli/run-options.h"
#include "cli/watch-options.h"
#include "run/environment.h"
#include "run/durations.h"
#include "run/folders.h"
#include "run/known-issues.h"
#include "run/narrow.h"
#include "run/pick.h"
#include "run/schedule.h"
#include "run/select.h"
#include "run/speed.h"
#include "suite/kvm-wanted.h"
#include "util/interrupt.h"
#include "util/kvm.h"
#include "util/paths.h"
#include "util/text.h"
#include "util/version.h"

/* The program that measures a host's speed. */
#define CALIBRATION "calibrate"

/* In this round (--until-fail) some case passed, or failed as known. */
static gboolean some_case_ran;
/* How many cases the run has, with those of other shards. */
static guint all_cases;
static gint64 run_started; /* CLOCK_REALTIME, ns */

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

/* AGAINST is what the run was compared with, or NULL. */
static int exit_status(const struct schedule_outcome *outcome, gboolean complete, gboolean no_skip,
		       const struct against *against)
{
	gboolean red = against ? against_worse(against) || outcome->not_run
			       : counts_red(&outcome->counts) > 0;

	if (outcome->interrupted && outcome->not_run)
		return EXIT_INTERRUPTED;
	if (!complete)
		return EXIT_USAGE;
	if (red || (no_skip && outcome->counts.cases[VERDICT_SKIP]))
		return EXIT_SOME_FAILED;
	return EXIT_ALL_PASSED;
}

/* Tells why labs are used before they take their time, e.g. if the user may not open /dev/kvm. */
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

/* A known issue that is not seen any more could hide the next failure of its test. */
static void tell_unmatched(GPtrArray *known_issues, struct reports *reports)
{
	g_auto(GStrv) lines = known_issues_unmatched(known_issues);

	for (char **line = lines; *line; line++)
		reports_note(reports, *line);
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
	struct against *against = NULL;
	gboolean complete;
	int status;

	/* Read it first: a report may write to the same file. */
	if (watch_options()->against &&
	    !(against = against_open(watch_options()->against, cases, options->wanted.kvm, &error)))
		return usage_error("%s", error->message);
	if (!report_options_begin(reports, settings->environment, cases, &error))
		return usage_error("%s", error->message);
	if (against)
		against_add(against, reports, report_options_for_people() ? stdout : stderr);
	tell_why_labs(cases, reports);
	outcome = schedule_run(cases, settings, &lab_settings, known_issues, durations,
			       options->jobs, reports);
	some_case_ran = outcome.counts.cases[VERDICT_PASS] || outcome.counts.cases[VERDICT_XFAIL];
	tell_unmatched(known_issues, reports);
	complete = end_reports(reports, &outcome);
	reports_free(reports);
	status = exit_status(&outcome, complete, options->no_skip, against);
	if (against)
		against_free(against);
	return status;
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

static gboolean is_used(const struct vmm *vmm, const GPtrArray *cases)
{
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (test_case->vmm == vmm && !test_case->skip_reason)
			return TRUE;
	}
	return FALSE;
}

static void uses_free(GArray *uses)
{
	for (guint i = 0; i < uses->len; i++) {
		struct vmm_use *use = &g_array_index(uses, struct vmm_use, i);

		vmm_programs_clear(&use->programs);
		if (use->environment)
			environment_free(use->environment);
	}
	g_array_unref(uses);
}

/*
 * The VMMs that CASES use, of struct vmm_use. Their programs are looked for before anything starts.
 * The caller frees the array with uses_free(). NULL and ERROR if something is missing.
 */
static GArray *find_vmms(const GPtrArray *cases, const struct settings *wanted, GError **error)
{
	GArray *uses = g_array_new(TRUE, TRUE, sizeof(struct vmm_use));

	for (const struct vmm *const *vmm = vmms; *vmm; vmm++) {
		struct vmm_use use = { .vmm = *vmm };
		gboolean found;

		if (!is_used(*vmm, cases))
			continue;
		found = (*vmm)->find_programs(&use.programs, wanted, error);
		g_array_append_val(uses, use);
		if (found)
			continue;
		uses_free(uses);
		return NULL;
	}
	return uses;
}

/* The library that makes QEMU wait for forks, or NULL. The caller frees it. */
static char *find_preforked(gboolean prefork)
{
	g_autofree char *path = build_path("lab/preforked.so");

	if (!prefork || !g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return g_canonicalize_filename(path, NULL);
}

static struct environment *environment_of(const char *vmm, const struct vmm_programs *programs,
					  const struct run_options *options,
					  const struct suite *suite, const char *accel)
{
	struct environment *environment = environment_here(
		vmm, programs->binary, programs->other_binary, accel, options->wanted.seed);

	environment->cpu_emulated = options->emulated;
	/* lab/common.sh sets the variable. */
	if (options->emulated && *(g_getenv("FERRY_EMULATOR") ?: ""))
		environment->emulator_version = g_strdup(g_getenv("FERRY_EMULATOR"));
	environment->firmware = g_strdup(options->wanted.firmware);
	environment->kvm = g_strdup(options->wanted.kvm);
	environment->ferry = g_strdup(ferry_version());
	environment->run_cases = all_cases;
	environment->run_started = run_started;
	environment->options = run_again_words(options);
	if (watch_options()->shard.count)
		environment->shard = g_strdup_printf("%u/%u", watch_options()->shard.index,
						     watch_options()->shard.count);
	if (options->in_lab) {
		/* Known issues are those of the lab. */
		g_free(environment->host);
		environment->host = g_strdup(options->in_lab);
	}
	environment->machine =
		g_strdup(suite->kvm_unit_tests ? programs->types.pc : programs->types.q35);
	return environment;
}

/*
 * Sets the environment of each of USES, and returns that of the whole run, which names all VMMs
 * ("qemu and native") and the first one's program. The caller frees it.
 */
static struct environment *environments(GArray *uses, const struct run_options *options,
					const struct suite *suite, const char *accel)
{
	static const struct vmm_programs none;
	g_autoptr(GString) names = g_string_new(NULL);
	const struct vmm_programs *first = &none;

	for (guint i = 0; i < uses->len; i++) {
		struct vmm_use *use = &g_array_index(uses, struct vmm_use, i);

		use->environment =
			environment_of(use->vmm->name, &use->programs, options, suite, accel);
		g_string_append_printf(names, "%s%s", i ? " and " : "", use->vmm->name);
		if (!i)
			first = &use->programs;
	}
	/* All cases are skipped. */
	if (!uses->len)
		g_string_append(names, vmms[0]->name);
	return environment_of(names->str, first, options, suite, accel);
}

static void set_timescale(struct environment *environment, GArray *uses, double timescale)
{
	environment->timescale = timescale;
	for (guint i = 0; i < uses->len; i++)
		g_array_index(uses, struct vmm_use, i).environment->timescale = timescale;
}

/* A budget has left out some of the cases. With shards nobody knows how many in the others. */
static void count_cases(struct environment *environment, GArray *uses, guint cases)
{
	if (environment->shard)
		return;
	environment->run_cases = cases;
	for (guint i = 0; i < uses->len; i++)
		g_array_index(uses, struct vmm_use, i).environment->run_cases = cases;
}

/* Runs CASES, after all that they need was found. */
static int run_with(GPtrArray *cases, const struct run_options *options, const struct suite *suite,
		    const struct selection *selection, GArray *uses, GPtrArray *known_issues)
{
	g_autofree char *preforked = find_preforked(options->prefork);
	g_autoptr(GError) error = NULL;
	struct run_folders folders;
	struct environment *environment;
	struct durations *durations;
	int status;

	if (!run_folders_open(&folders, options->logdir, &error))
		return usage_error("%s", error->message);
	environment = environments(uses, options, suite, selection->accel);

	const struct case_settings settings = {
		.wanted = &options->wanted,
		.environment = environment,
		.vmms = (const struct vmm_use *)uses->data,
		.logdir = folders.logs,
		.socket_dir = folders.sockets,
		.kvm_unit_tests = suite->kvm_unit_tests,
		.emulated_host = options->emulated,
		.known_issues = known_issues,
		.lab = options->in_lab,
		.preforked = preforked,
	};

	set_timescale(environment, uses, find_timescale(cases, suite, &settings));
	durations = durations_open(environment, &options->wanted);
	if (keep_to_budget(cases, options, durations, &error)) {
		count_cases(environment, uses, cases->len);
		status = run_cases(cases, options, &settings, known_issues, durations);
	} else {
		status = usage_error("%s", error->message);
	}
	durations_close(durations);
	for (const struct vmm_use *use = settings.vmms; use->vmm; use++)
		if (use->vmm->end)
			use->vmm->end();
	run_folders_close(&folders);
	environment_free(environment);
	return status;
}

/*
 * A parameter of --kvm that nothing here has is a mistake, unless a lab's KVM may have it. The
 * runner in a lab skips what does not hold: its modules were looked at before they were loaded.
 */
static gboolean check_kvm(const struct run_options *options, GError **error)
{
	const char *accel = options->wanted.accel;
	gboolean only_here = accel || !g_strcmp0(options->host, "local");

	if (!options->wanted.kvm || options->in_lab)
		return TRUE;
	if (!g_strcmp0(accel, "tcg")) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"--kvm is about KVM's modules, and --accel tcg runs without KVM; leave one out");
		return FALSE;
	}
	return !only_here || kvm_wanted_known(options->wanted.kvm, error);
}

/* Runs all cases that OPTIONS name once. */
static int run_round(const struct run_options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) cases = NULL, known_issues = NULL;
	struct selection selection = { 0 };
	GArray *uses;
	g_auto(GStrv) patterns = NULL;
	struct suite *suite;
	int status;

	if ((options->wanted.vmm && !(selection.vmm = vmm_find(options->wanted.vmm, &error))) ||
	    !(selection.accel = choose_accel(options->wanted.accel, options->host, &error)) ||
	    !check_kvm(options, &error) || !(suite = load_suite(&options->wanted, &error)) ||
	    !(known_issues = load_known_issues(options->wanted.known_issues, &error)))
		return usage_error("%s", error->message);

	if (watch_options()->strict)
		known_issues_be_strict(known_issues);
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
	if (!cases ||
	    !narrow_cases(cases, suite, watch_options()->exclude, watch_options()->groups, &error))
		return usage_error("%s", error->message);
	all_cases = cases->len;
	run_started = g_get_real_time() * 1000;
	if (watch_options()->shard.count)
		shard_keep(cases, &watch_options()->shard);
	if (!(uses = find_vmms(cases, &options->wanted, &error)))
		return usage_error("%s", error->message);

	status = run_with(cases, options, suite, &selection, uses, known_issues);
	uses_free(uses);
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
