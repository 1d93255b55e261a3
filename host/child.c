// SPDX-License-Identifier: GPL-2.0-or-later
/* Binds a child to the life of the runner, and lets it hurry. See child.h. */
#include <glib.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"

void child_bind(pid_t runner, int death_signal)
{
	setsid();
	prctl(PR_SET_PDEATHSIG, death_signal);
	/* It may have died already. */
	if (getppid() != runner)
		_exit(EXIT_FAILURE);
}

#define FIRST_OF_ALL (-20)

void child_hurry(void)
{
	setpriority(PRIO_PROCESS, 0, FIRST_OF_ALL);
}

/* Each thread has a priority of its own. */
void child_take_turns(pid_t child)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task", child);
	g_autoptr(GDir) threads = g_dir_open(path, 0, NULL);
	const char *name;

	while (threads && (name = g_dir_read_name(threads)))
		setpriority(PRIO_PROCESS, atoi(name), 0);
}
