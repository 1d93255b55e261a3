// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ends whole sessions. See session.h. Processes are found in /proc (proc(5), /proc/PID/stat) and
 * held by a pidfd (pidfd_open(2), Linux 5.3), since they are not our children: a bare PID might
 * belong to another process when the signal is sent.
 */
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/session.h"

/* A killed process ends at once, unless it is busy inside the kernel. */
#define LAST_GASP_SECONDS 10
/* A process may have made another just before it was killed. */
#define MOST_PASSES 10

static int open_process(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

/* TRUE once the process has ended; FALSE if that takes more than SECONDS. */
static gboolean await_end(int process, unsigned seconds)
{
	gint64 end = g_get_monotonic_time() + seconds * G_USEC_PER_SEC;
	struct pollfd fd = { .fd = process, .events = POLLIN };
	gint64 left;
	int ready;

	do {
		left = MAX(0, end - g_get_monotonic_time()) / 1000;
		ready = poll(&fd, 1, left);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Is PID a process of the session that has not ended yet? */
static gboolean is_alive_in(pid_t pid, pid_t session)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid), *text = NULL;
	const char *after_name;
	int found;
	char state;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return FALSE;
	/* The name, in parentheses, may hold anything. */
	after_name = strrchr(text, ')');
	return after_name && sscanf(after_name, ") %c %*d %*d %d", &state, &found) == 2 &&
	       found == session && !strchr("ZX", state);
}

static void kill_process(pid_t pid, pid_t session)
{
	int process = open_process(pid);

	if (process < 0)
		return;
	/* Since the PID was read, it may have passed to another process. */
	if (is_alive_in(pid, session)) {
		syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0);
		await_end(process, LAST_GASP_SECONDS);
	}
	close(process);
}

/* FALSE if there was nothing to kill. */
static gboolean kill_all(pid_t session)
{
	GDir *processes = g_dir_open("/proc", 0, NULL);
	gboolean found = FALSE;
	const char *name;

	while (processes && (name = g_dir_read_name(processes))) {
		pid_t pid = atoi(name);

		if (pid <= 0 || !is_alive_in(pid, session))
			continue;
		found = TRUE;
		kill_process(pid, session);
	}
	if (processes)
		g_dir_close(processes);
	return found;
}

void session_kill(pid_t leader)
{
	for (int pass = 0; pass < MOST_PASSES; pass++)
		if (!kill_all(leader))
			return;
}

void session_end(pid_t leader, unsigned seconds)
{
	int process = open_process(leader);

	kill(leader, SIGTERM);
	if (process >= 0) {
		await_end(process, seconds);
		close(process);
	}
	/* The leader is waited for last: until then no other process can get its PID. */
	session_kill(leader);
	child_end(leader);
}
