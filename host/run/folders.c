// SPDX-License-Identifier: GPL-2.0-or-later
/* The folders of a run. See folders.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "run/folders.h"
#include "util/paths.h"
#include "util/text.h"

/* Paths of UNIX sockets are at most 107 bytes long (unix(7)); ours add some 40. */
#define LONGEST_SOCKET_DIR 60

/* Returns a descriptor that holds the lock on LOGS, or -1 and ERROR if another run has it. */
static int lock_logs(const char *logs, GError **error)
{
	g_autofree char *path = g_build_filename(logs, ".lock", NULL);
	int fd;

	if (g_mkdir_with_parents(logs, 0755) < 0 ||
	    (fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644)) < 0) {
		g_set_error(error, FERRY_ERROR, 0, "cannot write to the log folder %s: %s", logs,
			    g_strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		g_set_error(error, FERRY_ERROR, 0,
			    "another run writes to %s; give this one its own with --logdir", logs);
		close(fd);
		return -1;
	}
	return fd;
}

static char *make_socket_dir(GError **error)
{
	const char *base = g_get_tmp_dir();
	g_autofree char *template = NULL;

	if (strlen(base) > LONGEST_SOCKET_DIR)
		base = "/tmp";
	template = g_build_filename(base, "ferry-XXXXXX", NULL);
	if (!g_mkdtemp_full(template, 0700)) {
		g_set_error(error, FERRY_ERROR, 0, "cannot make a folder for sockets in %s: %s",
			    base, g_strerror(errno));
		return NULL;
	}
	return g_steal_pointer(&template);
}

gboolean run_folders_open(struct run_folders *folders, const char *logs, GError **error)
{
	folders->logs = logs ? g_strdup(logs) : output_path("logs");
	folders->lock = lock_logs(folders->logs, error);
	folders->sockets = folders->lock < 0 ? NULL : make_socket_dir(error);
	return folders->sockets != NULL;
}

void run_folders_close(struct run_folders *folders)
{
	rmdir(folders->sockets);
	close(folders->lock);
	g_free(folders->sockets);
	g_free(folders->logs);
}
