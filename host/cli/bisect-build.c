// SPDX-License-Identifier: GPL-2.0-or-later
/* Builds the tree of `ferry bisect` by a script below lab/. See bisect-steps.h. */
#include <sys/wait.h>

#include "cli/bisect-steps.h"
#include "cli/command.h"
#include "lab/script.h"
#include "util/interrupt.h"
#include "util/text.h"

/* The scripts' exit status for a commit that does not build (lab/bisect.sh). */
#define DOES_NOT_BUILD 1

struct build {
	GMainLoop *loop;
	struct built *built;
	int wait_status;
};

/* The commit comes first, and then, if it builds, the path. */
static void on_line(void *data, const char *line)
{
	struct built *built = ((struct build *)data)->built;

	char **to = built->commit ? &built->path : &built->commit;

	g_free(*to);
	*to = g_strdup(line);
}

static void on_ended(void *data, int wait_status)
{
	struct build *build = data;

	build->wait_status = wait_status;
	g_main_loop_quit(build->loop);
}

enum build_outcome bisect_build(const struct bisect_options *options, struct built *built)
{
	static const struct lab_script_listener listener = { .line = on_line, .ended = on_ended };
	g_autofree char *script_path =
		lab_script_path(options->qemu ? "bisect-qemu" : "bisect-kernel");
	g_autofree char *jobs = g_strdup_printf("%d", options->jobs);
	char *arguments[] = { script_path, options->tree, options->build, jobs, NULL };
	struct build build = { .loop = g_main_loop_new(NULL, FALSE), .built = built };
	g_autoptr(GError) error = NULL;
	struct lab_script *script = lab_script_start(arguments, NULL, &listener, &build, &error);
	gboolean ended = script && interrupt_run_loop(build.loop);

	g_main_loop_unref(build.loop);
	if (!script) {
		usage_error("cannot run %s: %s", script_path, error->message);
		return BUILD_IMPOSSIBLE;
	}
	lab_script_free(script);
	if (!ended)
		return BUILD_INTERRUPTED;
	if (WIFEXITED(build.wait_status) && WEXITSTATUS(build.wait_status) == DOES_NOT_BUILD)
		return BUILD_FAILED;
	return g_spawn_check_wait_status(build.wait_status, NULL) && built->path ? BUILD_DONE
										 : BUILD_IMPOSSIBLE;
}
