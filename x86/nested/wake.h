/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An L2 that sleeps on one CPU while another moves the machine, wakes L2, and sees to it that the
 * test ends.
 */
#ifndef L2_WAKE_H
#define L2_WAKE_H

#include "nested/l2-event.h"

/* What the other CPU does, and what it sees. */
struct waker {
	void (*disturb)(int cpu); /* or NULL: what does not wake L2 */
	void (*send)(int cpu);	  /* or NULL: L2 is woken without the other CPU */
	int cpu;
	volatile u32 sleeping, exits, early, rescued;
};

/*
 * The other CPU begins. Who knows that L2 is about to sleep sets waker->sleeping, whoever sees its
 * exit waker->exits.
 */
void wake_after_move(struct waker *waker);
/* Waits for the other CPU, and checks: what it has sent has woken L2, and nothing has before. */
void check_wake(const struct waker *waker);

#endif
