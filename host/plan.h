/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan: what the host does to a guest while it runs. Each plan is one file that
 * describes it; plan.c carries any of them out. To add a plan, write its file and
 * name it in the table of plan.c.
 */
#ifndef FERRY_HOST_PLAN_H
#define FERRY_HOST_PLAN_H

#include "guest.h"

struct plan_run;

struct plan {
	const char *name;
	const char *about;     /* one line for people */
	unsigned capabilities; /* of enum vmm_capability, that the VMM must have */
	/*
	 * Does the thing once and calls plan_moved() or plan_failed(). NULL: nothing is
	 * ever done.
	 */
	void (*move)(struct plan_run *run);
	/* Moves the guest again and again from its first line on, asked or not. */
	gboolean unasked;
};

/* A plan at work on one guest. */
struct plan_run {
	const struct plan *plan;
	struct guest *guest;
	GRand *random;	 /* of this case, from the run's seed */
	unsigned wanted; /* moves that an unasked plan makes at least */
	GArray *moves;	 /* of struct move_stats, in order */

	/* Private to plan.c and to the plan's own file. */
	void (*failed)(void *data, const char *problem);
	void *data;
	gboolean moving;
	gboolean continuous;	 /* again and again, until told otherwise */
	gboolean sentence_waits; /* answer it when this move has ended */
	unsigned attempts;	 /* at the move in progress */
};

extern const struct plan plan_none, plan_pause, plan_precopy, plan_storm;

/* Every plan, ended by NULL. */
extern const struct plan *const plans[];
const struct plan *plan_find(const char *name);
/* The names of all plans, ended by NULL; the caller frees the array, not the names. */
const char **plan_names(void);

/* FAILED is called, at most once, with one line when the plan cannot be carried out. */
struct plan_run *plan_begin(const struct plan *plan, struct guest *guest, guint32 seed,
			    unsigned wanted, void (*failed)(void *data, const char *problem),
			    void *data);
void plan_end(struct plan_run *run);

/* What the guest tells. */
void plan_hello(struct plan_run *run);
void plan_sentence(struct plan_run *run, enum sentence sentence);
gboolean plan_wants_more(struct plan_run *run);

/*
 * After the guest's end: why the guest was not treated as the plan says, in one
 * line that the caller frees, or NULL if it was.
 */
char *plan_shortfall(struct plan_run *run);

/* For the plans' files: the move has ended well, or cannot. */
void plan_moved(struct plan_run *run, const struct move_stats *stats);
void plan_failed(struct plan_run *run, const char *problem);

/* A live migration that proves that it was one; a plan's `move` (plan-precopy.c). */
void plan_move_live(struct plan_run *run);

#endif
