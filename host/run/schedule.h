/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs cases side by side and tells reports about them. */
#ifndef FERRY_HOST_SCHEDULE_H
#define FERRY_HOST_SCHEDULE_H

#include "report/counts.h"
#include "report/reports.h"
#include "run/case.h"
#include "run/durations.h"
#include "lab/lab.h"

struct schedule_outcome {
	struct counts counts;
	guint not_run; /* cases without a verdict, since the run was interrupted or stopped */
	gboolean interrupted; /* by a signal */
};

/* For cases that were placed in labs; see lab_start(). */
struct lab_settings {
	struct lab_options options;
	const struct settings *wanted;
};

/*
 * Runs CASES (of struct test_case) where they were placed: on this machine and in labs, at the same
 * time. The vCPUs of the guests on this machine fill at most SLOTS; a guest with more vCPUs than
 * that runs alone. KNOWN_ISSUES may be NULL. DURATIONS decides the order of the work, and learns
 * from it. Returns when all have a verdict, or soon after SIGINT, SIGTERM or SIGHUP. No process is
 * left either way.
 */
struct schedule_outcome schedule_run(GPtrArray *cases, const struct case_settings *settings,
				     const struct lab_settings *lab_settings,
				     GPtrArray *known_issues, struct durations *durations,
				     unsigned slots, struct reports *reports);

#endif
