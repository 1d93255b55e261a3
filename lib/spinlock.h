/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A spinlock. It does not disable interrupts: a lock that a handler takes too
 * is taken between irq_save() and irq_restore(). A CPU that waits longer than
 * ten seconds (times timescale) aborts and names the lock's holder.
 */
#ifndef SPINLOCK_H
#define SPINLOCK_H

#include "libcflat.h"

struct spinlock {
	/* 0 when free, else the holder's CPU number + 1. */
	u32 holder;
};

#define SPINLOCK_INIT                                                                              \
	{                                                                                          \
		0                                                                                  \
	}

void spin_lock(struct spinlock *lock);
bool spin_trylock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

#endif
