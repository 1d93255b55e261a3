/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All the processes that a child has left in its session, e.g. those of a shell script. */
#ifndef FERRY_HOST_UTIL_SESSION_H
#define FERRY_HOST_UTIL_SESSION_H

#include <sys/types.h>

/*
 * Ends the child LEADER, which child_bind() gave a session of its own: with SIGTERM, and with
 * SIGKILL if it has not ended within SECONDS. Then calls session_kill(). Nothing else may wait for
 * LEADER.
 */
void session_end(pid_t leader, unsigned seconds);

/* Kills all processes of the session LEADER, and waits until they have ended. */
void session_kill(pid_t leader);

#endif
