/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A case at work: what case.c (its start and end), case-events.c (what its guest does) and
 * verdict.c (what becomes of it) share.
 */
#ifndef FERRY_HOST_CASE_RUN_H
#define FERRY_HOST_CASE_RUN_H

#include "guest/clock-check.h"
#include "guest/disk-check.h"
#include "guest/machine-check.h"
#include "guest/snapshot-source.h"
#include "plan/plan.h"
#include "run/case.h"
#include "run/recorder.h"

/* What the guest writes to port 0xf4 (docs/protocol.md). */
enum guest_status {
	GUEST_PASSED = 0,
	GUEST_FAILED = 1,
	GUEST_SKIPPED = 77,
	GUEST_ABORTED = 127,
};

/* The test that the guest is working on. */
struct current_test {
	char *label; /* "NAME on CPU N", printable; NULL between tests */
	char *name;
	unsigned cpu, round;
	gint64 started;	   /* monotonic, us */
	gint64 failed_at;  /* when its first check failed, monotonic, us; 0: none has */
	GPtrArray *failed; /* of char *: its checks that have failed; NULL: none */
};

/* What the guest has done so far that decides the verdict. NULL: nothing of the kind. */
struct findings {
	char *first_fail; /* the text of the first check that failed */
	char *first_skip;
	char *violation; /* the first violation of the protocol, or of what the host checks */
	char *unclean;	 /* all registers that resets did not restore */
	unsigned boots;
	/* The rest is about this boot alone. */
	char *abort;	/* why the guest aborted: an exception, or its own words */
	gboolean fails; /* a check has failed */
	gint64 bye;	/* the status that the guest announced, or -1 */
};

/* standstill.c: whether the guest does anything. */
struct still {
	guint timer;
	gint64 activity; /* at the last look */
	unsigned looks;	 /* since it last changed */
};

struct case_run {
	const struct test_case *test_case;
	const struct case_settings *settings;
	const struct environment *environment; /* of the VMM that the case uses */
	const struct case_listener *listener;
	void *data;

	char *command_line; /* of the guest */
	char *image;	    /* the file that starts it */
	struct guest *guest;
	struct plan_run *plan;
	struct clock_check *clock_check;
	struct machine_check *machine_check;
	struct ram_images *images; /* or NULL */
	struct recorder *recorder;
	struct disk_check *disk; /* NULL for a guest without a disk */

	/* The source of the last snapshot of a running guest, until its test is over. */
	struct snapshot_source *snapshot_source;
	struct disk_check *snapshot_source_disk; /* its disk, until it is followed */
	struct vm_exit *exit; /* the guest has ended, and its verdict waits for the source */

	struct current_test test;
	char *impatient; /* the test after which the guest has shortened its waits, or NULL */
	struct findings findings;
	struct result *result;
	gint64 started;	       /* monotonic, us */
	double limit;	       /* seconds, not counting firmware; 0: none */
	double firmware_limit; /* seconds of each boot */
	guint deadline, idle;
	struct still still;
	gboolean over;
};

/* Keeps TEXT, printable, in *WHERE if nothing is there yet. */
void remember_first(char **where, const char *text);

/*
 * Adds to the result a failure that is not a check of a test. Only a known issue about this very
 * failure explains it. TEXT is one printable line. Once there is a verdict, this does nothing.
 */
void note_failure(struct case_run *run, enum failure_kind kind, const char *text);
/* Likewise, for a violation of the protocol, or of what the host checks. */
void note_violation(struct case_run *run, const char *problem);

/* Sets the times in TEST, the result of the current test, which ends now. */
void time_test(const struct case_run *run, struct test_result *test);

/* Compares the disk with what the guest may have written; a difference is a violation. */
void compare_disk(struct case_run *run, guint64 *wrong, guint64 *first);

/* ---- case-events.c ---- */

extern const struct guest_listener case_guest_listener;

/* ---- verdict.c: each of these ends the case; the first verdict counts ---- */

/* The guest has ended. */
void conclude_exit(struct case_run *run, const struct vm_exit *exit);
/* The runner could not do its part. */
void conclude_error(struct case_run *run, const char *problem);
/* The guest cannot go on. The verdict is ERROR, whoever is to blame. */
void conclude_problem(struct case_run *run, enum failure_kind kind, const char *problem);
/* The VMM cannot do here what the plan needs. */
void conclude_unable(struct case_run *run, const char *reason);
void conclude_deadline(struct case_run *run);
/* No vCPU of the guest has run for SECONDS. */
void conclude_standstill(struct case_run *run, double seconds);

/* ---- standstill.c ---- */

/* Ends the case when its guest stands still. */
void standstill_watch(struct case_run *run);
void standstill_end(struct case_run *run);

/* ---- case.c ---- */

/* Sets the timer to what is left of the case's limit, or of firmware's while firmware runs. */
void case_set_deadline(struct case_run *run);

/* The case has its verdict: ends all that belongs to it as soon as the main loop is idle. */
void case_over(struct case_run *run);

#endif
