// SPDX-License-Identifier: GPL-2.0-or-later
/* Runs the build scripts of the corpus. See corpus-build.h. */
#include "cli/corpus-build.h"
#include "lab/script.h"
#include "util/paths.h"
#include "util/text.h"

/* The last line names what was built. */
static void keep_last_line(void *data, const char *line)
{
	char **last_line = data;

	g_free(*last_line);
	*last_line = g_strdup(line);
}

char *bug_kind_build(const struct bug_kind *kind, const char *patch, const char *log,
		     GError **error)
{
	g_autofree char *path = source_path(kind->script);
	g_autofree char *script_path = g_canonicalize_filename(path, NULL);
	g_autofree char *last_line = NULL;
	char *arguments[] = { script_path, (char *)patch, NULL };
	int wait_status;

	if (!lab_script_run(arguments, log, keep_last_line, &last_line, &wait_status, error))
		return NULL;
	if (g_spawn_check_wait_status(wait_status, NULL) && last_line)
		return g_steal_pointer(&last_line);
	g_set_error(error, FERRY_ERROR, 0, "%s tells why", log);
	return NULL;
}
