/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processes that the runner starts: what they do before they execute their program, and how
 * they are ended.
 */
#ifndef FERRY_HOST_CHILD_H
#define FERRY_HOST_CHILD_H

#include <sys/types.h>

/*
 * In the child: a session of its own, so that Ctrl-C at the terminal reaches only
 * the runner RUNNER, and DEATH_SIGNAL when the runner dies, however that is.
 */
void child_bind(pid_t runner, int death_signal);

/*
 * In the child: it goes before whatever else wants the CPU, until child_take_turns(). Where one
 * CPU is all there is, a guest that asks to be moved looks for the answer all the time, and so
 * takes half of it from the VMM that is starting to take it in. Needs root; does nothing without.
 */
void child_raise_priority(void);
void child_take_turns(pid_t child);

/*
 * In the child: the program that it executes has no random addresses (ADDR_NO_RANDOMIZE of
 * personality(2)). The other tells whether that is granted here.
 */
void child_be_predictable(void);
int child_can_be_predictable(void);

/* Kills the child PID with SIGKILL and waits until it has ended. Nobody else waits for it. */
void child_end(pid_t pid);

#endif
