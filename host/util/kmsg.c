// SPDX-License-Identifier: GPL-2.0-or-later
/* Follows the kernel's messages. See kmsg.h. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/kmsg.h"

/* A report without a mark at its end is complete when no message has come for this long. */
#define QUIET_MS 2000
/* The lowest bits of a record's first number are its level, the rest is who has written it. */
#define FACILITY_SHIFT	3
#define FACILITY_KERNEL 0
/* A read returns one record, and fails if that does not fit. */
#define LONGEST_RECORD 8192

struct kmsg {
	struct kernel_reader *reader;
	int fd;
	GString *line; /* the part of the next line that has come */
	guint watch, quiet;
};

static gboolean on_quiet(gpointer data)
{
	struct kmsg *kmsg = data;

	kmsg->quiet = 0;
	kernel_reader_flush(kmsg->reader);
	return G_SOURCE_REMOVE;
}

static void restart_quiet(struct kmsg *kmsg)
{
	if (kmsg->quiet)
		g_source_remove(kmsg->quiet);
	kmsg->quiet = 0;
	if (kernel_reader_is_open(kmsg->reader))
		kmsg->quiet = g_timeout_add(QUIET_MS, on_quiet, kmsg);
}

/*
 * "LEVEL,SEQUENCE,TIME,FLAGS...;MESSAGE". A line that begins with a space is a property of the
 * record before it. Programs can write messages too, but not in the kernel's name.
 */
static void take_line(struct kmsg *kmsg, const char *line)
{
	const char *message = strchr(line, ';');
	char *end;
	guint64 level = g_ascii_strtoull(line, &end, 10);

	if (*line == ' ' || !message || *end != ',' || level >> FACILITY_SHIFT != FACILITY_KERNEL)
		return;
	kernel_reader_take(kmsg->reader, message + 1);
}

static void take(struct kmsg *kmsg, const char *bytes, gsize length)
{
	const char *newline;

	while ((newline = memchr(bytes, '\n', length))) {
		g_string_append_len(kmsg->line, bytes, newline - bytes);
		take_line(kmsg, kmsg->line->str);
		g_string_truncate(kmsg->line, 0);
		length -= newline + 1 - bytes;
		bytes = newline + 1;
	}
	g_string_append_len(kmsg->line, bytes, length);
}

/* FALSE if no more can ever be read. */
static gboolean read_all(struct kmsg *kmsg)
{
	char bytes[LONGEST_RECORD];

	for (;;) {
		ssize_t length = read(kmsg->fd, bytes, sizeof(bytes));

		if (length > 0)
			take(kmsg, bytes, length);
		/* EPIPE: the kernel was faster, and old messages are gone. */
		else if (length == 0 || (errno != EINTR && errno != EPIPE))
			return length < 0 && errno == EAGAIN;
	}
}

void kmsg_read(struct kmsg *kmsg)
{
	read_all(kmsg);
	restart_quiet(kmsg);
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data)
{
	struct kmsg *kmsg = data;
	gboolean more = read_all(kmsg);

	restart_quiet(kmsg);
	if (more)
		return G_SOURCE_CONTINUE;
	kmsg->watch = 0;
	return G_SOURCE_REMOVE;
}

/* A FIFO must not end when its writer closes it, so it is opened for writing, too. */
static int open_messages(void)
{
	const char *path = g_getenv("FERRY_KMSG") ?: "/dev/kmsg";
	struct stat file;
	gboolean fifo = !stat(path, &file) && S_ISFIFO(file.st_mode);

	return open(path, (fifo ? O_RDWR : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
}

struct kmsg *kmsg_open(const struct kernel_report_listener *listener, void *data)
{
	int fd = open_messages();
	struct kmsg *kmsg;

	if (fd < 0)
		return NULL;
	lseek(fd, 0, SEEK_END);
	kmsg = g_new0(struct kmsg, 1);
	kmsg->fd = fd;
	kmsg->reader = kernel_reader_new(listener, data);
	kmsg->line = g_string_new(NULL);
	kmsg->watch = g_unix_fd_add(fd, G_IO_IN, on_readable, kmsg);
	return kmsg;
}

gboolean kmsg_is_open(const struct kmsg *kmsg)
{
	return kernel_reader_is_open(kmsg->reader);
}

void kmsg_flush(struct kmsg *kmsg)
{
	kernel_reader_flush(kmsg->reader);
	restart_quiet(kmsg);
}

void kmsg_close(struct kmsg *kmsg)
{
	if (kmsg->watch)
		g_source_remove(kmsg->watch);
	if (kmsg->quiet)
		g_source_remove(kmsg->quiet);
	kernel_reader_free(kmsg->reader);
	g_string_free(kmsg->line, TRUE);
	close(kmsg->fd);
	g_free(kmsg);
}
