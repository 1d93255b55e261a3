/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reports may ask about the course of a run, to show how far it is. run/outlook.c answers. */
#ifndef FERRY_HOST_REPORT_FORECAST_H
#define FERRY_HOST_REPORT_FORECAST_H

#include "suite/test-case.h"

struct forecast {
	/* The seconds that a case is expected to take. */
	double (*case_seconds)(void *data, const struct test_case *test_case);
	/* The seconds until all cases have a verdict, more than 0; 0 if nothing can be told yet. */
	double (*seconds_left)(void *data);
	/*
	 * Appends what goes on besides cases, in parts with ", " between them: "amd lab boots, 8
	 * of 12 s". Nothing if nothing does.
	 */
	void (*describe)(void *data, GString *text);
	void *data;
};

#endif
