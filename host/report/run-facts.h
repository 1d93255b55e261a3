/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What all results of a run together tell: how many failed, where and when it ran. */
#ifndef FERRY_HOST_REPORT_RUN_FACTS_H
#define FERRY_HOST_REPORT_RUN_FACTS_H

#include "report/counts.h"

struct run_facts {
	struct counts counts;
	guint cases;
	GPtrArray *places; /* of char *: "amd: qemu 7.2.22, kvm, Linux 6.1, ...", each once */
	gint64 started;	   /* the earliest case, CLOCK_REALTIME, ns; 0: unknown */
	gint64 ended;	   /* the latest */
	char *ferry;	   /* the runner's commit, or NULL */
	guint32 seed;
	GPtrArray *not_run; /* of char *: cases that the run did not come to */
	char *why_not_run;  /* what ended the run, or NULL */
	guint run_cases;    /* that the run was to have; 0: not known, or this is a part of it */
};

struct run_facts *run_facts_new(void);
void run_facts_free(struct run_facts *facts);

void run_facts_add(struct run_facts *facts, const struct result *result);
/* The run did not come to the case NAME, because of WHY, which may be NULL. */
void run_facts_add_not_run(struct run_facts *facts, const char *name, const char *why);

/* How many cases have no verdict: of a run that ended early, or whose runner was killed. */
guint run_facts_missing(const struct run_facts *facts);
/* "interrupted: 2 cases have no verdict: a/none, b/none"; NULL: none. The caller frees it. */
char *run_facts_ended_early(const struct run_facts *facts);

/* "3 of 41 cases failed", "Nothing failed, but 2 cases have no verdict". The caller frees it. */
char *run_facts_headline(const struct run_facts *facts);
/* "2026-11-29 13:10 UTC, took 12 min"; NULL: not known. The caller frees it. */
char *run_facts_when(const struct run_facts *facts);

#endif
