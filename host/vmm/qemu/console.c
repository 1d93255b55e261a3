// SPDX-License-Identifier: GPL-2.0-or-later
/* The console of a QEMU's guest: its output is a pipe, its input a socket. */
#define _GNU_SOURCE /* pipe2(), F_SETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/qemu/qemu.h"

/* The pipe holds this much unread output. Users without privileges may not ask for more. */
#define OUTPUT_BYTES (1 << 20)

/* Each turn reads one buffer, so that a guest that floods does not starve everything else. */
#define BUFFER_BYTES 16384

/*
 * QEMU must not find its output full: what its serial port has not yet written when the guest is
 * migrated would be written by source and destination both. A socket is full after some hundred
 * bytes that are written one by one, so the output is a pipe, which holds as many bytes as it was
 * made for.
 */
int qemu_make_output_pipe(int output[2])
{
	if (pipe2(output, O_CLOEXEC) < 0)
		return -1;
	fcntl(output[0], F_SETPIPE_SZ, OUTPUT_BYTES);
	return fcntl(output[0], F_SETFL, O_NONBLOCK);
}

void qemu_drain_console(struct qemu *qemu)
{
	char bytes[BUFFER_BYTES];
	ssize_t length;

	for (;;) {
		length = read(qemu->output, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return; /* nothing for now, or the end */
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
	}
}

static gboolean is_over(ssize_t length)
{
	return !length || (length < 0 && errno != EAGAIN && errno != EINTR);
}

/* Reads what has gathered, and is called again until there is nothing. */
static gboolean on_gathered(gpointer data)
{
	struct qemu *qemu = data;
	char bytes[BUFFER_BYTES];
	ssize_t length = read(qemu->output, bytes, sizeof(bytes));

	if (length > 0) {
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
		return G_SOURCE_CONTINUE;
	}
	qemu->console_watch = 0; /* the process' exit says why it is over */
	if (!is_over(length))
		qemu_watch_console(qemu);
	return G_SOURCE_REMOVE;
}

static gboolean on_console(gint fd, GIOCondition condition, gpointer data)
{
	struct qemu *qemu = data;
	char bytes[BUFFER_BYTES];
	ssize_t length = read(qemu->output, bytes, sizeof(bytes));
	gboolean gathers = length > 0 && qemu->gather_ms;

	/* This comes before the listener is called, which may end the watch and free the VM. */
	if (gathers)
		qemu->console_watch = g_timeout_add(qemu->gather_ms, on_gathered, qemu);
	else if (is_over(length))
		qemu->console_watch = 0;
	if (length > 0)
		qemu->listener->output(qemu->owner, &qemu->vm, bytes, length);
	return gathers || is_over(length) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

void qemu_watch_console(struct qemu *qemu)
{
	if (!qemu->console_watch)
		qemu->console_watch =
			g_unix_fd_add(qemu->output, G_IO_IN | G_IO_HUP, on_console, qemu);
}

void qemu_unwatch_console(struct qemu *qemu)
{
	if (qemu->console_watch)
		g_source_remove(qemu->console_watch);
	qemu->console_watch = 0;
}

void qemu_hold_console(struct qemu *qemu)
{
	qemu->output_held = TRUE;
	qemu_unwatch_console(qemu);
}

void qemu_send(struct vm *vm, const char *bytes, gsize length)
{
	struct qemu *qemu = (struct qemu *)vm;
	ssize_t sent = send(qemu->console, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* A VMM that has just ended is reported by its exit. */
	if (sent != (ssize_t)length && errno == EAGAIN)
		qemu_break(qemu, "QEMU does not take the guest's console input");
}
