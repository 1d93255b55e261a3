/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A save/restore cycle stops the guest, saves all state that KVM has of it, and restores that in a
 * VM made from nothing. It reads the new VM's state back and compares. Then the guest goes on
 * there.
 */
#ifndef VMM_CYCLE_H
#define VMM_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* When cycles happen by themselves. */
enum cycle_when {
	CYCLE_NEVER,
	CYCLE_EXIT,   /* at exits to user space */
	CYCLE_KICK,   /* at random moments, wherever the vCPUs are */
	CYCLE_REVERT, /* at random moments, and back into the same VM (revert.h) */
};

static inline bool cycle_is_random(enum cycle_when when)
{
	return when == CYCLE_KICK || when == CYCLE_REVERT;
}

struct cycle_options {
	enum cycle_when when;
	uint64_t seed;
	/*
	 * Cycles at ports that guests poll take at most 1/BUSY of the time, so that timers which
	 * stand still while a guest is stopped can expire.
	 */
	unsigned busy;
};

struct cycle_figures {
	uint64_t cycles;
	uint64_t stopped_ns; /* all of them together */
};

/* Whether a cycle may happen now at a port that guests poll. */
bool cycle_may_at_poll(const struct machine *machine);
/* One cycle of MACHINE, whose vCPUs are all stopped. */
void cycle_carry_out(struct machine *machine);
/* The same, if the options ask for cycles. Then answers a guest that waits (sentence.h). */
void cycle_when_due(struct machine *machine);
/* The mean duration of a cycle, and a guess before the first one. */
uint64_t cycle_mean_ns(const struct machine *machine);
/* Prints one line at the end of a guest that was run by hand. */
void cycle_summary(const struct machine *machine);

#endif
