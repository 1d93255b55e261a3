// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The checks when a run has ended: the exit status, the words, the JSON verdict, that the case's
 * logs were kept, that no process is left, and that the run's private folder for temporary files
 * is empty.
 */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/wait.h>

#include "run.h"

/* How long the kernel may take to kill the children of a process that was killed. */
#define LAST_GASP_MS 5000

void complain(struct run *run, const char *format, ...)
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
	const char *kind = json_object_get_string_member_with_default(result, "kind", "none");
	const char *logs = json_object_get_string_member_with_default(result, "logs", NULL);
	static const char *const kept[] = { "command", "console", "stderr" };

	if (!*verdict || !strstr(run->fault->verdict, verdict))
		complain(run, "the JSON verdict is %s, not %s", verdict, run->fault->verdict);
	if (run->fault->kind && g_strcmp0(kind, run->fault->kind))
		complain(run, "the failure is of the kind %s, not %s", kind, run->fault->kind);
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

		/* The line of the cases that did not run has no verdict. */
		if (!**line || g_str_has_prefix(*line, "{\"not_run\":"))
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

	/* Children get a SIGKILL when their parent dies, and die a little later. */
	while ((run->fault->leaves_folder || run->fault->vmm_has_child) && left->len &&
	       g_get_monotonic_time() < end) {
		g_string_free(left, TRUE);
		g_usleep(TICK_MS * 1000);
		left = list_processes(run);
	}
	if (left->len)
		complain(run, "processes are left:%s", left->str);
	g_string_free(left, TRUE);
	kill_processes(run);
}

void remove_folder(const char *path)
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

void check_run(struct run *run, int wait_status)
{
	check_status(run, wait_status);
	check_words(run);
	check_results(run);
	check_processes(run);
	check_temporary(run);
}
