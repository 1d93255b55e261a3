// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Child processes of the runner. See child.h. This file is also linked into the library
 * lab/preforked.so, so it uses the C library alone.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"

void child_bind(pid_t runner, int death_signal)
{
	setsid();
	/* A write beyond RLIMIT_FSIZE fails, and does not kill. */
	signal(SIGXFSZ, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, death_signal);
	/* It may have died already. */
	if (getppid() != runner)
		_exit(EXIT_FAILURE);
}

#define FIRST_OF_ALL (-20)

void child_raise_priority(void)
{
	setpriority(PRIO_PROCESS, 0, FIRST_OF_ALL);
}

/* Each thread has a priority of its own. */
void child_take_turns(pid_t child)
{
	struct dirent *thread;
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", child);
	threads = opendir(path);
	if (!threads)
		return;
	while ((thread = readdir(threads)))
		if (atoi(thread->d_name))
			setpriority(PRIO_PROCESS, atoi(thread->d_name), 0);
	closedir(threads);
}

/* personality() returns what is set; with this argument it changes nothing. */
#define NO_CHANGE 0xffffffff

void child_be_predictable(void)
{
	personality(personality(NO_CHANGE) | ADDR_NO_RANDOMIZE);
}

int child_can_be_predictable(void)
{
	int now = personality(NO_CHANGE);
	int granted = now >= 0 && personality(now | ADDR_NO_RANDOMIZE) >= 0;

	if (granted)
		personality(now);
	return granted;
}

void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
