/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that the runner starts: what they do before they execute their program, and how
 * they are ended.
 */
#ifndef FERRY_HOST_CHILD_H
#define FERRY_HOST_CHILD_H

#include <sys/types.h>

/*
 * To be called in the child. It gets a session of its own, so that Ctrl-C at the terminal reaches
 * only the runner. It gets DEATH_SIGNAL when the process RUNNER dies in any way.
 */
void child_bind(pid_t runner, int death_signal);

/*
 * child_raise_priority() is to be called in the child, which then gets the CPU before all others
 * until child_take_turns(). This is for a destination that is starting: meanwhile the guest at the
 * source polls for its answer, which takes half of a machine's only CPU. Has no effect without
 * root's rights.
 */
void child_raise_priority(void);
void child_take_turns(pid_t child);

/*
 * To be called in the child: the program that it executes has no random addresses
 * (ADDR_NO_RANDOMIZE of personality(2)).
 */
void child_be_predictable(void);
/* Returns non-zero if this machine permits that. */
int child_can_be_predictable(void);

/* Kills the child PID with SIGKILL and waits until it has ended. Nothing else may wait for it. */
void child_end(pid_t pid);

#endif
