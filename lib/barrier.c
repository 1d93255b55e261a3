// SPDX-License-Identifier: GPL-2.0-or-later
/* See barrier.h. */
#include "barrier.h"

bool rendezvous(struct rendezvous *at)
{
	int generation = atomic_read(&at->generation);

	if (atomic_inc_return(&at->arrived) == at->count) {
		atomic_set(&at->arrived, 0);
		atomic_inc(&at->generation);
		return true;
	}
	wait_for(atomic_read(&at->generation) != generation, LIBRARY_DEADLINE_MS,
		 "a rendezvous of %d CPUs (%d came)", at->count, atomic_read(&at->arrived));
	return false;
}
