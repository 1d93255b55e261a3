// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the command line of `ferry run`. See run-options.h. */
#include "cli/report-options.h"
#include "cli/run-options.h"
#include "cli/user-config.h"
#include "cli/watch-options.h"
#include "suite/firmware.h"
#include "suite/kvm-wanted.h"
#include "util/text.h"
#include "vmm/vmm.h"

/* Stands for "no --seed was given". */
#define RANDOM_SEED G_MININT64

static struct run_options options;
/* GOption cannot write these straight into `options`. */
static char **kvm_lists;
static char *plan_list, *lab_kernel, *lab_modules, *lab_clock;
static int lab_boot_seconds;
static gboolean no_config;

static const GOptionEntry entries[] = {
	{ "all", 0, 0, G_OPTION_ARG_NONE, &options.all,
	  "Run all cases where no PATTERN is given, instead of the quick set", NULL },
	{ "budget", 0, 0, G_OPTION_ARG_INT, &options.budget,
	  "Run the cases that notice most in MINUTES, and at least one of each program",
	  "MINUTES" },
	{ "rerun", 0, 0, G_OPTION_ARG_FILENAME, &options.rerun,
	  "Run the cases that were red or did not run in FILE, which --json wrote", "FILE" },
	{ "until-fail", 0, 0, G_OPTION_ARG_NONE, &options.until_fail,
	  "Run the cases again and again, each time with another seed, until one fails", NULL },
	{ "jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs,
	  "Fill N CPUs with guests (default: all of this machine)", "N" },
	{ "host", 0, 0, G_OPTION_ARG_STRING, &options.host,
	  "Where the VMM runs: local, the name of a lab, lab, which is the first lab that can, or auto: local if its KVM can, else lab (default: auto)",
	  "HOST" },
	{ "kernel", 0, 0, G_OPTION_ARG_FILENAME, &lab_kernel,
	  "The kernel of labs: a bzImage, or 'small' or 'distribution' (default: what 'ferry lab kernel' finds; with --modules small)",
	  "IMAGE" },
	{ "modules", 0, 0, G_OPTION_ARG_FILENAME, &lab_modules,
	  "The KVM modules that the labs' kernel loads (default: those built with it)", "DIR" },
	{ "lab-clock", 0, 0, G_OPTION_ARG_STRING, &lab_clock,
	  "tsc: the labs' kernel trusts its TSC; hpet: it does not (default: what a program needs, or tsc)",
	  "CLOCK" },
	{ "lab-boot", 0, 0, G_OPTION_ARG_INT, &lab_boot_seconds,
	  "Seconds in which a lab must have started its runner (default: minutes, by the lab)",
	  "N" },
	{ "vmm", 0, 0, G_OPTION_ARG_STRING, &options.wanted.vmm,
	  "What runs the guests (default: the first VMM that can carry out the plan)", "VMM" },
	{ "accel", 0, 0, G_OPTION_ARG_STRING, &options.wanted.accel,
	  "kvm: only this machine's KVM, no lab; tcg: QEMU's TCG (default: KVM, here or in a lab)",
	  "ACCEL" },
	{ "kvm", 0, 0, G_OPTION_ARG_STRING_ARRAY, &kvm_lists,
	  "Parameters of KVM's modules, e.g. npt=0,vgif=0: labs load the modules with them; on this machine KVM must have them already, else its cases are skipped",
	  "LIST" },
	{ "qemu", 0, 0, G_OPTION_ARG_FILENAME, &options.wanted.qemu,
	  "The QEMU to test (default: $QEMU or qemu-system-x86_64)", "BINARY" },
	{ "qemu-dst", 0, 0, G_OPTION_ARG_FILENAME, &options.wanted.qemu_dst,
	  "Migrate guests to this QEMU, from it back to the other, and so on", "BINARY" },
	{ "ferry-vmm", 0, 0, G_OPTION_ARG_FILENAME, &options.wanted.ferry_vmm,
	  "The ferry-vmm that the VMM native is (default: $FERRY_VMM or the one built with this ferry)",
	  "BINARY" },
	{ "machine", 0, 0, G_OPTION_ARG_STRING, &options.wanted.machine,
	  "The QEMU machine type (default: q35; with two QEMUs the newest version that both have)",
	  "TYPE" },
	{ "firmware", 0, 0, G_OPTION_ARG_STRING, &options.wanted.firmware,
	  "What starts the guests: usual, which is qboot; uefi, which is the distribution's OVMF; or uefi-secure, with Secure Boot (default: usual)",
	  "KIND" },
	{ "plan", 0, 0, G_OPTION_ARG_STRING, &plan_list,
	  "These plans instead of each program's own, e.g. none,precopy+multifd+tcp", "LIST" },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &options.wanted.moves,
	  "How many migrations plan storm makes at least (default: " G_STRINGIFY(DEFAULT_MOVES) ")",
	  "N" },
	{ "memory", 0, 0, G_OPTION_ARG_INT, &options.wanted.memory_mib,
	  "RAM of each guest (default: " G_STRINGIFY(DEFAULT_MEMORY_MIB) ")", "MIB" },
	{ "repeat", 0, 0, G_OPTION_ARG_INT, &options.wanted.repeat, "Run each case N times", "N" },
	{ "retry", 0, 0, G_OPTION_ARG_INT, &options.wanted.retry,
	  "Run a case that fails again, up to N times; if it then does not fail, it is FLAKY, which is a failure too",
	  "N" },
	{ "fail-fast", 0, 0, G_OPTION_ARG_NONE, &options.wanted.fail_fast,
	  "End the run at the first case that fails, and each guest at its first test that fails",
	  NULL },
	{ "seed", 0, 0, G_OPTION_ARG_INT64, &options.wanted.seed,
	  "Make the random choices of the run that printed this seed", "N" },
	{ "timescale", 0, 0, G_OPTION_ARG_DOUBLE, &options.wanted.timescale,
	  "Multiply all deadlines by X (default: measured; 1 on a fast host)", "X" },
	{ "timeout", 0, 0, G_OPTION_ARG_INT, &options.wanted.timeout,
	  "Seconds for each case, however slow the host is (default: as unittests.cfg says, times timescale)",
	  "N" },
	{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &options.wanted.verbose,
	  "Show what guests write as they write it, each line with its case before it", NULL },
	{ "keep-ram", 0, 0, G_OPTION_ARG_NONE, &options.wanted.keep_ram,
	  "In each migration compare the guest's memory at source and destination, and keep both images where they differ or the case fails",
	  NULL },
	{ "known-issues", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options.wanted.known_issues,
	  "Known issues: FILE instead of known-issues.cfg, or none; may be repeated", "FILE" },
	{ "no-skip", 0, 0, G_OPTION_ARG_NONE, &options.no_skip, "A skipped case is a failure",
	  NULL },
	{ "arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.wanted.args,
	  "A further word for the guest's command line, e.g. test='smp*'; may be repeated",
	  "WORD" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where each case keeps its logs (default: build/logs; of an installed ferry ~/.local/state/ferry/logs)",
	  "DIR" },
	{ "no-config", 0, 0, G_OPTION_ARG_NONE, &no_config,
	  "Do not read the user's file of defaults", NULL },
	{ "emulated-host", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options.emulated,
	  "This machine's CPU is emulated, so a VMM may take seconds to answer", NULL },
	{ "in-lab", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options.in_lab,
	  "This machine is a lab of that name, whose known issues count", "LAB" },
	{ "in-order", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options.in_order,
	  "Each PATTERN is the name of a case, such as kvmclock/none#2, and they run in this order",
	  NULL },
	{ "prefork", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options.prefork,
	  "Start QEMU once and fork it for each VM", NULL },
	{ "suite", 0, 0, G_OPTION_ARG_FILENAME, &options.wanted.suite,
	  "Run another suite's unittests.cfg, e.g. that of kvm-unit-tests", "CFG" },
	{ "bindir", 0, 0, G_OPTION_ARG_FILENAME, &options.wanted.bindir,
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

static void set_defaults(void)
{
	options = (struct run_options){ 0 };
	plan_list = lab_kernel = lab_modules = lab_clock = NULL;
	lab_boot_seconds = 0;
	no_config = FALSE;
	options.jobs = g_get_num_processors();
	options.wanted = default_settings;
	options.wanted.seed = RANDOM_SEED;
}

/* Parses the command line, which stays as it is. May be called again. */
static gboolean parse(char **argv, const GOptionEntry *const *tables, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autofree char *hosts = lab_kind_hosts(), *vmm_list = vmm_names();
	g_autofree char *description = g_strdup_printf(
		"HOST is %s; all but the first two are labs.\n"
		"VMM is %s.\n\n"
		"Defaults of your own may be in ~/.config/ferry/config ($XDG_CONFIG_HOME), by the options'\n"
		"long names; one that may be repeated has a line each time:\n\n"
		"  [run]\n"
		"  qemu = ~/qemu/build/qemu-system-x86_64\n"
		"  jobs = 4\n"
		"  keep-ram = true\n\n"
		"The command line overrides them, and --no-config leaves them out.\n\n"
		"Exit status: 0 all passed, 1 some case failed, 2 usage or set-up, 130 interrupted.\n",
		hosts, vmm_list);
	g_auto(GStrv) words = g_strdupv(argv);

	g_option_context_set_summary(
		context,
		"Runs the cases whose names match a PATTERN, a glob such as 'kvmclock',\n"
		"'kvmclock/precopy' or '*/storm'. The word 'quick' means the cases that notice\n"
		"most in ten minutes ('ferry list quick'). Without a PATTERN these run too; but\n"
		"with --all, --budget, --plan, --host, --accel, --suite or --group all cases do.");
	g_option_context_set_description(context, description);
	for (const GOptionEntry *const *table = tables; *table; table++)
		g_option_context_add_main_entries(context, *table, NULL);
	return g_option_context_parse_strv(context, &words, error);
}

static gboolean check_numbers(GError **error)
{
	const struct settings *wanted = &options.wanted;

	if (options.all && options.patterns)
		g_set_error(error, FERRY_ERROR, 0,
			    "--all means all cases; leave it out, or leave out the patterns");
	else if (options.rerun && (options.patterns || options.all || options.budget || plan_list))
		g_set_error(
			error, FERRY_ERROR, 0,
			"--rerun names the cases; leave out patterns, --all, --budget and --plan");
	else if (options.budget < 0)
		g_set_error(error, FERRY_ERROR, 0, "--budget is 1 or more minutes");
	else if (options.jobs < 1 || wanted->repeat < 1 || wanted->moves < 1 ||
		 wanted->timeout < 0 || wanted->retry < 0)
		g_set_error(
			error, FERRY_ERROR, 0,
			"--jobs, --repeat and --moves are 1 or more, --timeout and --retry 0 or more");
	else if (wanted->memory_mib < LEAST_MEMORY_MIB)
		g_set_error(error, FERRY_ERROR, 0, "--memory is %d MiB or more", LEAST_MEMORY_MIB);
	else if (wanted->firmware && !g_str_equal(wanted->firmware, "usual") &&
		 wanted->memory_mib < LEAST_UEFI_MEMORY_MIB &&
		 wanted->memory_mib != DEFAULT_MEMORY_MIB)
		g_set_error(error, FERRY_ERROR, 0, "with --firmware %s --memory is %d MiB or more",
			    wanted->firmware, LEAST_UEFI_MEMORY_MIB);
	else if (wanted->timescale && !(wanted->timescale >= 1 && wanted->timescale <= 10000))
		g_set_error(error, FERRY_ERROR, 0, "--timescale is a number from 1 to 10000");
	else if (wanted->seed > G_MAXUINT32 || (wanted->seed < 0 && wanted->seed != RANDOM_SEED))
		g_set_error(error, FERRY_ERROR, 0, "--seed is a number from 0 to %u", G_MAXUINT32);
	else if (lab_boot_seconds < 0)
		g_set_error(error, FERRY_ERROR, 0, "--lab-boot is 0 or more seconds");
	else
		return TRUE;
	return FALSE;
}

static gboolean check_lab_clock(GError **error)
{
	g_autofree char *clocks = g_strjoinv(" or ", (char **)lab_clocks());

	if (!lab_clock || g_strv_contains(lab_clocks(), lab_clock))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "--lab-clock is %s, not '%s'", clocks, lab_clock);
	return FALSE;
}

static gboolean check(GError **error)
{
	enum firmware firmware;

	return check_numbers(error) && lab_kind_check_host(options.host, error) &&
	       check_lab_clock(error) && firmware_find(options.wanted.firmware, &firmware, error);
}

/* Does the command line say which cases run, other than by patterns? */
static gboolean is_chosen(void)
{
	return options.all || options.budget || plan_list || options.wanted.accel ||
	       (options.host && !g_str_equal(options.host, "auto")) || watch_options()->groups;
}

/*
 * If the command line and the user's file differ, the command line counts. Both --host and --accel
 * say where cases run. On the command line they also choose the cases, but in the file they do not.
 * One of them in the file gives way to the other one on the command line.
 */
static gboolean parse_all(char **argv, GError **error)
{
	const GOptionEntry *const tables[] = { entries, watch_options_entries(),
					       report_options_entries(), NULL };
	gboolean has_host, has_accel;

	if (!parse(argv, tables, error) || !check(error))
		return FALSE;
	options.chosen = is_chosen();
	if (no_config)
		return TRUE;
	has_host = options.host != NULL;
	has_accel = options.wanted.accel != NULL;
	if (!user_config_read(tables, error))
		return FALSE;
	if (!check(error)) {
		g_autofree char *path = user_config_path();

		g_prefix_error(error, "%s: ", path);
		return FALSE;
	}
	if (!parse(argv, tables, error))
		return FALSE;
	if (has_accel && !has_host)
		options.host = NULL;
	if (has_host && !has_accel)
		options.wanted.accel = NULL;
	return TRUE;
}

/*
 * Reads $NAME unless an option or the user's file has set *PROGRAM. It is read here, and not where
 * the program is started, since a lab does not see this machine's environment.
 */
static void set_from_environment(char **program, const char *name)
{
	const char *value = g_getenv(name);

	if (!*program && value && *value)
		*program = g_strdup(value);
}

const struct run_options *run_options_parse(int argc, char **argv, GError **error)
{
	set_defaults();
	spell_out_jobs(argc, argv);
	if (!parse_all(argv, error) || !watch_options_read(options.budget, error))
		return NULL;
	set_from_environment(&options.wanted.qemu, "QEMU");
	set_from_environment(&options.wanted.ferry_vmm, "FERRY_VMM");
	options.wanted.kvm = kvm_wanted_join(kvm_lists, error);
	if (*error)
		return NULL;
	if (options.wanted.seed == RANDOM_SEED)
		options.wanted.seed = g_random_int();
	if (!g_strcmp0(options.host, "auto"))
		options.host = NULL;
	options.plans = plan_list ? g_strsplit(plan_list, ",", -1) : NULL;
	options.lab = (struct lab_options){
		.kernel = lab_kernel,
		.modules = lab_modules,
		.clock = lab_clock,
		.boot_seconds = lab_boot_seconds,
	};
	return &options;
}
