// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry run`: runs cases and tells what became of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/report-options.h"
#include "util/interrupt.h"
#include "util/kvm.h"
#include "lab/kinds.h"
#include "run/schedule.h"
#include "run/select.h"
#include "run/speed.h"
#include "util/paths.h"
#include "util/text.h"

#define DEFAULT_QEMU "qemu-system-x86_64"
#define RANDOM_SEED  G_MININT64 /* no --seed was given */
#define CALIBRATION  "calibrate"

/* Paths of UNIX sockets are at most 107 bytes long (unix(7)); ours add some 40. */
#define LONGEST_SOCKET_DIR 60

static struct {
	char *plans, *logdir, *host;
	struct {
		char *kernel, *modules, *clock;
		int boot_seconds;
	} lab;
	int jobs;
	gboolean no_skip, emulated_host, prefork;
	char **patterns;
} options;

static struct settings wanted;

static const GOptionEntry entries[] = {
	{ "jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs,
	  "Fill N CPUs with guests (default: all of this machine)", "N" },
	{ "host", 0, 0, G_OPTION_ARG_STRING, &options.host,
	  "Where the VMM runs: local, the name of a lab, or auto, the first that can (default: "
	  "auto)",
	  "HOST" },
	{ "kernel", 0, 0, G_OPTION_ARG_FILENAME, &options.lab.kernel,
	  "The kernel in labs, a bzImage (default: built by 'ferry lab kernel')", "IMAGE" },
	{ "modules", 0, 0, G_OPTION_ARG_FILENAME, &options.lab.modules,
	  "KVM modules to load into the labs' kernel", "DIR" },
	{ "lab-clock", 0, 0, G_OPTION_ARG_STRING, &options.lab.clock,
	  "A lab whose kernel trusts its TSC, or not: tsc or hpet (default: tsc)", "CLOCK" },
	{ "lab-boot", 0, 0, G_OPTION_ARG_INT, &options.lab.boot_seconds,
	  "How long a lab may take to start the runner inside (default: minutes, by the kind)",
	  "SECONDS" },
	{ "accel", 0, 0, G_OPTION_ARG_STRING, &wanted.accel,
	  "kvm or tcg (default: kvm where it works)", "ACCEL" },
	{ "qemu", 0, 0, G_OPTION_ARG_FILENAME, &wanted.qemu,
	  "The QEMU to test (default: $QEMU or " DEFAULT_QEMU ")", "BINARY" },
	{ "qemu-dst", 0, 0, G_OPTION_ARG_FILENAME, &wanted.qemu_dst,
	  "Move guests to this QEMU, and from it back to the other, and so on", "BINARY" },
	{ "machine", 0, 0, G_OPTION_ARG_STRING, &wanted.machine,
	  "The QEMU machine type (default: q35; of two QEMUs the newest version that both have)",
	  "TYPE" },
	{ "plan", 0, 0, G_OPTION_ARG_STRING, &options.plans,
	  "These plans instead of each program's own, e.g. none,precopy+multifd+tcp", "LIST" },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &wanted.moves,
	  "How often a storm moves a guest, at least (default: " G_STRINGIFY(DEFAULT_MOVES) ")",
	  "N" },
	{ "memory", 0, 0, G_OPTION_ARG_INT, &wanted.memory_mib,
	  "A guest's RAM (default: " G_STRINGIFY(DEFAULT_MEMORY_MIB) ")", "MIB" },
	{ "repeat", 0, 0, G_OPTION_ARG_INT, &wanted.repeat, "Run each case N times", "N" },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &wanted.seed,
	  "Make the same random choices as the run that printed this seed", "N" },
	{ "timescale", 0, 0, G_OPTION_ARG_DOUBLE, &wanted.timescale,
	  "Multiply all deadlines by X (default: as slow as this host was measured to be)", "X" },
	{ "timeout", 0, 0, G_OPTION_ARG_INT, &wanted.timeout,
	  "Seconds for each case instead of what unittests.cfg says", "N" },
	{ "keep-ram", 0, 0, G_OPTION_ARG_NONE, &wanted.keep_ram,
	  "Compare the guest's memory at source and destination in each move, and keep both images "
	  "where they differ or the case fails",
	  NULL },
	{ "no-skip", 0, 0, G_OPTION_ARG_NONE, &options.no_skip, "A skipped case is a failure",
	  NULL },
	{ "arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &wanted.args,
	  "A further word for the guest's command line, e.g. test='smp*'; may be repeated",
	  "WORD" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where each case keeps its logs (default: build/logs)", "DIR" },
	{ "emulated-host", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options.emulated_host,
	  "This machine's CPU is emulated: a VMM may take seconds to answer", NULL },
	{ "prefork", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options.prefork,
	  "Start QEMU once and fork it for each VM", NULL },
	{ "suite", 0, 0, G_OPTION_ARG_FILENAME, &wanted.suite,
	  "Run another suite's unittests.cfg, e.g. that of kvm-unit-tests", "CFG" },
	{ "bindir", 0, 0, G_OPTION_ARG_FILENAME, &wanted.bindir,
	  "Where the suite's flat binaries are (default: beside CFG)", "DIR" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.patterns, NULL,
	  "[PATTERN...]" },
	{ 0 },
};

/* GOption does not know "-j2", which everybody types. */
static void spell_out_jobs(int argc, char **argv)
{
	for (int i = 1; i < argc && !g_str_equal(argv[i], "--"); i++)
		if (g_str_has_prefix(argv[i], "-j") && g_ascii_isdigit(argv[i][2]))
			argv[i] = g_strconcat("--jobs=", argv[i] + 2, NULL);
}

static void check_lab_options(GError **error)
{
	const char *host = options.host, *clock = options.lab.clock;
	g_autofree char *hosts = lab_kind_hosts();
	g_autofree char *clocks = g_strjoinv(" or ", (char **)lab_clocks());

	if (host && !g_str_equal(host, "auto") && !g_str_equal(host, "local") &&
	    !lab_kind_find(host))
		g_set_error(error, FERRY_ERROR, 0, "--host is %s, not '%s'", hosts, host);
	else if (options.lab.boot_seconds < 0)
		g_set_error(error, FERRY_ERROR, 0, "--lab-boot is a number of seconds");
	else if (clock && !g_strv_contains(lab_clocks(), clock))
		g_set_error(error, FERRY_ERROR, 0, "--lab-clock is %s, not '%s'", clocks, clock);
}

static gboolean parse_options(int argc, char **argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autofree char *hosts = lab_kind_hosts(), *description = NULL;

	options.jobs = g_get_num_processors();
	wanted = default_settings;
	wanted.seed = RANDOM_SEED;
	g_option_context_set_summary(
		context, "Runs the cases whose names match a PATTERN, a glob such as 'kvmclock',\n"
			 "'kvmclock/precopy' or '*/storm'; all without one.");
	description =
		g_strdup_printf("HOST is %s; all but the first two are labs.\n\nExit status: 0 all "
				"passed, 1 some case failed, 2 usage or set-up, 130 interrupted.\n",
				hosts);
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	report_options_add(context);
	spell_out_jobs(argc, argv);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return FALSE;
	if (options.jobs < 1 || wanted.repeat < 1 || wanted.moves < 1 || wanted.timeout < 0)
		g_set_error(error, FERRY_ERROR, 0,
			    "--jobs, --repeat and --moves are 1 or more, --timeout 0 or more");
	else if (wanted.memory_mib < LEAST_MEMORY_MIB)
		g_set_error(error, FERRY_ERROR, 0, "--memory is %d MiB or more", LEAST_MEMORY_MIB);
	else if (wanted.timescale && !(wanted.timescale >= 1 && wanted.timescale <= 10000))
		g_set_error(error, FERRY_ERROR, 0, "--timescale is a number from 1 to 10000");
	else if (wanted.seed > G_MAXUINT32 || (wanted.seed < 0 && wanted.seed != RANDOM_SEED))
		g_set_error(error, FERRY_ERROR, 0, "--seed is a number from 0 to %u", G_MAXUINT32);
	else
		check_lab_options(error);
	if (wanted.seed == RANDOM_SEED)
		wanted.seed = g_random_int();
	return !*error;
}

static char *cpu_name(void)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
		return g_strdup("unknown CPU");
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		if (g_str_has_prefix(*line, "model name") && strchr(*line, ':'))
			return g_strdup(g_strstrip(strchr(*line, ':') + 1));
	return g_strdup("unknown CPU");
}

static char *kernel_release(void)
{
	struct utsname names;

	return g_strdup(uname(&names) ? "unknown" : names.release);
}

/* The timescale is not measured yet. OTHER_QEMU may be NULL. */
static struct environment *describe_here(const char *qemu, const char *other_qemu,
					 const char *accel)
{
	struct environment *environment = g_new0(struct environment, 1);

	environment->host = g_strdup("local");
	environment->vmm = g_strdup(vmms[0]->name);
	environment->binary = g_strdup(qemu);
	environment->other_binary = g_strdup(other_qemu);
	environment->accel = g_strdup(accel);
	environment->kernel = kernel_release();
	environment->cpu = cpu_name();
	environment->clock = host_clock_source();
	environment->seed = wanted.seed;
	environment->timescale = 1;
	return environment;
}

/* Opens LOGDIR for this run alone; -1 and ERROR if another run has it. */
static int lock_logdir(const char *logdir, GError **error)
{
	g_autofree char *path = g_build_filename(logdir, ".lock", NULL);
	int fd;

	if (g_mkdir_with_parents(logdir, 0755) < 0 ||
	    (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot write to the log folder %s: %s", logdir,
			    g_strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		g_set_error(error, FERRY_ERROR, 0,
			    "another run writes to %s; give this one its own with --logdir",
			    logdir);
		close(fd);
		return -1;
	}
	return fd;
}

static char *make_socket_dir(GError **error)
{
	const char *base = g_get_tmp_dir();
	g_autofree char *template = NULL;

	if (strlen(base) > LONGEST_SOCKET_DIR)
		base = "/tmp";
	template = g_build_filename(base, "ferry-XXXXXX", NULL);
	if (!g_mkdtemp_full(template, 0700)) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make a folder for sockets in %s: %s",
			    base, g_strerror(errno));
		return NULL;
	}
	return g_steal_pointer(&template);
}

/* FALSE if a report is incomplete; says so. */
static gboolean end_reports(struct reports *reports, guint not_run)
{
	g_auto(GStrv) problems = reports_end(reports, not_run);

	for (char **problem = problems; *problem; problem++)
		usage_error("%s", *problem);
	return !*problems;
}

static int exit_status(const struct schedule_outcome *outcome, gboolean complete)
{
	if (outcome->not_run)
		return EXIT_INTERRUPTED;
	if (!complete)
		return EXIT_USAGE;
	if (outcome->failed || (options.no_skip && outcome->skipped))
		return EXIT_SOME_FAILED;
	return EXIT_ALL_PASSED;
}

static int run_cases(GPtrArray *cases, const struct case_settings *settings,
		     const struct environment *environment, GPtrArray *known_issues)
{
	const struct lab_settings lab_settings = {
		.options = { .kernel = options.lab.kernel,
			     .modules = options.lab.modules,
			     .boot_seconds = options.lab.boot_seconds },
		.wanted = &wanted,
	};
	struct reports *reports = reports_new();
	g_autoptr(GError) error = NULL;
	struct schedule_outcome outcome;
	gboolean complete;

	if (!report_options_begin(reports, environment, cases->len, &error))
		return usage_error("%s", error->message);
	outcome = schedule_run(cases, settings, &lab_settings, known_issues, options.jobs, reports);
	complete = end_reports(reports, outcome.not_run);
	reports_free(reports);
	return exit_status(&outcome, complete);
}

static char *find_other_qemu(GError **error)
{
	char *path = g_find_program_in_path(wanted.qemu_dst);

	if (!path)
		g_set_error(error, FERRY_ERROR, 0, "--qemu-dst: there is no program '%s'",
			    wanted.qemu_dst);
	return path;
}

/* Deadlines on this host; measured by the suite's own program, where there is one. */
static double find_timescale(const struct suite *suite, const struct case_settings *settings,
			     const struct environment *environment)
{
	g_autofree char *problem = NULL;
	double timescale;

	if (wanted.timescale)
		return wanted.timescale;
	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		if (suite->kvm_unit_tests || !g_str_equal(program->name, CALIBRATION))
			continue;
		timescale = speed_timescale(program, settings, environment, &problem);
		if (problem)
			usage_error("cannot measure this host, so deadlines stay as they are: %s",
				    problem);
		return timescale;
	}
	return 1;
}

/* The library that makes QEMU wait for forks, or NULL. The caller frees it. */
static char *find_preforked(void)
{
	g_autofree char *path = build_path("lab/preforked.so");

	if (!options.prefork || !g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	return g_canonicalize_filename(path, NULL);
}

static int run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) cases = NULL, known_issues = NULL;
	g_auto(GStrv) plan_list = NULL;
	g_autofree char *qemu = NULL, *other_qemu = NULL, *logdir = NULL, *socket_dir = NULL;
	g_autofree char *preforked = NULL;
	struct machine_types types = { 0 };
	struct case_settings settings = { .wanted = &wanted,
					  .vmm = vmms[0],
					  .machine_types = &types };
	struct selection selection = { .wanted = &wanted, .vmm = vmms[0] };
	struct environment *environment;
	struct suite *suite;
	int lock, status;

	if (!parse_options(argc, argv, &error) ||
	    !(selection.accel = choose_accel(wanted.accel, &error)) ||
	    !(suite = load_suite(wanted.suite, wanted.bindir, &error)) ||
	    !(known_issues = load_known_issues(&error)))
		return usage_error("%s", error->message);

	plan_list = options.plans ? g_strsplit(options.plans, ",", -1) : NULL;
	selection.patterns = options.patterns;
	selection.lab_clock = options.lab.clock;
	selection.plan_names = plan_list;
	selection.host = g_strcmp0(options.host, "auto") ? options.host : NULL;
	cases = select_cases(suite, &selection, &error);
	if (!cases || !(qemu = settings.vmm->find_program(wanted.qemu, &error)) ||
	    (wanted.qemu_dst && !(other_qemu = find_other_qemu(&error))) ||
	    !settings.vmm->choose_machine_types(&types, wanted.machine, qemu, other_qemu, &error))
		return usage_error("%s", error->message);

	interrupt_watch();
	logdir = options.logdir ? g_strdup(options.logdir) : build_path("logs");
	if ((lock = lock_logdir(logdir, &error)) < 0 || !(socket_dir = make_socket_dir(&error)))
		return usage_error("%s", error->message);

	environment = describe_here(qemu, other_qemu, selection.accel);
	environment->machine = g_strdup(suite->kvm_unit_tests ? types.pc : types.q35);
	settings.environment = environment;
	settings.logdir = logdir;
	settings.socket_dir = socket_dir;
	settings.kvm_unit_tests = suite->kvm_unit_tests;
	settings.emulated_host = options.emulated_host;
	settings.preforked = preforked = find_preforked();
	environment->timescale = find_timescale(suite, &settings, environment);
	status = run_cases(cases, &settings, environment, known_issues);
	if (settings.vmm->end)
		settings.vmm->end();

	rmdir(socket_dir);
	close(lock);
	environment_free(environment);
	suite_free(suite);
	g_free(types.q35);
	g_free(types.pc);
	return status;
}

const struct command run_command = {
	.name = "run",
	.about = "run cases",
	.run = run,
};
