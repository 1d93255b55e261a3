/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A spinlock. It does not disable interrupts: if handlers take the lock, too, take it between
 * irq_save() and irq_restore(). A CPU that waits longer than ten seconds times timescale aborts and
 * names the holder. A CPU must not take a lock that it holds.
 */
#ifndef SPINLOCK_H
#define SPINLOCK_H

#include "libcflat.h"

struct spinlock {
	/* The holder's CPU number + 1, or 0 if the lock is free. */
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
