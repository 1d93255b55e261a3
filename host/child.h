/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every process that the runner starts does first. */
#ifndef FERRY_HOST_CHILD_H
#define FERRY_HOST_CHILD_H

#include <sys/types.h>

/*
 * In the child: a session of its own, so that Ctrl-C at the terminal reaches only
 * the runner RUNNER, and DEATH_SIGNAL when the runner dies, however that is.
 */
void child_bind(pid_t runner, int death_signal);

#endif
