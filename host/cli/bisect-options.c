// SPDX-License-Identifier: GPL-2.0-or-later
/* Reads the command line of `ferry bisect`. See bisect-options.h. */
#include <errno.h>

#include "cli/bisect-options.h"
#include "cli/project.h"
#include "lab/kinds.h"
#include "run/select.h"
#include "util/paths.h"
#include "util/text.h"

static struct bisect_options options;
static char *linux_tree, *qemu_tree, *boot_failure, *build_folder;
/* These go on to `ferry run` as they are. */
static char *host, *vmm, *plan, *kernel, *qemu, *machine, *clock_name, *known_issues;
static char **args;
static int moves, timeout, boot_seconds;

static const GOptionEntry entries[] = {
	{ "tree", 0, 0, G_OPTION_ARG_FILENAME, &linux_tree,
	  "The Linux tree to build (default: the current folder)", "LINUX" },
	{ "qemu-tree", 0, 0, G_OPTION_ARG_FILENAME, &qemu_tree,
	  "The QEMU tree to build (default: the current folder)", "QEMU" },
	{ "build-dir", 0, 0, G_OPTION_ARG_FILENAME, &build_folder,
	  "Where to build; it is kept for the next commit (default: below ~/.cache/ferry/bisect)",
	  "DIR" },
	{ "jobs", 'j', 0, G_OPTION_ARG_INT, &options.jobs,
	  "Build on N CPUs (default: all of this machine)", "N" },
	{ "host", 0, 0, G_OPTION_ARG_STRING, &host,
	  "The lab that boots the kernel (default: the first that can run the cases); with --qemu-tree also local",
	  "HOST" },
	{ "vmm", 0, 0, G_OPTION_ARG_STRING, &vmm, "What runs the guests, as for 'ferry run'",
	  "VMM" },
	{ "plan", 0, 0, G_OPTION_ARG_STRING, &plan,
	  "These plans instead of each program's own, e.g. none,precopy", "LIST" },
	{ "repeat", 0, 0, G_OPTION_ARG_INT, &options.repeat,
	  "Run the cases up to N times (default: 1)", "N" },
	{ "bad-if", 0, 0, G_OPTION_ARG_INT, &options.bad_if,
	  "The commit is bad if K of the N runs fail (default: 1)", "K" },
	{ "boot-failure", 0, 0, G_OPTION_ARG_STRING, &boot_failure,
	  "The verdict on a kernel that does not boot, whose KVM does not load, or that dies in a case, and on a VMM that does not start: skip or bad (default: skip)",
	  "VERDICT" },
	{ "test", 0, 0, G_OPTION_ARG_STRING, &options.test,
	  "Run the tests of that name alone, and let them decide even if the failure is a known issue",
	  "NAME" },
	{ "known-issues", 0, 0, G_OPTION_ARG_STRING, &known_issues,
	  "none: a known issue is a failure like any other", "none" },
	{ "kernel", 0, 0, G_OPTION_ARG_FILENAME, &kernel,
	  "With --qemu-tree: the kernel of labs, as for 'ferry run'", "IMAGE" },
	{ "qemu", 0, 0, G_OPTION_ARG_FILENAME, &qemu,
	  "With --tree: the QEMU that runs the guests (default: $QEMU or qemu-system-x86_64)",
	  "BINARY" },
	{ "machine", 0, 0, G_OPTION_ARG_STRING, &machine, "The QEMU machine type (default: q35)",
	  "TYPE" },
	{ "lab-clock", 0, 0, G_OPTION_ARG_STRING, &clock_name,
	  "The labs' clock, as for 'ferry run'", "CLOCK" },
	{ "lab-boot", 0, 0, G_OPTION_ARG_INT, &boot_seconds,
	  "Seconds in which a lab must have booted (default: minutes, by the lab)", "N" },
	{ "moves", 0, 0, G_OPTION_ARG_INT, &moves,
	  "How many migrations plan storm makes at least, as for 'ferry run'", "N" },
	{ "timeout", 0, 0, G_OPTION_ARG_INT, &timeout, "Seconds for each case, as for 'ferry run'",
	  "N" },
	{ "arg", 0, 0, G_OPTION_ARG_STRING_ARRAY, &args,
	  "A further word for the guest's command line; may be repeated", "WORD" },
	{ "logdir", 0, 0, G_OPTION_ARG_FILENAME, &options.logdir,
	  "Where each commit keeps its logs (default: build/bisect; of an installed ferry ~/.local/state/ferry/bisect)",
	  "DIR" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.patterns, NULL,
	  "PATTERN..." },
	{ 0 },
};

static gboolean parse(int argc, char **argv, GError **error)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	options.jobs = g_get_num_processors();
	options.repeat = options.bad_if = 1;
	g_option_context_set_summary(
		context,
		"Builds the tree at hand, runs the cases that match a PATTERN on it, and tells\n"
		"'git bisect run' what it saw:\n\n"
		"  git bisect run ferry bisect svm_state/precopy\n\n"
		"A Linux tree is booted in a lab; the emulator of a QEMU tree runs the guests.");
	g_option_context_set_description(
		context,
		"Exit status: 0 good; 1 bad; 125 cannot tell (the commit does not build or boot, the\n"
		"cases skip, the runner failed); 130 interrupted; 128 git must stop: wrong usage, or\n"
		"something is missing on this machine. The last line is for the commit message.\n"
		"docs/bisecting.md goes through a bisection.");
	g_option_context_add_main_entries(context, entries, NULL);
	return g_option_context_parse(context, &argc, &argv, error);
}

static gboolean has(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static gboolean find_tree(GError **error)
{
	const char *named = linux_tree ?: qemu_tree;
	const char *folder = named ?: ".";

	if (linux_tree && qemu_tree) {
		g_set_error(error, FERRY_ERROR, 0, "name --tree or --qemu-tree, not both");
		return FALSE;
	}
	options.qemu = qemu_tree || (!linux_tree && has(folder, "hw/i386"));
	if (!has(folder, options.qemu ? "hw/i386" : "arch/x86/kvm")) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"%s is no %s tree: it has no folder %s; --tree names a Linux tree, --qemu-tree one of QEMU",
			named ?: "the current folder",
			!named	       ? "Linux or QEMU"
			: options.qemu ? "QEMU"
				       : "Linux",
			options.qemu ? "hw/i386" : "arch/x86/kvm");
		return FALSE;
	}
	options.tree = g_canonicalize_filename(folder, NULL);
	return TRUE;
}

/* Trees of the same name must not share a folder. */
static char *default_build_folder(void)
{
	g_autofree char *name = g_path_get_basename(options.tree);
	g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, options.tree, -1);
	g_autofree char *folder = g_strdup_printf("%s-%.8s", name, hash);

	return g_build_filename(g_get_user_cache_dir(), "ferry", "bisect", folder, NULL);
}

/* A kernel needs a lab that boots it; a QEMU also runs here. */
static gboolean is_host(const char *name)
{
	if (options.qemu && (g_str_equal(name, "auto") || g_str_equal(name, "local")))
		return TRUE;
	return g_str_equal(name, ANY_LAB) || lab_kind_find(name);
}

static gboolean check(GError **error)
{
	g_autofree char *labs = lab_kind_names();

	if (!options.patterns)
		g_set_error(
			error, FERRY_ERROR, 0,
			"name a case, e.g. 'ferry bisect svm_state/precopy'; 'ferry list' shows all");
	else if (options.repeat < 1 || options.bad_if < 1 || options.bad_if > options.repeat)
		g_set_error(error, FERRY_ERROR, 0,
			    "--repeat is 1 or more, and --bad-if 1 to %d, which is --repeat",
			    MAX(options.repeat, 1));
	else if (options.jobs < 1 || moves < 0 || timeout < 0 || boot_seconds < 0)
		g_set_error(
			error, FERRY_ERROR, 0,
			"--jobs is 1 or more, and --moves, --timeout and --lab-boot are 0 or more");
	else if (boot_failure && !g_str_equal(boot_failure, "bad") &&
		 !g_str_equal(boot_failure, "skip"))
		g_set_error(error, FERRY_ERROR, 0, "--boot-failure is skip or bad, not '%s'",
			    boot_failure);
	else if (known_issues && !g_str_equal(known_issues, "none"))
		g_set_error(error, FERRY_ERROR, 0, "--known-issues is none, not '%s'",
			    known_issues);
	else if (host && !is_host(host))
		g_set_error(error, FERRY_ERROR, 0,
			    options.qemu ? "--host is local, or a lab, %s, not '%s'"
					 : "--host is the lab that boots the kernel, %s, not '%s'",
			    labs, host);
	else if (!options.qemu ? kernel != NULL : qemu != NULL)
		g_set_error(error, FERRY_ERROR, 0,
			    "%s is what is built from the tree; leave it out",
			    options.qemu ? "--qemu" : "--kernel");
	else
		return TRUE;
	return FALSE;
}

/* A pattern that matches nothing must stop git, before anything is built. */
static gboolean check_patterns(GError **error)
{
	g_auto(GStrv) plans = plan ? g_strsplit(plan, ",", -1) : NULL;
	struct settings wanted = default_settings;
	struct selection selection = {
		.patterns = options.patterns,
		.plan_names = plans,
		.wanted = &wanted,
		.accel = "kvm",
		.host = host && !g_str_equal(host, "auto") ? host
			: options.qemu			   ? NULL
							   : ANY_LAB,
		.lab_clock = clock_name,
	};
	struct suite *suite;
	GPtrArray *cases;

	wanted.vmm = vmm;
	if ((vmm && !(selection.vmm = vmm_find(vmm, error))) ||
	    !(suite = load_suite(&wanted, error)))
		return FALSE;
	cases = select_cases(suite, &selection, error);
	options.cases = cases ? cases->len : 0;
	if (cases)
		g_ptr_array_unref(cases);
	suite_free(suite);
	return cases != NULL;
}

static void add(GStrvBuilder *words, const char *option, const char *value)
{
	if (!value)
		return;
	g_strv_builder_add(words, option);
	g_strv_builder_add(words, value);
}

static void add_number(GStrvBuilder *words, const char *option, int number)
{
	g_autofree char *text = g_strdup_printf("%d", number);

	add(words, option, number ? text : NULL);
}

static char **run_words(void)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();
	g_autofree char *only = options.test ? g_strconcat("test=", options.test, NULL) : NULL;

	add(words, "--host", host ?: options.qemu ? host : ANY_LAB);
	add(words, "--vmm", vmm);
	add(words, "--plan", plan);
	add(words, "--kernel", kernel);
	add(words, "--qemu", qemu);
	add(words, "--machine", machine);
	add(words, "--lab-clock", clock_name);
	add_number(words, "--lab-boot", boot_seconds);
	add_number(words, "--moves", moves);
	add_number(words, "--timeout", timeout);
	add_number(words, "--repeat", options.repeat);
	add(words, "--known-issues", options.test ? "none" : known_issues);
	add(words, "--arg", only);
	for (char **arg = args; arg && *arg; arg++)
		add(words, "--arg", *arg);
	return g_strv_builder_end(words);
}

const struct bisect_options *bisect_options_parse(int argc, char **argv, GError **error)
{
	if (!parse(argc, argv, error) || !find_tree(error) || !check(error) ||
	    !check_patterns(error))
		return NULL;
	options.boot_failure_bad = !g_strcmp0(boot_failure, "bad");
	options.build =
		build_folder ? g_canonicalize_filename(build_folder, NULL) : default_build_folder();
	if (!options.logdir)
		options.logdir = output_path("bisect");
	if (g_mkdir_with_parents(options.logdir, 0777)) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make the folder %s for logs: %s",
			    options.logdir, g_strerror(errno));
		return NULL;
	}
	options.words = run_words();
	return &options;
}
