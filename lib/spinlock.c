// SPDX-License-Identifier: GPL-2.0-or-later
/* Spinlocks. See spinlock.h. */
#include "spinlock.h"
#include "atomic.h"
#include "smp.h"

bool spin_trylock(struct spinlock *lock)
{
	return !READ_ONCE(lock->holder) && !cmpxchg(&lock->holder, 0, smp_id() + 1u);
}

void spin_lock(struct spinlock *lock)
{
	/* The lock is mostly free. Then there is no need to read the time. */
	if (spin_trylock(lock))
		return;
	wait_for(spin_trylock(lock), LIBRARY_DEADLINE_MS, "the spinlock %p that CPU %d holds", lock,
		 (int)READ_ONCE(lock->holder) - 1);
}

void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->holder, 0, __ATOMIC_RELEASE);
}
