// SPDX-License-Identifier: GPL-2.0-or-later
/* See console.h. Output is a pipe, and input a socket. */
#define _GNU_SOURCE /* pipe2(), F_SETPIPE_SZ */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/console.h"

/* The pipe holds this much unread output. Users without privileges may not ask for more. */
#define OUTPUT_BYTES (1 << 20)

/* Each turn reads one buffer, so that a guest that floods does not starve everything else. */
#define BUFFER_BYTES 16384

/*
 * A VMM must not find its output full: what its serial port has not yet written when the guest is
 * migrated would be written by source and destination both. A socket is full after some hundred
 * bytes that are written one by one, so the output is a pipe, which holds as many bytes as it was
 * made for.
 */
gboolean vm_console_make(struct vm_console *console, int *vmm_input, int *vmm_output)
{
	int input[2], output[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, input) < 0)
		return FALSE;
	if (pipe2(output, O_CLOEXEC) < 0) {
		close(input[0]);
		close(input[1]);
		return FALSE;
	}
	fcntl(output[0], F_SETPIPE_SZ, OUTPUT_BYTES);
	fcntl(output[0], F_SETFL, O_NONBLOCK);
	console->input = input[0];
	console->output = output[0];
	*vmm_input = input[1];
	*vmm_output = output[1];
	return TRUE;
}

gboolean vm_console_make_with_control(struct vm_console *console, int *vmm_input, int *vmm_output,
				      int control[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0)
		return FALSE;
	if (vm_console_make(console, vmm_input, vmm_output))
		return TRUE;
	close(control[0]);
	close(control[1]);
	return FALSE;
}

void vm_console_close(struct vm_console *console)
{
	vm_console_unwatch(console);
	close(console->input);
	close(console->output);
}

void vm_console_drain(struct vm_console *console)
{
	char bytes[BUFFER_BYTES];
	ssize_t length;

	for (;;) {
		length = read(console->output, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return; /* nothing for now, or the end */
		console->deliver(console->data, bytes, length);
	}
}

static gboolean is_over(ssize_t length)
{
	return !length || (length < 0 && errno != EAGAIN && errno != EINTR);
}

/* Reads what has gathered, and is called again until there is nothing. */
static gboolean on_gathered(gpointer data)
{
	struct vm_console *console = data;
	char bytes[BUFFER_BYTES];
	ssize_t length = read(console->output, bytes, sizeof(bytes));

	if (length > 0) {
		console->deliver(console->data, bytes, length);
		return G_SOURCE_CONTINUE;
	}
	console->watch = 0; /* the process' exit says why it is over */
	if (!is_over(length))
		vm_console_watch(console);
	return G_SOURCE_REMOVE;
}

static gboolean on_console(gint fd, GIOCondition condition, gpointer data)
{
	struct vm_console *console = data;
	char bytes[BUFFER_BYTES];
	ssize_t length = read(console->output, bytes, sizeof(bytes));
	gboolean gathers = length > 0 && console->gather_ms;

	/* This comes before the listener is called, which may end the watch and free the VM. */
	if (gathers)
		console->watch = g_timeout_add(console->gather_ms, on_gathered, console);
	else if (is_over(length))
		console->watch = 0;
	if (length > 0)
		console->deliver(console->data, bytes, length);
	return gathers || is_over(length) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

void vm_console_watch(struct vm_console *console)
{
	console->held = FALSE;
	if (!console->watch)
		console->watch =
			g_unix_fd_add(console->output, G_IO_IN | G_IO_HUP, on_console, console);
}

void vm_console_unwatch(struct vm_console *console)
{
	if (console->watch)
		g_source_remove(console->watch);
	console->watch = 0;
}

void vm_console_hold(struct vm_console *console)
{
	console->held = TRUE;
	vm_console_unwatch(console);
}

gboolean vm_console_send(struct vm_console *console, const char *bytes, gsize length)
{
	ssize_t sent = send(console->input, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

	/* A VMM that has just ended is reported by its exit. */
	return sent == (ssize_t)length || errno != EAGAIN;
}
