/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Save/restore cycles: the guest is stopped, all that KVM tells of it is saved, a VM is made from
 * nothing and restored, what KVM tells of that one is compared, and the guest goes on in it.
 */
#ifndef VMM_CYCLE_H
#define VMM_CYCLE_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* When cycles happen by themselves. */
enum cycle_when {
	CYCLE_NEVER,
	CYCLE_EXIT, /* at exits to user space */
	CYCLE_KICK, /* at random moments, wherever the vCPUs are */
};

struct cycle_options {
	enum cycle_when when;
	uint64_t seed;
	/*
	 * At most one part in BUSY of the time goes into cycles at ports that guests poll, so that
	 * timers which stand still while a guest is stopped come to their end.
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
/* The same if cycles happen by themselves. A guest that waits for it is answered (sentence.h). */
void cycle_when_due(struct machine *machine);
/* Prints one line at the end of a guest that was run by hand. */
void cycle_summary(const struct machine *machine);

#endif
