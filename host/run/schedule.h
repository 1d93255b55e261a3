/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs cases side by side and tells reporters about them. */
#ifndef FERRY_HOST_SCHEDULE_H
#define FERRY_HOST_SCHEDULE_H

#include "report/reports.h"
#include "run/case.h"
#include "lab/lab.h"

struct schedule_outcome {
	/* Errors count as failed; what fails as is known counts as skipped. */
	guint passed, failed, skipped;
	guint not_run; /* interrupted before their verdict */
};

/* How the cases of labs are run; see lab_start(). */
struct lab_settings {
	struct lab_options options;
	const struct settings *wanted;
};

/*
 * Runs CASES (of struct test_case) where they were placed. Those on this machine: at most so
 * many at a time that their vCPUs fill SLOTS; a guest with more vCPUs than that runs
 * alone. Each lab runs beside them. KNOWN_ISSUES may be NULL. Returns when all have a
 * verdict, or soon after SIGINT, SIGTERM or SIGHUP; no process is left either way.
 */
struct schedule_outcome schedule_run(GPtrArray *cases, const struct case_settings *settings,
				     const struct lab_settings *lab_settings,
				     GPtrArray *known_issues, unsigned slots,
				     struct reports *reports);

#endif
