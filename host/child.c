// SPDX-License-Identifier: GPL-2.0-or-later
/* Binds a child to the life of the runner. See child.h. */
#include <stdlib.h>
#include <sys/prctl.h>
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
