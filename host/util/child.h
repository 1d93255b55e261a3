/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that the runner starts: what they do before they execute their program, and how
 * they are ended.
 */
#ifndef FERRY_HOST_CHILD_H
#define FERRY_HOST_CHILD_H

#include <sys/types.h>

/*
 * Called in the child. It gets a session of its own, so that Ctrl-C at the terminal reaches only
 * the runner, and DEATH_SIGNAL when the process RUNNER dies in any way.
 */
void child_bind(pid_t runner, int death_signal);

/*
 * child_raise_priority() is called in the child, which then gets the CPU before all others until
 * child_take_turns(). A guest that waits for its migration polls for the answer. On a machine with
 * one CPU that takes half of the CPU from the destination, which is starting. Does nothing without
 * root's rights.
 */
void child_raise_priority(void);
void child_take_turns(pid_t child);

/*
 * Called in the child: the program that it executes has no random addresses (ADDR_NO_RANDOMIZE of
 * personality(2)).
 */
void child_be_predictable(void);
/* Not 0 if this machine permits that. */
int child_can_be_predictable(void);

/* Kills the child PID with SIGKILL and waits until it has ended. Nobody else waits for it. */
void child_end(pid_t pid);

#endif
