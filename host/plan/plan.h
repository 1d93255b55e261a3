/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A plan: what the host does to a guest while it runs. Each plan is one file that
 * describes it; plan.c carries any of them out. To add a plan, write its file and
 * name it in table.h.
 */
#ifndef FERRY_HOST_PLAN_H
#define FERRY_HOST_PLAN_H

#include "guest/guest.h"
#include "plan/table.h"

struct plan_run;

/* The options (enum vm_option) that each kind of plan takes. */
#define OPTIONS_OF_A_MACHINE                                                                       \
	(OPTION_DIRTY_RING | OPTION_HUGE_PAGES | OPTION_MEMFD | OPTION_DELAY | OPTION_NO_RANDOM)
#define OPTIONS_OF_A_POSTCOPY	  (OPTIONS_OF_A_MACHINE | OPTION_MULTIFD | OPTION_TCP)
#define OPTIONS_OF_POSTCOPY_ALONE (OPTION_PREEMPT | OPTION_RELEASE_RAM)
#define OPTIONS_OF_A_BROKEN_MIGRATION                                                              \
	(OPTIONS_OF_A_POSTCOPY | OPTION_XBZRLE | OPTION_COMPRESS | OPTION_AUTO_CONVERGE |          \
	 OPTION_EXEC)
#define OPTIONS_OF_A_WHOLE_MIGRATION (OPTIONS_OF_A_BROKEN_MIGRATION | OPTION_FILE)

struct plan {
	const char *name;
	const char *about;     /* one line for people */
	const char *action;    /* what it does once, as a noun: "migration"; NULL: nothing */
	unsigned capabilities; /* of enum vmm_capability: what the VMM must have */
	unsigned takes;	       /* of enum vm_option: what may follow its name */
	/* For a plan with options: these options, and the plan without them. */
	unsigned options;
	const struct plan *base;
	enum vm_habit habit; /* what the VMM does by itself */
	/*
	 * Carries out the action once and calls plan_acted() or plan_failed(). NULL: the plan does
	 * nothing.
	 */
	void (*act)(struct plan_run *run);
	/*
	 * A plan that mixes the actions of other plans has this instead of `act`. Returns the plan
	 * whose action comes next at the guest's request, or NULL after the last one (mixed.c).
	 */
	const struct plan *(*next)(struct plan_run *run);
	/* What it uses on machines that grant it, of enum vmm_capability. */
	unsigned wishes;
	/* The source of a live migration is killed when it has sent all. */
	gboolean kills_source;
	/* Acts on the guest again and again from its first line on, asked or not. */
	gboolean continuous;
	/* It runs only where it is named, since it costs much or adds little. */
	gboolean only_by_name;
	/* A VMM restores the guest, so it loses what the VMM does not save. */
	gboolean restores;
	/*
	 * The action makes the guest boot again and forget everything. It is carried out once in
	 * each test, at the test's first request, and the test begins anew. The case fails if the
	 * machine was not reset.
	 */
	gboolean reboots;
};

/* A plan at work on one guest. */
struct plan_run {
	const struct plan *plan;
	const struct plan *part; /* the plan whose action it is: `plan`, or what `next` chose */
	struct guest *guest;
	GRand *random;	 /* of this case, from the run's seed */
	unsigned wanted; /* how many actions a continuous plan makes at least */
	GArray *actions; /* of struct action_stats, in order */
	guint64 cycles;	 /* as the VMM counted them when it ended */
	char *test;	 /* the last test that has begun, "test=NAME cpu=N", or NULL */

	/* Private to plan.c and to the plan's own file. */
	void (*failed)(void *data, const char *problem);
	void *data;
	gboolean acting;
	gboolean repeats;	 /* another action follows this one, until told otherwise */
	gboolean sentence_waits; /* answer it when this action has ended */
	guint delay;		 /* the timer before an action, or 0 */
	unsigned attempts;	 /* at the action in progress */
	unsigned idle_attempts;	 /* attempts that proved nothing */
	gboolean late;		 /* they break off after the guest was stopped */
	GHashTable *treated; /* set of `test`: the tests in which a plan that reboots has acted */
	guint32 seed;	     /* of the case */
	GRand *choices;	     /* for a plan's choices in this test, from `seed` and `test` */
	unsigned requests;   /* of this test so far, the one in progress included */
	unsigned step;	     /* how many actions the request in progress has had */
	unsigned steps;	     /* how many it is to have; private to mixed.c */
	guint trail;	     /* how many actions there were when this test began */
};

#define DECLARE_PLAN(name) extern const struct plan plan_##name;
FOR_EACH_PLAN(DECLARE_PLAN)
#undef DECLARE_PLAN

/* Every plan in the order in which they run, ended by NULL. */
extern const struct plan *const plans[];
/*
 * The plan NAME, which may have options after it, "precopy+tcp+xbzrle" (option.c); NULL if there is
 * none. The order of the options does not matter: the result is the same plan with the same name.
 * It lives as long as the runner.
 */
const struct plan *plan_find(const char *name);
/* What PLAN asks of a VMM on this machine, of enum vmm_capability. */
unsigned plan_uses(const struct plan *plan);
/* Whether a guest under PLAN may be reset. */
gboolean plan_may_reboot(const struct plan *plan);
/* The names of all plans in that order, ended by NULL. */
const char *const *plan_names(void);

/*
 * A continuous plan carries out at least WANTED actions. FAILED is called, at most once, with one
 * line when the plan cannot be carried out.
 */
struct plan_run *plan_begin(const struct plan *plan, struct guest *guest, guint32 seed,
			    unsigned wanted, void (*failed)(void *data, const char *problem),
			    void *data);
void plan_end(struct plan_run *run);

/* To be called when the guest tells these things. */
void plan_hello(struct plan_run *run);
void plan_test_begins(struct plan_run *run, const char *name, gint64 cpu);
void plan_sentence(struct plan_run *run, enum sentence sentence);
gboolean plan_wants_more(struct plan_run *run);
/*
 * ", after cancel, precopy": the last actions of a mixed plan that the guest had in this test. The
 * caller frees it. NULL if the plan mixes none, or there was none.
 */
char *plan_trail(const struct plan_run *run);
/* The answer to the question which boot this is, counted from 1; the caller frees it. */
char *plan_answer_boot(struct plan_run *run, unsigned boot);

/* The VMM told what it did by itself (`figures` of struct guest_listener). */
void plan_figures(struct plan_run *run, GHashTable *values);

/*
 * To be called after the guest's end. Returns one line about what the plan did not do, which the
 * caller frees, or NULL if the plan was carried out.
 */
char *plan_shortfall(struct plan_run *run);

/* ---- for the plans' files ---- */

/*
 * The action has succeeded, or cannot succeed. An action without STATS does not count among those
 * that the plan wants.
 */
void plan_acted(struct plan_run *run, const struct action_stats *stats);
void plan_failed(struct plan_run *run, const char *problem);
/* Counts an action without ending it: more of the same kind follow. */
void plan_count(struct plan_run *run, const struct action_stats *stats);
/*
 * Calls plan_failed() if there is a PROBLEM, else plan_acted(). An action_done_function: DATA is
 * RUN.
 */
void plan_action_done(void *data, const struct action_stats *stats, const char *problem);
/* Cycles the guest once. This is the action of plans whose VMM also cycles it by itself. */
void plan_cycle(struct plan_run *run);

/*
 * An attempt has ended. PROVEN tells whether it proved what the plan promises. Returns TRUE if the
 * action has ended, or if AGAIN makes another attempt. Returns FALSE if MOST_ATTEMPTS have proved
 * nothing: then the caller tells plan_failed() why.
 */
gboolean plan_attempt_done(struct plan_run *run, const struct action_stats *stats,
			   const char *problem, gboolean proven, unsigned most_attempts,
			   void (*again)(struct plan_run *run));

/* The `act` of plans whose live migrations must prove that they were live (precopy.c). */
void plan_migrate(struct plan_run *run);
/*
 * Whether the guest can be reset now: it will say hello afterwards, and this test had no reset yet.
 */
gboolean plan_can_reboot_now(struct plan_run *run);
/* The `act` of plans that carry memory by dirty tracking alone (dirtylog.c). */
void plan_carry(struct plan_run *run);

#endif
