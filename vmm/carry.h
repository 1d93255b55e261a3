/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * --carry: a live migration within this process. Memory is carried (copied) into a second memory
 * while the guest runs: first all pages, then again and again those that the guest has written to
 * meanwhile, which KVM's dirty log reports (dirty.h). When few are left, the guest is stopped, the
 * rest is carried, and the guest goes on in a new VM on the second memory. Nothing reads the first
 * memory again, so a write that KVM does not report is lost.
 */
#ifndef VMM_CARRY_H
#define VMM_CARRY_H

#include <stdbool.h>
#include <stdint.h>

struct machine;
struct request;

enum carry_how {
	CARRY_NEVER,
	CARRY_LOG,
	CARRY_RING,
};

struct carry_figures {
	uint64_t carries;
	uint64_t passes;     /* including the last one, with the guest stopped */
	uint64_t pages;	     /* carried; a page counts each time */
	uint64_t again;	     /* of these, carried before by the same migration */
	uint64_t rings_full; /* how often a vCPU had to stop since its ring was full */
	uint64_t stopped_ns; /* the guest's downtime */
};

/* Begins a migration. Replies to REQUEST, if it is not NULL, when the guest is in its new VM. */
void carry_begin(struct machine *machine, const struct request *request);
/* Carries the next few pages. It returns soon, so that the director is never away for long. */
void carry_on(struct machine *machine);
/*
 * How many milliseconds the director may wait for other events before it calls carry_on(); -1 if no
 * migration is under way.
 */
int carry_wait_ms(void);
bool carry_is_on(void);
/* A vCPU stands still, since its ring is full. All vCPUs are stopped. */
void carry_ring_full(struct machine *machine);
/* Prints one line at the end of a guest that was run by hand. */
void carry_summary(const struct machine *machine);

#endif
