// SPDX-License-Identifier: GPL-2.0-or-later
/* A log that remembers why it could not be written. See log-file.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/log-file.h"
#include "util/text.h"

struct log_file {
	int fd;
	char *path;
	char *problem;
	char *tail; /* see log_file_write_with_tail(); NULL: there is none */
};

static struct log_file *wrap(int fd, const char *path)
{
	struct log_file *log = g_new0(struct log_file, 1);

	log->fd = fd;
	log->path = g_strdup(path);
	return log;
}

static struct log_file *open_log(const char *path, int flag, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flag, 0644);

	if (fd >= 0)
		return wrap(fd, path);
	g_set_error(error, FERRY_ERROR, 0, "cannot create %s: %s", path, g_strerror(errno));
	return NULL;
}

struct log_file *log_file_create(const char *path, GError **error)
{
	return open_log(path, O_TRUNC, error);
}

struct log_file *log_file_append(const char *path, GError **error)
{
	return open_log(path, O_APPEND, error);
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

/*
 * Writes both with one write(), which is never shorter than the old tail. So the file is whole even
 * if the runner is killed between two calls. Newlines cover what a shorter tail leaves of the old
 * one, until the file is cut.
 */
void log_file_write_with_tail(struct log_file *log, const char *text, const char *tail)
{
	gsize covered = log->tail ? strlen(log->tail) : 0;
	gboolean is_file = lseek(log->fd, -(off_t)covered, SEEK_END) >= 0;
	GString *bytes = g_string_new(text);

	g_free(log->tail);
	log->tail = g_strdup(tail);
	if (is_file) {
		off_t start = lseek(log->fd, 0, SEEK_CUR);
		gsize length;

		g_string_append(bytes, tail);
		length = bytes->len;
		while (bytes->len < covered)
			g_string_append_c(bytes, '\n');
		log_file_write(log, bytes->str, bytes->len);
		if (bytes->len > length && ftruncate(log->fd, start + length) && !log->problem)
			log->problem = g_strdup_printf("cannot shorten %s: %s", log->path,
						       g_strerror(errno));
	} else {
		log_file_write(log, bytes->str, bytes->len);
	}
	g_string_free(bytes, TRUE);
}

const char *log_file_problem(struct log_file *log)
{
	return log->problem;
}

void log_file_close(struct log_file *log)
{
	close(log->fd);
	g_free(log->tail);
	g_free(log->path);
	g_free(log->problem);
	g_free(log);
}

gboolean log_file_finish(struct log_file *log, GError **error)
{
	gboolean written;

	if (log->tail && lseek(log->fd, 0, SEEK_CUR) < 0)
		log_file_write(log, log->tail, strlen(log->tail));
	written = !log->problem;
	if (!written)
		g_set_error_literal(error, FERRY_ERROR, 0, log->problem);
	log_file_close(log);
	return written;
}
