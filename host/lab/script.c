// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs a script below lab/. See script.h. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lab/script.h"
#include "util/child.h"
#include "util/interrupt.h"
#include "util/paths.h"
#include "util/session.h"
#include "util/text.h"

/* A script that is told to end kills its machine and removes its files: that takes a moment. */
#define END_SECONDS 10

struct lab_script {
	const struct lab_script_listener *listener;
	void *data;
	GPid pid; /* 0 once it has ended */
	guint child_watch, output_watch;
	int output;
	GString *line; /* the part of the next line that has come */
};

char *lab_script_path(const char *name)
{
	g_autofree char *below = g_strconcat("lab/", name, NULL);
	g_autofree char *path = source_path(below);

	return g_canonicalize_filename(path, NULL);
}

char **lab_script_environment(void)
{
	g_autofree char *build = build_path(".");
	g_autofree char *absolute = g_canonicalize_filename(build, NULL);

	return g_environ_setenv(g_get_environ(), "FERRY_BUILD", absolute, TRUE);
}

static void take(struct lab_script *script, const char *bytes, gsize length)
{
	char *newline;

	g_string_append_len(script->line, bytes, length);
	while ((newline = memchr(script->line->str, '\n', script->line->len))) {
		g_autofree char *line = g_strndup(script->line->str, newline - script->line->str);

		g_string_erase(script->line, 0, newline - script->line->str + 1);
		script->listener->line(script->data, line);
	}
}

/* Takes all that there is to read now; FALSE at the end of the output. */
static gboolean drain(struct lab_script *script)
{
	char bytes[16384];
	ssize_t length;

	for (;;) {
		length = read(script->output, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return length < 0 && errno == EAGAIN;
		take(script, bytes, length);
	}
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
	struct lab_script *script = data;

	if (drain(script))
		return G_SOURCE_CONTINUE;
	script->output_watch = 0;
	return G_SOURCE_REMOVE;
}

static void on_end(GPid pid, gint wait_status, gpointer data)
{
	struct lab_script *script = data;

	script->pid = 0;
	script->child_watch = 0;
	session_kill(pid);
	drain(script);
	script->listener->ended(script->data, wait_status);
}

/* On SIGTERM the script ends its machine, so it gets this signal when the runner dies. */
static void in_child(gpointer runner)
{
	child_bind(GPOINTER_TO_INT(runner), SIGTERM);
}

struct lab_script *lab_script_start(char **arguments, const char *errors_path,
				    const struct lab_script_listener *listener, void *data,
				    GError **error)
{
	g_auto(GStrv) environment = lab_script_environment();
	int errors = errors_path
			     ? open(errors_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)
			     : -1;
	struct lab_script *script;
	gboolean started;
	int output;
	GPid pid;

	if (errors_path && errors < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot write to %s: %s", errors_path,
			    g_strerror(errno));
		return NULL;
	}
	started = g_spawn_async_with_pipes_and_fds(
		NULL, (const char *const *)arguments, (const char *const *)environment,
		G_SPAWN_DO_NOT_REAP_CHILD, in_child, GINT_TO_POINTER(getpid()), -1, -1, errors,
		NULL, NULL, 0, &pid, NULL, &output, NULL, error);
	if (errors >= 0)
		close(errors);
	if (!started)
		return NULL;
	script = g_new0(struct lab_script, 1);
	script->listener = listener;
	script->data = data;
	script->pid = pid;
	script->output = output;
	script->line = g_string_new(NULL);
	g_unix_set_fd_nonblocking(output, TRUE, NULL);
	script->child_watch = g_child_watch_add(pid, on_end, script);
	script->output_watch = g_unix_fd_add(output, G_IO_IN | G_IO_HUP, on_output, script);
	return script;
}

void lab_script_free(struct lab_script *script)
{
	if (script->output_watch)
		g_source_remove(script->output_watch);
	if (script->pid) {
		g_source_remove(script->child_watch);
		session_end(script->pid, END_SECONDS);
	}
	close(script->output);
	g_string_free(script->line, TRUE);
	g_free(script);
}

/* ---- until it has ended ---- */

struct whole_run {
	GMainLoop *loop;
	void (*line)(void *data, const char *line);
	void *data;
	int *wait_status;
};

static void on_whole_line(void *data, const char *line)
{
	struct whole_run *run = data;

	if (run->line)
		run->line(run->data, line);
}

static void on_whole_end(void *data, int wait_status)
{
	struct whole_run *run = data;

	*run->wait_status = wait_status;
	g_main_loop_quit(run->loop);
}

gboolean lab_script_run(char **arguments, const char *errors_path,
			void (*line)(void *data, const char *line), void *data, int *wait_status,
			GError **error)
{
	static const struct lab_script_listener listener = {
		.line = on_whole_line,
		.ended = on_whole_end,
	};
	struct whole_run run = {
		.loop = g_main_loop_new(NULL, FALSE),
		.line = line,
		.data = data,
		.wait_status = wait_status,
	};
	struct lab_script *script =
		lab_script_start(arguments, errors_path, &listener, &run, error);
	gboolean ended = script && interrupt_run_loop(run.loop);

	if (script)
		lab_script_free(script);
	g_main_loop_unref(run.loop);
	return ended;
}
