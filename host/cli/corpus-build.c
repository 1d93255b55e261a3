// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the build scripts of the corpus. See corpus-build.h. */
#include "cli/corpus-build.h"
#include "lab/script.h"
#include "util/interrupt.h"
#include "util/paths.h"
#include "util/text.h"

struct build {
	GMainLoop *loop;
	char *last_line; /* it names what was built */
	int wait_status;
};

static void on_build_line(void *data, const char *line)
{
	struct build *build = data;

	g_free(build->last_line);
	build->last_line = g_strdup(line);
}

static void on_build_ended(void *data, int wait_status)
{
	struct build *build = data;

	build->wait_status = wait_status;
	g_main_loop_quit(build->loop);
}

char *bug_kind_build(const struct bug_kind *kind, const char *patch, const char *log,
		     GError **error)
{
	static const struct lab_script_listener listener = {
		.line = on_build_line,
		.ended = on_build_ended,
	};
	g_autofree char *path = source_path(kind->script);
	g_autofree char *script_path = g_canonicalize_filename(path, NULL);
	char *arguments[] = { script_path, (char *)patch, NULL };
	struct build build = { .loop = g_main_loop_new(NULL, FALSE) };
	struct lab_script *script = lab_script_start(arguments, log, &listener, &build, error);
	gboolean ended = script && interrupt_run_loop(build.loop);

	if (script)
		lab_script_free(script);
	g_main_loop_unref(build.loop);
	if (ended && g_spawn_check_wait_status(build.wait_status, NULL) && build.last_line)
		return build.last_line;
	if (ended)
		g_set_error(error, FERRY_ERROR, 0, "%s tells why", log);
	g_free(build.last_line);
	return NULL;
}
