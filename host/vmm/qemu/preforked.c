// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks a waiting program for a child. See preforked.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/child.h"
#include "vmm/qemu/preforked.h"

/* A program that is linked and waits for requests. */
struct waiting {
	int socket; /* -1: it cannot be started like this */
	GPid pid;   /* 0: it has ended */
};

static GHashTable *programs; /* struct waiting by name */

static void bind_to_runner(gpointer runner)
{
	child_bind(GPOINTER_TO_INT(runner), SIGKILL);
}

static void waiting_end(struct waiting *waiting)
{
	if (waiting->socket >= 0)
		close(waiting->socket);
	waiting->socket = -1;
	if (waiting->pid)
		child_end(waiting->pid);
	waiting->pid = 0;
}

static void waiting_free(gpointer data)
{
	waiting_end(data);
	g_free(data);
}

/* Starts PROGRAM with --version, so that it ends at once if LIBRARY does not stop it. */
static struct waiting *start_waiting(const char *program, const char *library)
{
	struct waiting *waiting = g_new0(struct waiting, 1);
	const char *arguments[] = { program, "--version", NULL };
	g_auto(GStrv) environment = g_get_environ();
	g_autofree char *there = NULL;
	int ends[2];

	waiting->socket = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return waiting;
	there = g_strdup_printf("%d", STDERR_FILENO + 1);
	environment = g_environ_setenv(environment, "LD_PRELOAD", library, TRUE);
	environment = g_environ_setenv(environment, PREFORKED_SOCKET, there, TRUE);
	waiting->socket = ends[0];
	g_spawn_async_with_pipes_and_fds(
		NULL, arguments, (const char *const *)environment,
		G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
			G_SPAWN_STDERR_TO_DEV_NULL,
		bind_to_runner, GINT_TO_POINTER(getpid()), -1, -1, -1, &ends[1],
		(int[]){ STDERR_FILENO + 1 }, 1, &waiting->pid, NULL, NULL, NULL, NULL);
	close(ends[1]);
	if (!waiting->pid)
		waiting_end(waiting);
	return waiting;
}

static gboolean add_arguments(struct preforked_request *request, char **arguments, size_t *length)
{
	*length = 0;
	for (char **argument = arguments + 1; *argument; argument++) {
		size_t bytes = strlen(*argument) + 1;

		if (*length + bytes > sizeof(request->arguments))
			return FALSE;
		memcpy(request->arguments + *length, *argument, bytes);
		*length += bytes;
	}
	return TRUE;
}

static gboolean send_request(int socket, struct preforked_request *request, size_t arguments,
			     const int *files)
{
	char control[CMSG_SPACE(sizeof(int) * PREFORKED_FILES)] = { 0 };
	struct iovec bytes = { request, offsetof(struct preforked_request, arguments) + arguments };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * request->files),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * request->files);
	memcpy(CMSG_DATA(header), files, sizeof(int) * request->files);
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)bytes.iov_len;
}

static pid_t receive_answer(int socket)
{
	ssize_t length;
	pid_t pid;

	do
		length = recv(socket, &pid, sizeof(pid), 0);
	while (length < 0 && errno == EINTR);
	return length == sizeof(pid) && pid > 0 ? pid : 0;
}

pid_t preforked_start(const char *library, char **arguments, const int *files, const int *targets,
		      unsigned count, int high_priority)
{
	struct preforked_request request = { .runner = getpid(),
					     .high_priority = high_priority,
					     .files = count };
	struct waiting *waiting;
	size_t length;
	pid_t pid;

	g_assert(count <= PREFORKED_FILES);
	if (!programs)
		programs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, waiting_free);
	waiting = g_hash_table_lookup(programs, arguments[0]);
	if (!waiting) {
		waiting = start_waiting(arguments[0], library);
		g_hash_table_insert(programs, g_strdup(arguments[0]), waiting);
	}
	if (waiting->socket < 0 || !add_arguments(&request, arguments, &length))
		return 0;
	memcpy(request.targets, targets, sizeof(int) * count);
	pid = send_request(waiting->socket, &request, length, files)
		      ? receive_answer(waiting->socket)
		      : 0;
	if (!pid)
		waiting_end(waiting);
	return pid;
}

void preforked_end(void)
{
	g_clear_pointer(&programs, g_hash_table_destroy);
}
