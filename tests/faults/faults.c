// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out the runs of the tables in this folder and prints the Test Anything Protocol. Runs
 * with fake-qemu mostly wait, so many of them run at a time. Runs with a real QEMU need the CPUs,
 * so only few do.
 *
 * Usage: faults BUILD [PATTERN...]
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

#define MOST_FAKE_RUNS 12
#define MOST_REAL_RUNS 2

/* Lines of a failed run's output that are printed. */
#define MOST_OUTPUT_LINES 40

#define MARK "FERRY_TEST_RUN"

/* The rows that wait for the longest deadlines come first. */
static const struct fault_table *const tables[] = {
	&silence_faults,     &native_faults,   &user_config_faults,  &qemu_faults,
	&migration_faults,   &postcopy_faults, &snapshot_faults,     &guest_faults,
	&lab_faults,	     &file_faults,     &usage_faults,	     &signal_faults,
	&misbehave_faults,   &retry_faults,    &broken_guest_faults, &damaged_memory_faults,
	&known_issue_faults, &corpus_faults,   &kernel_faults,	     &watch_faults,
};

static struct {
	const char *build;
	char *folder, *temporary;
	char **patterns;
	GPtrArray *wanted; /* of const struct fault: the rows to run */
	GRand *random;
	guint32 seed;
	gsize next[2];	     /* the next row to look at for a real QEMU, and for a fake one */
	unsigned running[2]; /* likewise */
	unsigned number, failed;
	GMainLoop *loop;
	gboolean has_kvm;
} all;

/* ---- what the tables' functions use ---- */

char *run_path(const struct run *run, const char *name)
{
	return g_build_filename(run->folder, name, NULL);
}

void run_hold(struct run *run, int fd)
{
	run->held = fd;
}

GPid run_runner(const struct run *run)
{
	return run->pid;
}

int run_signal(const struct run *run)
{
	return run->fault->signal;
}

unsigned run_count(struct run *run)
{
	return ++run->count;
}

gboolean run_random_moment_came(struct run *run, unsigned most_ms)
{
	if (!run->moment)
		run->moment =
			g_get_monotonic_time() + g_rand_int_range(all.random, 0, most_ms * 1000);
	return g_get_monotonic_time() >= run->moment;
}

/* ---- the course of a run ---- */

static void start_more(void);

/* In CI nobody can read the logs afterwards, so the output goes into CI's own log. */
static void print_output(const struct run *run)
{
	g_autofree char *path = run_path(run, "output"), *output = NULL;
	g_auto(GStrv) lines = NULL;
	guint count;

	if (!g_file_get_contents(path, &output, NULL, NULL))
		return;
	lines = g_strsplit(g_strchomp(output), "\n", -1);
	count = g_strv_length(lines);
	for (guint i = count > MOST_OUTPUT_LINES ? count - MOST_OUTPUT_LINES : 0; i < count; i++)
		printf("#   %s\n", lines[i]);
}

static void tell(struct run *run)
{
	g_auto(GStrv) problems = g_strsplit(g_strchomp(run->problems->str), "\n", -1);
	gboolean good = !*problems || !**problems;

	printf("%sok %u /faults/%s\n", good ? "" : "not ", ++all.number, run->fault->name);
	for (char **problem = problems; !good && *problem; problem++)
		printf("# %s\n", *problem);
	if (!good) {
		print_output(run);
		printf("# output and logs in %s; random moments from seed %u\n", run->folder,
		       all.seed);
		all.failed++;
	}
	fflush(stdout);
}

static void on_end(GPid pid, gint wait_status, gpointer data)
{
	struct run *run = data;

	if (run->ticker)
		g_source_remove(run->ticker);
	g_source_remove(run->guard);
	if (run->held >= 0)
		close(run->held);
	check_run(run, wait_status);
	tell(run);
	all.running[run->fault->script != NULL]--;
	g_free(run->folder);
	g_free(run->temporary);
	g_free(run->mark);
	g_string_free(run->problems, TRUE);
	g_free(run);
	start_more();
}

static gboolean on_tick(gpointer data)
{
	struct run *run = data;

	if (!run->fault->act(run))
		return G_SOURCE_CONTINUE;
	run->ticker = 0;
	return G_SOURCE_REMOVE;
}

static gboolean on_stuck(gpointer data)
{
	struct run *run = data;

	run->stuck = TRUE;
	kill_processes(run);
	return G_SOURCE_CONTINUE;
}

static char *replace(const char *text, const char *word, const char *by)
{
	g_auto(GStrv) pieces = g_strsplit(text, word, -1);

	return g_strjoinv(by, pieces);
}

/*
 * ferry finds unittests.cfg and known-issues.cfg by its own path, so a run with other files needs a
 * copy of ferry.
 */
static char *make_project(struct run *run)
{
	g_autofree char *ferry = g_build_filename(all.build, "ferry", NULL);
	g_autofree char *programs = g_build_filename(all.build, "x86", NULL);
	g_autofree char *build = run_path(run, "build");
	g_autofree char *copy_of_programs = run_path(run, "build/x86");
	g_autofree char *config = run_path(run, "unittests.cfg");
	g_autofree char *issues = run_path(run, "known-issues.cfg");
	const char *config_text =
		run->fault->config ? run->fault->config : "[selftest]\nfile = selftest.flat\n";
	const char *issues_text = run->fault->known_issues ? run->fault->known_issues : "";
	g_autofree char *bytes = NULL;
	char *copy = run_path(run, "build/ferry");
	gsize length;

	g_mkdir_with_parents(build, 0755);
	if (!g_file_get_contents(ferry, &bytes, &length, NULL) ||
	    !g_file_set_contents(copy, bytes, length, NULL) ||
	    !g_file_set_contents(config, config_text, -1, NULL) ||
	    !g_file_set_contents(issues, issues_text, -1, NULL) || g_chmod(copy, 0755) < 0 ||
	    symlink(programs, copy_of_programs) < 0)
		complain(run, "cannot make a project in %s: %s", run->folder, g_strerror(errno));
	return copy;
}

static void add_default(GString *line, const struct fault *fault, const char *option,
			const char *value)
{
	if (!strstr(fault->arguments, option))
		g_string_append_printf(line, " %s %s", option, value);
}

/* The command line for the shell. The caller frees it. */
static char *command(struct run *run)
{
	const struct fault *fault = run->fault;
	gboolean own_project = fault->config || fault->known_issues;
	g_autofree char *ferry =
		own_project ? make_project(run) : g_build_filename(all.build, "ferry", NULL);
	g_autofree char *fake = g_build_filename(all.build, "tests", "fake-qemu", NULL);
	g_autofree char *with_dir = replace(fault->arguments, "@DIR@", run->folder);
	g_autofree char *with_build = replace(with_dir, "@BUILD@", all.build);
	g_autofree char *arguments = replace(with_build, "@FAKE@", fake);
	g_autofree char *logs = run_path(run, "logs");
	GString *line = g_string_new(fault->wrapper ? NULL : "exec ");

	g_string_append_printf(line, "%s %s", ferry, arguments);
	if (g_str_has_prefix(fault->arguments, "run")) {
		g_string_append_printf(line, " --plain --json %s/json", run->folder);
		if (!fault->no_accel)
			add_default(line, fault, "--accel", fault->on_kvm ? "kvm" : "tcg");
		add_default(line, fault, "--seed", "1");
		add_default(line, fault, "--logdir", logs);
		if (!fault->default_deadlines)
			add_default(line, fault, "--timescale", "1");
		if (fault->script)
			add_default(line, fault, "--qemu", fake);
	}
	if (fault->wrapper) {
		g_autofree char *wrapper = replace(fault->wrapper, "@DIR@", run->folder);
		g_autofree char *whole = g_strdup_printf("set -- %s; %s", line->str, wrapper);

		g_string_assign(line, whole);
	}
	return g_string_free(line, FALSE);
}

static char **environment_of(const struct run *run)
{
	g_autofree char *cache = run_path(run, "cache"), *config = run_path(run, "config");
	char **environment = g_get_environ();

	environment = g_environ_setenv(environment, "TMPDIR", run->temporary, TRUE);
	environment = g_environ_setenv(environment, "XDG_CACHE_HOME", cache, TRUE);
	environment = g_environ_setenv(environment, "XDG_CONFIG_HOME", config, TRUE);
	environment = g_environ_setenv(environment, "LC_ALL", "C.UTF-8", TRUE);
	environment = g_environ_setenv(environment, MARK, run->mark + strlen(MARK "="), TRUE);
	if (run->fault->script)
		environment = g_environ_setenv(environment, "FERRY_FAKE", run->fault->script, TRUE);
	return environment;
}

static void in_child(gpointer data)
{
	setsid();
}

static void start(const struct fault *fault)
{
	struct run *run = g_new0(struct run, 1);
	g_autofree char *output = NULL, *line = NULL;
	g_autoptr(GError) error = NULL;
	char *arguments[] = { (char *)"/bin/sh", (char *)"-c", NULL, NULL };
	g_auto(GStrv) environment = NULL;
	int fd, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	run->fault = fault;
	run->held = -1;
	run->problems = g_string_new(NULL);
	run->folder = g_build_filename(all.folder, fault->name, NULL);
	run->temporary = g_build_filename(all.temporary, fault->name, NULL);
	run->mark = g_strdup_printf("%s=%d-%s", MARK, getpid(), fault->name);
	remove_folder(run->folder);
	g_mkdir_with_parents(run->folder, 0755);
	g_mkdir_with_parents(run->temporary, 0700);
	arguments[2] = line = command(run);
	environment = environment_of(run);
	if (fault->prepare)
		fault->prepare(run);
	output = run_path(run, "output");
	fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (!g_spawn_async_with_fds(NULL, arguments, environment, G_SPAWN_DO_NOT_REAP_CHILD,
				    in_child, NULL, &run->pid, null, fd, fd, &error))
		g_error("%s", error->message);
	close(fd);
	close(null);
	g_child_watch_add(run->pid, on_end, run);
	run->guard = g_timeout_add_seconds(STUCK_SECONDS, on_stuck, run);
	if (fault->act)
		run->ticker = g_timeout_add(TICK_MS, on_tick, run);
	all.running[fault->script != NULL]++;
}

static gboolean is_wanted(const struct fault *fault)
{
	for (char **pattern = all.patterns; *pattern; pattern++)
		if (g_pattern_match_simple(*pattern, fault->name))
			return TRUE;
	return !*all.patterns;
}

static void select_wanted(void)
{
	all.wanted = g_ptr_array_new();
	for (gsize i = 0; i < G_N_ELEMENTS(tables); i++)
		for (gsize j = 0; j < tables[i]->count; j++)
			if (is_wanted(&tables[i]->rows[j]))
				g_ptr_array_add(all.wanted, (gpointer)&tables[i]->rows[j]);
}

static void skip(const struct fault *fault)
{
	printf("ok %u /faults/%s # SKIP needs /dev/kvm, which cannot be used\n", ++all.number,
	       fault->name);
}

static void start_more(void)
{
	static const unsigned most[] = { MOST_REAL_RUNS, MOST_FAKE_RUNS };

	for (int fake = 0; fake <= 1; fake++)
		while (all.running[fake] < most[fake] && all.next[fake] < all.wanted->len) {
			const struct fault *fault = all.wanted->pdata[all.next[fake]++];

			if ((fault->script != NULL) != fake)
				continue;
			if (fault->on_kvm && !all.has_kvm)
				skip(fault);
			else
				start(fault);
		}
	if (!all.running[0] && !all.running[1])
		g_main_loop_quit(all.loop);
}

/* ferry lists cases for KVM only if KVM works. */
static gboolean ask_for_kvm(void)
{
	g_autofree char *ferry = g_build_filename(all.build, "ferry", NULL);
	char *arguments[] = { ferry, (char *)"list", (char *)"--accel", (char *)"kvm", NULL };
	int status = -1;

	g_spawn_sync(NULL, arguments, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL,
		     NULL, NULL, NULL, NULL, &status, NULL);
	return !status;
}

static gboolean on_start(gpointer data)
{
	start_more();
	return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
	if (argc < 2 || *argv[1] == '-') {
		fprintf(stderr, "Usage: faults BUILD [PATTERN...]\n");
		return 2;
	}
	all.build = g_canonicalize_filename(argv[1], NULL);
	all.patterns = argv + 2;
	all.folder = g_build_filename(all.build, "tests", "fault-logs", NULL);
	all.temporary = g_dir_make_tmp("ft-XXXXXX", NULL);
	all.seed = g_random_int();
	all.random = g_rand_new_with_seed(all.seed);
	all.has_kvm = ask_for_kvm();
	all.loop = g_main_loop_new(NULL, FALSE);
	select_wanted();
	printf("1..%u\n", all.wanted->len);
	g_idle_add(on_start, NULL);
	g_main_loop_run(all.loop);
	remove_folder(all.temporary);
	return all.failed ? 1 : 0;
}
