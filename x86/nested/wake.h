/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An L2 sleeps on one CPU, while another CPU asks for a migration, wakes L2, and makes sure that
 * the test ends.
 */
#ifndef L2_WAKE_H
#define L2_WAKE_H

#include "nested/l2-event.h"

/* What the other CPU does and sees. */
struct waker {
	void (*disturb)(int cpu); /* something that must not wake L2, or NULL */
	void (*send)(int cpu);	  /* NULL: L2 is woken without the other CPU */
	int cpu;
	volatile u32 sleeping, exits, early, rescued;
};

/*
 * Starts the other CPU. L2 sets waker->sleeping when it is about to sleep; L1 sets waker->exits
 * when it sees L2's exit.
 */
void wake_after_migration(struct waker *waker);
/*
 * Waits for the other CPU, and checks that L2 was woken by what that CPU sent and by nothing
 * before.
 */
void check_wake(const struct waker *waker);

#endif
