// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Carries out the runs of fault-table.c and prints the Test Anything Protocol. Of
 * each it checks the exit status, the words, the JSON verdict, that the case's logs
 * were kept, that no process is left that descends from the run (all of them have a
 * mark in their environment), and that its private folder for temporary files is
 * empty. Runs with fake-qemu mostly wait, and go side by side; those with a real
 * QEMU share the CPUs.
 *
 * Usage: faults BUILD [PATTERN]
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define MOST_FAKE_RUNS 12
#define MOST_REAL_RUNS 2

/* A run that takes longer than any deadline of its own has got stuck. */
#define STUCK_SECONDS 150
/* How long the death of the runner may take to reach what it had started. */
#define LAST_GASP_MS	  5000
#define TICK_MS		  3
#define MOST_OUTPUT_LINES 40

#define MARK "FERRY_TEST_RUN"

struct run {
	const struct fault *fault;
	char *folder;	 /* keeps the output, the logs and the results */
	char *temporary; /* its TMPDIR: short, since sockets go there */
	char *mark;
	GPid pid;
	guint ticker, guard;
	gint64 moment; /* monotonic, us; 0 until it was chosen */
	int held;
	gboolean stuck;
	GString *problems; /* one a line */
};

static struct {
	const char *build;
	char *folder, *temporary;
	const char *pattern;
	GRand *random;
	guint32 seed;
	gsize next[2]; /* fault to look at next: real and fake */
	unsigned running[2];
	unsigned number, failed;
	GMainLoop *loop;
	gboolean has_kvm;
} all;

/* ---- processes ---- */

static char *read_proc(const char *pid, const char *file, gsize *length)
{
	g_autofree char *path = g_build_filename("/proc", pid, file, NULL);
	char *text;

	return g_file_get_contents(path, &text, length, NULL) ? text : NULL;
}

/* Does one of the strings in LENGTH BYTES (and a NUL), ended by NUL each, equal WORD? */
static gboolean has_string(const char *bytes, gsize length, const char *word)
{
	for (const char *end = bytes + length; bytes && bytes < end; bytes += strlen(bytes) + 1)
		if (g_str_equal(bytes, word))
			return TRUE;
	return FALSE;
}

static void for_each_process(const struct run *run,
			     void (*found)(GPid pid, const char *name, void *data), void *data)
{
	GDir *proc = g_dir_open("/proc", 0, NULL);
	const char *entry;

	while ((entry = g_dir_read_name(proc))) {
		g_autofree char *environment = NULL;
		gsize length = 0;

		if (!g_ascii_isdigit(*entry))
			continue;
		environment = read_proc(entry, "environ", &length);
		if (has_string(environment, length, run->mark))
			found(atoi(entry), entry, data);
	}
	g_dir_close(proc);
}

struct search {
	const struct run *run;
	struct run_vmms vmms;
};

static void look_for_vmm(GPid pid, const char *name, void *data)
{
	struct search *search = data;
	struct run_vmms *vmms = &search->vmms;
	gsize length = 0;
	g_autofree char *command = read_proc(name, "cmdline", &length);

	if (pid == search->run->pid || !has_string(command, length, "-kernel"))
		return;
	vmms->oldest = vmms->count ? MIN(vmms->oldest, pid) : pid;
	vmms->newest = MAX(vmms->newest, pid);
	vmms->count++;
}

struct run_vmms run_find_vmms(const struct run *run)
{
	struct search search = { .run = run };

	for_each_process(run, look_for_vmm, &search);
	return search.vmms;
}

static void list_process(GPid pid, const char *name, void *data)
{
	gsize length = 0;
	g_autofree char *command = read_proc(name, "cmdline", &length);

	g_string_append_printf(data, " %d (%s)", pid, command && *command ? command : "?");
}

/* " PID (NAME) ..." of all that the run started and that still lives. */
static GString *list_processes(const struct run *run)
{
	GString *list = g_string_new(NULL);

	for_each_process(run, list_process, list);
	return list;
}

static void kill_process(GPid pid, const char *name, void *data)
{
	kill(pid, SIGKILL);
}

/* ---- what the table's functions use ---- */

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

gboolean run_random_moment_came(struct run *run, unsigned most_ms)
{
	if (!run->moment)
		run->moment =
			g_get_monotonic_time() + g_rand_int_range(all.random, 0, most_ms * 1000);
	return g_get_monotonic_time() >= run->moment;
}

/* ---- checks ---- */

static G_GNUC_PRINTF(2, 3) void complain(struct run *run, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_string_append_vprintf(run->problems, format, arguments);
	va_end(arguments);
	g_string_append_c(run->problems, '\n');
}

void run_complain(struct run *run, const char *text)
{
	complain(run, "%s", text);
}

static void check_status(struct run *run, int wait_status)
{
	int status =
		WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);

	if (run->stuck)
		complain(run, "it did not end within %d s and was killed", STUCK_SECONDS);
	else if (status != run->fault->status)
		complain(run, "exit status %d, not %d", status, run->fault->status);
}

static void check_words(struct run *run)
{
	g_autofree char *path = run_path(run, "output"), *output = NULL;

	g_file_get_contents(path, &output, NULL, NULL);
	if (!output)
		complain(run, "there is no %s", path);
	else if (!g_regex_match_simple(run->fault->words, output, G_REGEX_MULTILINE, 0))
		complain(run, "the output does not match '%s'", run->fault->words);
}

static void check_result(struct run *run, JsonObject *result)
{
	const char *verdict = json_object_get_string_member_with_default(result, "verdict", "");
	const char *reason = json_object_get_string_member_with_default(result, "reason", "");
	const char *logs = json_object_get_string_member_with_default(result, "logs", NULL);
	static const char *const kept[] = { "command", "console", "qmp", "stderr" };

	if (!*verdict || !strstr(run->fault->verdict, verdict))
		complain(run, "the JSON verdict is %s, not %s", verdict, run->fault->verdict);
	if (strchr(reason, '\n'))
		complain(run, "the reason has more than one line");
	for (gsize i = 0; logs && !run->fault->keeps_no_logs && i < G_N_ELEMENTS(kept); i++) {
		g_autofree char *path = g_build_filename(logs, kept[i], NULL);

		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			complain(run, "the log %s was not kept", path);
	}
}

static void check_results(struct run *run)
{
	g_autofree char *path = run_path(run, "json"), *text = NULL;
	g_auto(GStrv) lines = NULL;
	unsigned results = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		text = g_strdup("");
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(JsonNode) node = NULL;

		if (!**line)
			continue;
		node = g_utf8_validate(*line, -1, NULL) ? json_from_string(*line, &error) : NULL;
		results++;
		if (!node)
			complain(run, "a line of JSON is damaged: %s", *line);
		else if (run->fault->verdict)
			check_result(run, json_node_get_object(node));
	}
	if (results != MAX(run->fault->cases, run->fault->verdict != NULL))
		complain(run, "%u cases have a verdict in %s", results, path);
}

static void check_processes(struct run *run)
{
	gint64 end = g_get_monotonic_time() + LAST_GASP_MS * 1000;
	GString *left = list_processes(run);

	/* The kernel kills the orphans of what was killed: soon, not at once. */
	while ((run->fault->leaves_folder || run->fault->vmm_has_child) && left->len &&
	       g_get_monotonic_time() < end) {
		g_string_free(left, TRUE);
		g_usleep(TICK_MS * 1000);
		left = list_processes(run);
	}
	if (left->len)
		complain(run, "processes are left:%s", left->str);
	g_string_free(left, TRUE);
	for_each_process(run, kill_process, NULL);
}

static void remove_folder(const char *path)
{
	GDir *folder = g_dir_open(path, 0, NULL);
	const char *name;

	while (folder && (name = g_dir_read_name(folder))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		if (g_file_test(child, G_FILE_TEST_IS_DIR) &&
		    !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
			remove_folder(child);
		else
			g_unlink(child);
	}
	if (folder)
		g_dir_close(folder);
	g_rmdir(path);
}

static void check_temporary(struct run *run)
{
	GDir *folder = g_dir_open(run->temporary, 0, NULL);
	const char *name;

	while (!run->fault->leaves_folder && folder && (name = g_dir_read_name(folder)))
		complain(run, "%s is left in its TMPDIR", name);
	if (folder)
		g_dir_close(folder);
	remove_folder(run->temporary);
}

/* ---- the course of a run ---- */

static void start_more(void);

/* Where the logs stay behind, as in CI, this is all that is known of what went wrong. */
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
	check_status(run, wait_status);
	check_words(run);
	check_results(run);
	check_processes(run);
	check_temporary(run);
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
	for_each_process(run, kill_process, NULL);
	return G_SOURCE_CONTINUE;
}

static char *replace(const char *text, const char *word, const char *by)
{
	g_auto(GStrv) pieces = g_strsplit(text, word, -1);

	return g_strjoinv(by, pieces);
}

/* A project of the run's own: ferry finds its unittests.cfg by where it is itself. */
static char *make_project(struct run *run)
{
	g_autofree char *ferry = g_build_filename(all.build, "ferry", NULL);
	g_autofree char *programs = g_build_filename(all.build, "x86", NULL);
	g_autofree char *build = run_path(run, "build");
	g_autofree char *copy_of_programs = run_path(run, "build/x86");
	g_autofree char *config = run_path(run, "unittests.cfg");
	g_autofree char *bytes = NULL;
	char *copy = run_path(run, "build/ferry");
	gsize length;

	g_mkdir_with_parents(build, 0755);
	if (!g_file_get_contents(ferry, &bytes, &length, NULL) ||
	    !g_file_set_contents(copy, bytes, length, NULL) ||
	    !g_file_set_contents(config, run->fault->config, -1, NULL) || g_chmod(copy, 0755) < 0 ||
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

/* What to run, as one line for a shell. */
static char *command(struct run *run)
{
	const struct fault *fault = run->fault;
	g_autofree char *ferry =
		fault->config ? make_project(run) : g_build_filename(all.build, "ferry", NULL);
	g_autofree char *fake = g_build_filename(all.build, "tests", "fake-qemu", NULL);
	g_autofree char *with_dir = replace(fault->arguments, "@DIR@", run->folder);
	g_autofree char *with_build = replace(with_dir, "@BUILD@", all.build);
	g_autofree char *arguments = replace(with_build, "@FAKE@", fake);
	g_autofree char *logs = run_path(run, "logs");
	GString *line = g_string_new(fault->wrapper ? NULL : "exec ");

	g_string_append_printf(line, "%s %s", ferry, arguments);
	if (g_str_has_prefix(fault->arguments, "run")) {
		g_string_append_printf(line, " --plain --json %s/json", run->folder);
		add_default(line, fault, "--accel", "tcg");
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
	g_autofree char *cache = run_path(run, "cache");
	char **environment = g_get_environ();

	environment = g_environ_setenv(environment, "TMPDIR", run->temporary, TRUE);
	environment = g_environ_setenv(environment, "XDG_CACHE_HOME", cache, TRUE);
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
	return !all.pattern || g_pattern_match_simple(all.pattern, fault->name);
}

static void start_more(void)
{
	static const unsigned most[] = { MOST_REAL_RUNS, MOST_FAKE_RUNS };

	for (int fake = 0; fake <= 1; fake++)
		while (all.running[fake] < most[fake] && all.next[fake] < fault_count) {
			const struct fault *fault = &faults[all.next[fake]++];

			if ((fault->script != NULL) != fake || !is_wanted(fault))
				continue;
			if (fault->needs_kvm && !all.has_kvm)
				printf("ok %u /faults/%s # SKIP needs /dev/kvm, which cannot be used\n",
				       ++all.number, fault->name);
			else
				start(fault);
		}
	if (!all.running[0] && !all.running[1])
		g_main_loop_quit(all.loop);
}

static unsigned count_wanted(void)
{
	unsigned count = 0;

	for (gsize i = 0; i < fault_count; i++)
		count += is_wanted(&faults[i]);
	return count;
}

/* ferry itself knows best: it lists a case for KVM only where KVM works. */
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
	if (argc < 2) {
		fprintf(stderr, "Usage: faults BUILD [PATTERN]\n");
		return 2;
	}
	all.build = g_canonicalize_filename(argv[1], NULL);
	all.pattern = argv[2];
	all.folder = g_build_filename(all.build, "tests", "fault-logs", NULL);
	all.temporary = g_dir_make_tmp("ft-XXXXXX", NULL);
	all.seed = g_random_int();
	all.random = g_rand_new_with_seed(all.seed);
	all.has_kvm = ask_for_kvm();
	all.loop = g_main_loop_new(NULL, FALSE);
	printf("1..%u\n", count_wanted());
	g_idle_add(on_start, NULL);
	g_main_loop_run(all.loop);
	remove_folder(all.temporary);
	return all.failed ? 1 : 0;
}
