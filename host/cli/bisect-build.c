// SPDX-License-Identifier: GPL-2.0-or-later
/* Builds the tree of `ferry bisect` by a script below lab/. See bisect-steps.h. */
#include <sys/wait.h>

#include "cli/bisect-steps.h"
#include "cli/command.h"
#include "lab/script.h"
#include "util/text.h"

/* The scripts' exit statuses (lab/bisect.sh): after both of them the script has said why. */
#define DOES_NOT_BUILD 1
#define CANNOT_BUILD   2

/* The commit comes first, and then, if it builds, the path. */
static void on_line(void *data, const char *line)
{
	struct built *built = data;
	char **to = built->commit ? &built->path : &built->commit;

	g_free(*to);
	*to = g_strdup(line);
}

static gboolean ended_with(int wait_status, int status)
{
	return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == status;
}

enum build_outcome bisect_build(const struct bisect_options *options, struct built *built)
{
	g_autofree char *script_path =
		lab_script_path(options->qemu ? "bisect-qemu" : "bisect-kernel");
	g_autofree char *jobs = g_strdup_printf("%d", options->jobs);
	char *arguments[] = { script_path, options->tree, options->build, jobs, NULL };
	g_autoptr(GError) error = NULL;
	int wait_status;

	if (!lab_script_run(arguments, NULL, on_line, built, &wait_status, &error)) {
		if (!error)
			return BUILD_INTERRUPTED;
		usage_error("cannot run %s: %s", script_path, error->message);
		return BUILD_IMPOSSIBLE;
	}
	if (ended_with(wait_status, DOES_NOT_BUILD))
		return BUILD_FAILED;
	if (ended_with(wait_status, CANNOT_BUILD))
		return BUILD_IMPOSSIBLE;
	if (g_spawn_check_wait_status(wait_status, &error) && built->path)
		return BUILD_DONE;
	usage_error("%s has built nothing: %s; its output is in %s/ferry.log", script_path,
		    error ? error->message : "it printed no path", options->build);
	return BUILD_IMPOSSIBLE;
}
