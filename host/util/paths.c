// SPDX-License-Identifier: GPL-2.0-or-later
/* Finds the runner's own files from the path of its executable. */
#include <string.h>

#include <glib.h>

#include "util/paths.h"

/* The folder that holds this executable. */
static const char *build_folder(void)
{
	static char *folder;
	g_autofree char *executable = NULL;

	if (!folder) {
		executable = g_file_read_link("/proc/self/exe", NULL);
		folder = g_path_get_dirname(executable ? executable : "build/ferry");
	}
	return folder;
}

/* `make install` puts the executable into PREFIX/lib/ferry, and what it reads here. */
static char *installed_folder(void)
{
	return g_build_filename(build_folder(), "..", "..", "share", "ferry", NULL);
}

/*
 * A build folder inside its source tree, as `make` makes it, may be moved together with the
 * tree. So may an installed ferry, together with all of its PREFIX. The folder of `make O=DIR` may
 * be anywhere, so make writes down where the sources are.
 */
static const char *source_folder(void)
{
	static char *folder;
	g_autofree char *above = NULL, *suite = NULL, *installed = NULL;

	if (folder)
		return folder;
	above = g_path_get_dirname(build_folder());
	suite = g_build_filename(above, "unittests.cfg", NULL);
	installed = installed_folder();
	if (g_file_test(suite, G_FILE_TEST_EXISTS))
		folder = g_strdup(above);
	else if (g_file_test(installed, G_FILE_TEST_IS_DIR))
		folder = g_canonicalize_filename(installed, NULL);
	else
		folder = g_strdup(SOURCE_FOLDER);
	return folder;
}

gboolean paths_installed(void)
{
	g_autofree char *installed = installed_folder();
	g_autofree char *folder = g_canonicalize_filename(installed, NULL);

	return g_str_equal(source_folder(), folder);
}

static char *below(const char *folder, const char *name)
{
	g_autofree char *here = g_get_current_dir();
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *prefix = g_strconcat(here, "/", NULL);

	if (g_str_has_prefix(path, prefix))
		return g_strdup(path + strlen(prefix));
	return g_steal_pointer(&path);
}

char *source_path(const char *name)
{
	return below(source_folder(), name);
}

char *build_path(const char *name)
{
	return below(build_folder(), name);
}

char *output_path(const char *name)
{
	if (paths_installed())
		return g_build_filename(g_get_user_state_dir(), "ferry", name, NULL);
	return build_path(name);
}
