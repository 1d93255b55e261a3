/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run still has to do, and how long that takes. The schedule tells it what happens, and
 * reports ask it (report/forecast.h).
 */
#ifndef FERRY_HOST_RUN_OUTLOOK_H
#define FERRY_HOST_RUN_OUTLOOK_H

#include "report/forecast.h"
#include "run/durations.h"

struct outlook;
struct outlook_lab;

/* SLOTS are those of the schedule. DURATIONS outlive it. */
struct outlook *outlook_new(struct durations *durations, unsigned slots);
void outlook_free(struct outlook *outlook);

/* For reports; lives as long as OUTLOOK. */
const struct forecast *outlook_forecast(struct outlook *outlook);

/* The seconds that CASES take in all on SLOTS CPUs, boots of labs included. */
double outlook_total(struct durations *durations, GPtrArray *cases, unsigned slots);

/*
 * Shares CASES of labs out among machines by what they are expected to take (share.h). The caller
 * unrefs the array.
 */
GPtrArray *outlook_share_out(struct outlook *outlook, GPtrArray *cases);

/* A case that will run on this machine. */
void outlook_add_local(struct outlook *outlook, const struct test_case *test_case);

/*
 * The machine NUMBER of the lab HOST, which will run CASES. The functions below tell it when it has
 * a kernel, when it begins to boot, and when it has ended.
 */
struct outlook_lab *outlook_add_lab(struct outlook *outlook, const char *host, unsigned number,
				    const GPtrArray *cases);
void outlook_lab_has_kernel(struct outlook_lab *lab);
void outlook_lab_boots(struct outlook_lab *lab);
void outlook_lab_ended(struct outlook_lab *lab);

/* A case runs, or has ended. Cases that were not added are ignored. */
void outlook_started(struct outlook *outlook, const struct test_case *test_case);
void outlook_ended(struct outlook *outlook, const struct result *result);
/* How long a running case has run, in microseconds of this machine's time; 0: it has not begun. */
gint64 outlook_elapsed(struct outlook *outlook, const struct test_case *test_case);

#endif
