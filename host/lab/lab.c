// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs cases in a lab: first lab/find-kernel, unless a kernel's path is given, then lab/NAME with
 * this same runner inside. If the lab ends early, each case without a result is an error, and the
 * reason tells how the lab ended. Every wait for a lab has a limit.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab/command-line.h"
#include "lab/lab.h"
#include "lab/results.h"
#include "lab/script.h"
#include "util/text.h"

/* How many of the lab's last lines are an error's detail. */
#define LAST_LINES 20
/* Enough for a busy machine with one slow CPU. */
#define KERNEL_SECONDS (4 * 60 * 60)
/* How lab/find-kernel marks what people want to know. */
#define KERNEL_MARK "lab kernel: "
/* Exit statuses of lab/NAME: wrong usage or something missing, and a lab that failed. */
#define STATUS_USAGE  2
#define STATUS_FAILED 70

struct lab {
	const struct lab_kind *kind;
	const struct settings *wanted;
	struct lab_options options;
	char *logdir;	    /* of the cases */
	char *folder;	    /* of the lab's own logs */
	char *console_path; /* the script's stderr, which tells what became of the machine */
	const struct lab_listener *listener;
	void *data;
	struct lab_results *results;

	struct lab_script *script; /* the one that runs, or NULL */
	char *kernel_line;	   /* the last line of lab/find-kernel: where the kernel is */
	guint limit;		   /* the timer that ends a silent script */
	guint idle;
};

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

static void end_script(struct lab *lab)
{
	if (lab->limit)
		g_source_remove(lab->limit);
	lab->limit = 0;
	g_clear_pointer(&lab->script, lab_script_free);
}

/* ---- how a lab failed ---- */

/* The last lines of the lab's console, for an error's detail. The caller frees it. */
static char *last_lines(const struct lab *lab)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GString *told = g_string_new(NULL);
	guint count;

	if (!g_file_get_contents(lab->console_path, &text, NULL, NULL))
		return g_string_free(told, FALSE);
	lines = g_strsplit(g_strchomp(text), "\n", -1);
	count = g_strv_length(lines);
	for (guint i = count > LAST_LINES ? count - LAST_LINES : 0; i < count; i++) {
		g_autofree char *line = text_printable(g_strchomp(lines[i]), -1);

		g_string_append_printf(told, "%s%s", told->len ? "\n" : "", line);
	}
	return g_string_free(told, FALSE);
}

/*
 * The last of LINES that the script has marked as its own, without the mark. If it has marked none,
 * the last line. The caller frees it.
 */
static char *last_words(const struct lab *lab, const char *lines)
{
	g_autofree char *mark = g_strdup_printf("lab/%s: ", lab->kind->name);
	const char *own = g_strrstr(lines, mark), *last = strrchr(lines, '\n');
	const char *words = own ? own + strlen(mark) : last ? last + 1 : lines;

	return g_strndup(words, strcspn(words, "\n"));
}

/* A lab whose runner was never heard did not come up. */
static enum failure_kind kind_of_end(const struct lab *lab)
{
	return lab_results_timescale(lab->results) > 0 ? KIND_LAB : KIND_LAB_BOOT;
}

static void fail(struct lab *lab, enum failure_kind kind, const char *reason)
{
	g_autofree char *lines = last_lines(lab);

	lab_results_give_up(lab->results, kind, reason, lines, lab->folder);
	finish(lab);
}

static void fail_with_last_words(struct lab *lab, enum failure_kind kind)
{
	g_autofree char *lines = last_lines(lab), *words = last_words(lab, lines);
	g_autofree char *reason = g_strdup_printf("the %s lab failed%s%s", lab->kind->name,
						  *words ? ": " : "", words);

	lab_results_give_up(lab->results, kind, reason, lines, lab->folder);
	finish(lab);
}

static void on_lab_ended(void *data, int wait_status)
{
	struct lab *lab = data;
	gboolean killed = WIFSIGNALED(wait_status);
	int status = killed ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
	g_autofree char *reason = NULL;

	end_script(lab);
	if (!lab_results_owed(lab->results)->len) {
		finish(lab);
	} else if (!killed && (status == STATUS_USAGE || status == STATUS_FAILED)) {
		fail_with_last_words(lab,
				     status == STATUS_USAGE ? KIND_LAB_SETUP : kind_of_end(lab));
	} else {
		reason = g_strdup_printf("the %s lab ended (%s %d) before this case's verdict",
					 lab->kind->name, killed ? "signal" : "status", status);
		fail(lab, kind_of_end(lab), reason);
	}
}

/* ---- limits ---- */

static gboolean on_limit(gpointer data)
{
	struct lab *lab = data;
	gboolean up = lab_results_timescale(lab->results) > 0;
	g_autofree char *reason = g_strdup_printf(
		up ? "the %s lab failed: it was silent for longer than any case may take"
		   : "the %s lab failed: its runner had not started within %u s",
		lab->kind->name, lab->options.boot_seconds);

	lab->limit = 0;
	end_script(lab);
	fail(lab, kind_of_end(lab), reason);
	return G_SOURCE_REMOVE;
}

/* Seconds that the longest of the cases may take, by the lab's deadlines; 0: there is no limit. */
static double longest_case(const struct lab *lab)
{
	const GPtrArray *cases = lab_results_owed(lab->results);
	double longest = 0;

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];
		double timeout = case_limit_seconds(test_case, lab->wanted,
						    lab_results_timescale(lab->results), TRUE);

		if (!timeout)
			return 0;
		longest = MAX(longest, timeout);
	}
	return longest +
	       firmware_limit_seconds(lab->wanted, lab_results_timescale(lab->results), TRUE);
}

/* Restarts the timer that ends a silent lab. Called when the lab starts and for each line. */
static void begin_limit(struct lab *lab)
{
	gboolean up = lab_results_timescale(lab->results) > 0;
	double seconds = up ? longest_case(lab) : 0;

	if (lab->limit)
		g_source_remove(lab->limit);
	lab->limit = 0;
	if (!up)
		lab->limit = g_timeout_add_seconds(lab->options.boot_seconds, on_limit, lab);
	else if (seconds)
		/* Everything else that the runner inside does takes less time than a boot. */
		lab->limit =
			g_timeout_add_seconds(seconds + lab->options.boot_seconds, on_limit, lab);
}

static void on_lab_line(void *data, const char *line)
{
	struct lab *lab = data;

	lab_results_take(lab->results, line);
	if (lab_results_timescale(lab->results) > 0)
		begin_limit(lab);
}

/* ---- the course: the kernel, the lab, the end ---- */

static void start_script(struct lab *lab, char **arguments,
			 const struct lab_script_listener *listener)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *reason = NULL;

	lab->script = lab_script_start(arguments, lab->console_path, listener, lab, &error);
	if (lab->script)
		return;
	reason = g_strdup_printf("the %s lab cannot be started: %s", lab->kind->name,
				 error->message);
	fail(lab, KIND_LAB_SETUP, reason);
}

/* If there are several machines of one kind, the first speaks for all of them. */
static G_GNUC_PRINTF(2, 3) void note(struct lab *lab, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list arguments;

	if (lab->options.machine > 1)
		return;
	va_start(arguments, format);
	text = g_strdup_vprintf(format, arguments);
	va_end(arguments);
	lab->listener->note(lab->data, text);
}

void lab_run(struct lab *lab)
{
	static const struct lab_script_listener listener = {
		.line = on_lab_line,
		.ended = on_lab_ended,
	};
	g_auto(GStrv) arguments = lab_command_line(lab->kind, &lab->options, lab->wanted,
						   lab_results_owed(lab->results), lab->logdir);

	note(lab, "the %s lab%s%s is booting", lab->kind->name,
	     lab->options.clock ? ", clock " : "", lab->options.clock ? lab->options.clock : "");
	start_script(lab, arguments, &listener);
	if (lab->script)
		begin_limit(lab);
}

static void append_to_console(const struct lab *lab, const char *line)
{
	FILE *console = fopen(lab->console_path, "a");

	if (!console)
		return;
	fprintf(console, "%s\n", line);
	fclose(console);
}

/* The last line tells where the kernel is, or why there is none. */
static void on_kernel_line(void *data, const char *line)
{
	struct lab *lab = data;

	append_to_console(lab, line);
	if (g_str_has_prefix(line, KERNEL_MARK))
		note(lab, "the %s lab's kernel: %s", lab->kind->name, line + strlen(KERNEL_MARK));
	g_free(lab->kernel_line);
	lab->kernel_line = g_strdup(line);
}

static void on_kernel_ended(void *data, int wait_status)
{
	struct lab *lab = data;
	g_autofree char *reason = NULL;

	end_script(lab);
	if (g_spawn_check_wait_status(wait_status, NULL) && lab->kernel_line) {
		lab->options.kernel = lab->kernel_line;
		lab->listener->ready(lab->data);
		return;
	}
	reason = g_strdup_printf("the %s lab has no kernel: %s", lab->kind->name,
				 lab->kernel_line ?: "lab/find-kernel said nothing");
	fail(lab, KIND_LAB_SETUP, reason);
}

static gboolean on_kernel_limit(gpointer data)
{
	struct lab *lab = data;
	g_autofree char *reason =
		g_strdup_printf("the %s lab has no kernel: lab/find-kernel did not end within %u s",
				lab->kind->name, KERNEL_SECONDS);

	lab->limit = 0;
	end_script(lab);
	fail(lab, KIND_LAB_SETUP, reason);
	return G_SOURCE_REMOVE;
}

/* If several labs need a kernel that is not there, the first makes it, and the others wait. */
static void find_kernel(struct lab *lab, const char *which)
{
	static const struct lab_script_listener listener = {
		.line = on_kernel_line,
		.ended = on_kernel_ended,
	};
	g_autofree char *path = lab_script_path("find-kernel");
	g_autofree char *option = which ? g_strconcat("--", which, NULL) : NULL;
	char *arguments[] = { path, "--notes", option, NULL };

	start_script(lab, arguments, &listener);
	if (lab->script)
		lab->limit = g_timeout_add_seconds(KERNEL_SECONDS, on_kernel_limit, lab);
}

static gboolean on_start(gpointer data)
{
	struct lab *lab = data;

	lab->idle = 0;
	if (!lab->options.kernel)
		/* Modules without a kernel must have been built for the small one. */
		find_kernel(lab, lab->options.modules ? "small" : NULL);
	else if (g_strv_contains(lab_kernel_words, lab->options.kernel))
		find_kernel(lab, lab->options.kernel);
	else
		lab->listener->ready(lab->data);
	return G_SOURCE_REMOVE;
}

struct lab *lab_start(const struct lab_kind *kind, GPtrArray *cases, const struct settings *wanted,
		      const struct lab_options *options, const char *logdir,
		      const struct lab_listener *listener, void *data)
{
	struct lab *lab = g_new0(struct lab, 1);
	g_autofree char *number =
		options->machine > 1 ? g_strdup_printf("-%u", options->machine) : g_strdup("");

	lab->kind = kind;
	lab->wanted = wanted;
	lab->options = *options;
	if (!options->boot_seconds)
		lab->options.boot_seconds = kind->boot_seconds;
	lab->logdir = g_canonicalize_filename(logdir, NULL);
	lab->folder =
		g_strdup_printf("%s/lab-%s%s%s%s", logdir, kind->name, options->clock ? "-" : "",
				options->clock ? options->clock : "", number);
	lab->console_path = g_build_filename(lab->folder, "console", NULL);
	lab->listener = listener;
	lab->data = data;
	lab->results = lab_results_new(kind->name, wanted->kvm, cases, listener, data);
	g_mkdir_with_parents(lab->folder, 0755);
	unlink(lab->console_path);
	lab->idle = g_idle_add(on_start, lab);
	return lab;
}

void lab_free(struct lab *lab)
{
	if (lab->idle)
		g_source_remove(lab->idle);
	end_script(lab);
	lab_results_free(lab->results);
	g_free(lab->kernel_line);
	g_free(lab->console_path);
	g_free(lab->folder);
	g_free(lab->logdir);
	g_free(lab);
}
