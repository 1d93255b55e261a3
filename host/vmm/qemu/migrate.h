/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A live migration from one QEMU to another, and what the files that carry it out share. Each
 * part of the struct belongs to one file.
 */
#ifndef FERRY_HOST_QEMU_MIGRATE_H
#define FERRY_HOST_QEMU_MIGRATE_H

#include "vmm/qemu/action.h"

/* A post-copy migration: postcopy.c, and recover.c, which cuts its stream and recovers it. */
struct qemu_postcopy {
	gboolean wanted;
	gboolean switch_ordered, asked_arrival;
	gint64 switched;   /* to post-copy, CLOCK_REALTIME us; 0 if it was not */
	gint64 runs_there; /* latest time of the guest's arrival, CLOCK_REALTIME us; 0: unknown */
	guint64 bytes_left;
	enum { CUT_NONE, CUT_PLANNED, CUT_ORDERED, CUT_MADE, CUT_RECOVERING } cut;
	unsigned cuts_wanted, cuts_made;
	guint cut_after_ms;
	guint moment;		/* the timer of the next cut, or 0 */
	gboolean cut_in_flight; /* the last cut came before all memory was sent */
};

/* hold.c keeps a migration in flight until its options have shown an effect. */
struct qemu_hold {
	guint timer; /* 0: it is not held */
	gboolean slowed;
	guint64 bandwidth; /* bytes a second */
	unsigned seen;	   /* options (enum vm_option) that were seen at work */
};

/* A source that is killed when it has sent all: kill-source.c. */
struct qemu_source_death {
	gboolean wanted, asked_figures, killed;
	struct action_stats last; /* the last figures that the source told */
};

struct qemu_migration {
	struct qemu_action base;
	unsigned questions;	/* how often query-migrate's figures were not final */
	gboolean asked_source;	/* asked whether it lives, since the destination has ended */
	gboolean making_images; /* of memory; the guest goes on after that */
	gboolean goes_on;	/* the guest was told to go on */
	struct qemu_postcopy postcopy;
	struct qemu_hold hold;
	struct qemu_source_death source_death;
	gint64 pass_began[MOST_PASSES_TOLD]; /* CLOCK_REALTIME, us; 0: no such pass */
};

/* The live migration that QEMU is part of, or NULL. */
struct qemu_migration *qemu_migration_of(const struct qemu *qemu);
/* Something has happened that the migration may wait for. */
void qemu_migration_progress(struct qemu_migration *migration);
/* At MICROSECONDS (CLOCK_REALTIME) QEMU has begun the pass number PASS, from 1, over memory. */
void qemu_migration_pass(struct qemu *qemu, gint64 pass, gint64 microseconds);
/*
 * Do the events of both sides have times from within the migration? If not, they tell nothing
 * of the pause: the host's clock was set, or QEMU stamps wrongly.
 */
gboolean qemu_migration_stamps_fit(const struct qemu_migration *migration);

/* Sends the guest ahead of its memory, and cuts the stream if the options say so. */
void qemu_postcopy_advance(struct qemu_migration *migration);
/* Adds to STATS what only post-copy has. RAM is the member "ram" of the reply to query-migrate. */
void qemu_postcopy_note(const struct qemu_migration *migration, JsonObject *ram,
			struct action_stats *stats);
/* The destination has ended while memory was still to come: ends the migration. */
void qemu_postcopy_end_without_destination(struct qemu_migration *migration);

/* Something has happened after the switch to post-copy: cuts the stream and recovers it. */
void qemu_recover_advance(struct qemu_migration *migration);

/* The source has sent all: kills it, and ends the migration when the guest has arrived. */
void qemu_kill_source_advance(struct qemu_migration *migration);

/* Begins to send BANDWIDTH bytes a second (0: no limit). Holds it if an option needs that. */
void qemu_hold_begin(struct qemu_migration *migration, guint64 bandwidth);
void qemu_hold_pass(struct qemu_migration *migration, gint64 pass);
/* The options (enum vm_option) that did nothing, as the FIGURES of query-migrate show. */
unsigned qemu_hold_unused(const struct qemu_migration *migration, JsonObject *figures);

#endif
