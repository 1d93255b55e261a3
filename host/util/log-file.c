// SPDX-License-Identifier: GPL-2.0-or-later
/* A log that remembers why it could not be written. See log-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "util/log-file.h"
#include "util/text.h"

struct log_file {
	int fd;
	char *path;
	char *problem;
};

static struct log_file *wrap(int fd, const char *path)
{
	struct log_file *log = g_new0(struct log_file, 1);

	log->fd = fd;
	log->path = g_strdup(path);
	return log;
}

struct log_file *log_file_create(const char *path, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd >= 0)
		return wrap(fd, path);
	g_set_error(error, FERRY_ERROR, 0, "cannot create %s: %s", path, g_strerror(errno));
	return NULL;
}

struct log_file *log_file_standard_output(void)
{
	return wrap(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0), "standard output");
}

void log_file_write(struct log_file *log, const void *bytes, gsize length)
{
	const char *next = bytes;

	while (length && !log->problem) {
		ssize_t written = write(log->fd, next, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			log->problem = g_strdup_printf("cannot write %s: %s", log->path,
						       g_strerror(errno));
			return;
		}
		next += written;
		length -= written;
	}
}

const char *log_file_problem(struct log_file *log)
{
	return log->problem;
}

void log_file_close(struct log_file *log)
{
	close(log->fd);
	g_free(log->path);
	g_free(log->problem);
	g_free(log);
}

gboolean log_file_finish(struct log_file *log, GError **error)
{
	gboolean written = !log->problem;

	if (!written)
		g_set_error_literal(error, FERRY_ERROR, 0, log->problem);
	log_file_close(log);
	return written;
}
