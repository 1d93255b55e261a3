// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs cases in a lab: first lab/build-kernel, unless a kernel is given, then
 * lab/NAME with this same runner inside, whose JSON stream (report-stream.c) is
 * turned back into results. A case that the lab still owes when it ends is an
 * error, with the last that the lab had to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/kvm.h"
#include "lab/lab.h"
#include "vmm/qemu/qmp.h"
#include "report/result-json.h"
#include "util/paths.h"
#include "util/text.h"

/* In the order in which they are preferred: the first is many times as fast. */
const char *const lab_names[] = { "amd", "intel", NULL };

const char *lab_missing(const char *name)
{
	g_autofree char *bochs = NULL;

	if (!g_str_equal(name, "intel") || kvm_offers_vmx())
		return NULL;
	bochs = g_find_program_in_path(g_getenv("BOCHS") ?: "bochs");
	return bochs ? NULL : "the intel lab has no Bochs (scripts/packages --install lab intel)";
}

/* How many of the lab's last lines an error tells. */
#define LAST_LINES 20

struct lab {
	char *name;
	GPtrArray *cases; /* without a result yet; struct test_case */
	const struct settings *wanted;
	char *kernel, *modules, *clock;
	unsigned machine;   /* of several */
	char *logdir;	    /* of the cases */
	char *console_path; /* of the lab's own console and errors */
	const struct lab_listener *listener;
	void *data;

	GPid pid; /* 0 if no process runs */
	guint child_watch, output_watch, idle;
	int output;
	GString *line; /* of the process' output, as far as it has come */
	gboolean building;
	char *last_output; /* the last whole line of the kernel's build */
	struct environment *environment;
};

/* ---- results ---- */

static const struct test_case *find_case(struct lab *lab, const char *name)
{
	for (guint i = 0; name && i < lab->cases->len; i++) {
		const struct test_case *test_case = lab->cases->pdata[i];

		if (g_str_equal(test_case->name, name))
			return test_case;
	}
	return NULL;
}

static void hand_out(struct lab *lab, struct result *result)
{
	g_ptr_array_remove(lab->cases, (gpointer)result->test_case);
	lab->listener->result(lab->data, result);
}

static void on_event(struct lab *lab, JsonObject *event)
{
	const char *name = qmp_string(event, "event");
	const struct test_case *test_case = find_case(lab, qmp_string(event, "case"));
	const char *doing = qmp_string(event, "doing");
	struct result *result;

	if (!g_strcmp0(name, "environment") && !lab->environment) {
		lab->environment = environment_from_json(event);
		g_free(lab->environment->host);
		lab->environment->host = g_strdup(lab->name);
	}
	if (!test_case || !lab->environment)
		return;
	if (!g_strcmp0(name, "started"))
		lab->listener->started(lab->data, test_case);
	else if (!g_strcmp0(name, "progress") && doing)
		lab->listener->progress(lab->data, test_case, doing);
	else if (!g_strcmp0(name, "ended") &&
		 (result = result_from_json(event, test_case, lab->environment)))
		hand_out(lab, result);
}

/* The last lines of the lab's console, for an error's detail. */
static char *last_words(struct lab *lab)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GString *words = g_string_new(NULL);
	guint count;

	if (!g_file_get_contents(lab->console_path, &text, NULL, NULL))
		return g_string_free(words, FALSE);
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	count = g_strv_length(lines);
	for (guint i = count > LAST_LINES ? count - LAST_LINES : 0; i < count; i++) {
		g_autofree char *line = text_printable(g_strchomp(lines[i]), -1);

		g_string_append_printf(words, "%s%s", words->len ? "\n" : "", line);
	}
	return g_string_free(words, FALSE);
}

static struct environment *unknown_environment(struct lab *lab)
{
	struct environment *environment = g_new0(struct environment, 1);

	environment->host = g_strdup(lab->name);
	environment->vmm = g_strdup("qemu");
	environment->timescale = 1;
	return environment;
}

/* Everything that is still owed has this verdict, for this reason. */
static void give_up(struct lab *lab, enum verdict verdict, const char *reason, const char *detail)
{
	if (!lab->environment)
		lab->environment = unknown_environment(lab);
	while (lab->cases->len) {
		struct result *result = result_new(lab->cases->pdata[0], lab->environment);

		result->verdict = verdict;
		result->reason = g_strdup(reason);
		result->detail = g_strdup(detail);
		result->logdir = g_path_get_dirname(lab->console_path);
		hand_out(lab, result);
	}
}

static gboolean tell_finished(gpointer data)
{
	struct lab *lab = data;

	lab->idle = 0;
	lab->listener->finished(lab->data);
	return G_SOURCE_REMOVE;
}

static void finish(struct lab *lab)
{
	lab->idle = g_idle_add(tell_finished, lab);
}

/* ---- the process: first the kernel's build, then the lab ---- */

static void on_line(struct lab *lab, const char *line)
{
	g_autoptr(JsonParser) parser = NULL;
	JsonNode *root;

	if (lab->building) {
		g_free(lab->last_output);
		lab->last_output = g_strdup(line);
		return;
	}
	parser = json_parser_new();
	if (json_parser_load_from_data(parser, line, -1, NULL) &&
	    (root = json_parser_get_root(parser)) && JSON_NODE_HOLDS_OBJECT(root))
		on_event(lab, json_node_get_object(root));
}

static void take(struct lab *lab, const char *bytes, gsize length)
{
	char *newline;

	g_string_append_len(lab->line, bytes, length);
	while ((newline = memchr(lab->line->str, '\n', lab->line->len))) {
		g_autofree char *line = g_strndup(lab->line->str, newline - lab->line->str);

		g_string_erase(lab->line, 0, newline - lab->line->str + 1);
		on_line(lab, line);
	}
}

/* Takes all that there is to read now; FALSE at the end of the stream. */
static gboolean drain(struct lab *lab)
{
	char bytes[16384];
	ssize_t length;

	for (;;) {
		length = read(lab->output, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return length < 0 && errno == EAGAIN;
		take(lab, bytes, length);
	}
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
	struct lab *lab = data;

	if (drain(lab))
		return G_SOURCE_CONTINUE;
	lab->output_watch = 0;
	return G_SOURCE_REMOVE;
}

static void close_output(struct lab *lab)
{
	if (lab->output_watch)
		g_source_remove(lab->output_watch);
	lab->output_watch = 0;
	if (lab->output >= 0)
		close(lab->output);
	lab->output = -1;
	g_string_truncate(lab->line, 0);
}

static void kernel_is_built(struct lab *lab, int wait_status)
{
	g_autofree char *reason = NULL, *words = NULL;

	lab->building = FALSE;
	if (g_spawn_check_wait_status(wait_status, NULL) && lab->last_output) {
		lab->kernel = g_strdup(lab->last_output);
		lab->listener->ready(lab->data);
		return;
	}
	words = last_words(lab);
	reason = g_strdup_printf(
		"the %s lab has no kernel, and lab/build-kernel could not make one", lab->name);
	give_up(lab, VERDICT_ERROR, reason, words);
	finish(lab);
}

static void on_exit_of_process(GPid pid, gint wait_status, gpointer data)
{
	struct lab *lab = data;
	g_autofree char *reason = NULL, *words = NULL;

	lab->pid = 0;
	lab->child_watch = 0;
	drain(lab);
	close_output(lab);
	if (lab->building) {
		kernel_is_built(lab, wait_status);
		return;
	}
	if (lab->cases->len) {
		words = last_words(lab);
		reason = g_strdup_printf("the %s lab ended (%s %d) before this case's verdict",
					 lab->name, WIFSIGNALED(wait_status) ? "signal" : "status",
					 WIFSIGNALED(wait_status) ? WTERMSIG(wait_status)
								  : WEXITSTATUS(wait_status));
		give_up(lab, VERDICT_ERROR, reason, words);
	}
	finish(lab);
}

/* The script ends its machine when it is told to end. */
static void in_child(gpointer runner)
{
	child_bind(GPOINTER_TO_INT(runner), SIGTERM);
}

static void spawn(struct lab *lab, GPtrArray *arguments)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reason = NULL;
	int errors = open(lab->console_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	gboolean started;

	g_ptr_array_add(arguments, NULL);
	started = errors >= 0 &&
		  g_spawn_async_with_pipes_and_fds(
			  NULL, (const char *const *)arguments->pdata, NULL,
			  G_SPAWN_DO_NOT_REAP_CHILD, in_child, GINT_TO_POINTER(getpid()), -1, -1,
			  errors, NULL, NULL, 0, &lab->pid, NULL, &lab->output, NULL, &error);
	if (errors >= 0)
		close(errors);
	if (!started) {
		reason = g_strdup_printf("the %s lab cannot be started: %s", lab->name,
					 error ? error->message : g_strerror(errno));
		give_up(lab, VERDICT_ERROR, reason, NULL);
		finish(lab);
		return;
	}
	g_unix_set_fd_nonblocking(lab->output, TRUE, NULL);
	lab->child_watch = g_child_watch_add(lab->pid, on_exit_of_process, lab);
	lab->output_watch = g_unix_fd_add(lab->output, G_IO_IN | G_IO_HUP, on_output, lab);
}

static void add(GPtrArray *arguments, const char *argument)
{
	g_ptr_array_add(arguments, g_strdup(argument));
}

static void add_option(GPtrArray *arguments, const char *name, const char *value)
{
	if (!value)
		return;
	add(arguments, name);
	add(arguments, value);
}

/* A path that holds inside the lab too: absolute. Frees PATH. */
static void add_path(GPtrArray *arguments, char *path)
{
	g_ptr_array_add(arguments, g_canonicalize_filename(path, NULL));
	g_free(path);
}

/* The plans of CASES, which need not be those that programs have by themselves. */
static void add_plans(GPtrArray *arguments, GPtrArray *cases)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		/* The same plan has the same name, to the address. */
		if (!g_ptr_array_find(names, test_case->plan->name, NULL))
			g_ptr_array_add(names, (gpointer)test_case->plan->name);
	}
	g_ptr_array_add(names, NULL);
	add(arguments, "--plan");
	g_ptr_array_add(arguments, g_strjoinv(",", (char **)names->pdata));
}

/* On a host of the same kind whose KVM nests, the lab runs at the speed of hardware. */
static const char *accelerator(const struct lab *lab)
{
	if (g_str_equal(lab->name, "intel"))
		return kvm_offers_vmx() ? "kvm" : "bochs";
	return kvm_offers_svm() ? "kvm" : "tcg";
}

/* This lab cannot see the host's files; lab/pack-files knows those of this checkout. */
static void add_files(GPtrArray *arguments, const struct lab *lab, char **words)
{
	for (char **word = words; *word; word++)
		if (g_str_equal(*word, "--suite") || g_str_equal(*word, "--qemu") ||
		    g_str_equal(*word, "--qemu-dst"))
			add_option(arguments, "--file", word[1]);
	for (guint i = 0; i < lab->cases->len; i++) {
		const struct test_case *test_case = lab->cases->pdata[i];
		const char *file = test_case->program->file;

		if (g_file_test(file, G_FILE_TEST_EXISTS))
			add_option(arguments, "--file", file);
	}
}

void lab_run(struct lab *lab)
{
	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *script = g_strconcat("lab/", lab->name, NULL);
	g_auto(GStrv) words = settings_to_arguments(lab->wanted);

	add_path(arguments, source_path(script));
	add_option(arguments, "--kernel", lab->kernel);
	add_option(arguments, "--modules", lab->modules);
	add_option(arguments, "--clock", lab->clock);
	add_option(arguments, "--accel", accelerator(lab));
	add_option(arguments, "--results", lab->logdir);
	if (g_str_equal(lab->name, "intel"))
		add_files(arguments, lab, words);
	add(arguments, "--");
	add_path(arguments, build_path("ferry"));
	add(arguments, "run");
	add(arguments, "--stream");
	add(arguments, "--host");
	add(arguments, "local");
	add_option(arguments, "--logdir", lab->logdir);
	for (char **word = words; *word; word++)
		add(arguments, *word);
	add_plans(arguments, lab->cases);
	add(arguments, "--");
	for (guint i = 0; i < lab->cases->len; i++) {
		const struct test_case *test_case = lab->cases->pdata[i];
		g_autofree char *pattern =
			g_strconcat(test_case->program->name, "/", test_case->plan->name, NULL);

		add(arguments, pattern);
	}
	spawn(lab, arguments);
}

static void build_kernel(struct lab *lab)
{
	g_autofree char *text =
		g_strdup_printf("the %s lab: looking for its kernel, or building it "
				"(some minutes, once)",
				lab->name);

	g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

	/* Whichever comes first builds it, and the others wait. */
	if (lab->machine <= 1)
		lab->listener->note(lab->data, text);
	lab->building = TRUE;
	add_path(arguments, source_path("lab/build-kernel"));
	spawn(lab, arguments);
}

static gboolean on_start(gpointer data)
{
	struct lab *lab = data;

	lab->idle = 0;
	if (lab->kernel)
		lab->listener->ready(lab->data);
	else
		build_kernel(lab);
	return G_SOURCE_REMOVE;
}

struct lab *lab_start(const char *name, GPtrArray *cases, const struct settings *wanted,
		      const struct lab_options *options, const char *logdir,
		      const struct lab_listener *listener, void *data)
{
	struct lab *lab = g_new0(struct lab, 1);
	g_autofree char *number =
		options->machine > 1 ? g_strdup_printf("-%u", options->machine) : g_strdup("");
	g_autofree char *folder =
		g_strdup_printf("%s/lab-%s%s%s%s", logdir, name, options->clock ? "-" : "",
				options->clock ? options->clock : "", number);

	lab->name = g_strdup(name);
	lab->cases = g_ptr_array_copy(cases, NULL, NULL);
	lab->wanted = wanted;
	lab->kernel = g_strdup(options->kernel);
	lab->modules = g_strdup(options->modules);
	lab->clock = g_strdup(options->clock);
	lab->machine = options->machine;
	lab->logdir = g_canonicalize_filename(logdir, NULL);
	lab->console_path = g_build_filename(folder, "console", NULL);
	lab->listener = listener;
	lab->data = data;
	lab->output = -1;
	lab->line = g_string_new(NULL);
	g_mkdir_with_parents(folder, 0755);
	unlink(lab->console_path);
	lab->idle = g_idle_add(on_start, lab);
	return lab;
}

void lab_free(struct lab *lab)
{
	if (lab->idle)
		g_source_remove(lab->idle);
	if (lab->pid) {
		g_source_remove(lab->child_watch);
		/* The script ends its machine when it is told to end. */
		kill(lab->pid, SIGTERM);
		while (waitpid(lab->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_output(lab);
	if (lab->environment)
		environment_free(lab->environment);
	g_ptr_array_unref(lab->cases);
	g_string_free(lab->line, TRUE);
	g_free(lab->last_output);
	g_free(lab->console_path);
	g_free(lab->logdir);
	g_free(lab->kernel);
	g_free(lab->modules);
	g_free(lab->clock);
	g_free(lab->name);
	g_free(lab);
}
