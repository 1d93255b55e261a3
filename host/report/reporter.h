/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The interface of a report format: one way to tell about a run. */
#ifndef FERRY_HOST_REPORTER_H
#define FERRY_HOST_REPORTER_H

#include "report/forecast.h"
#include "report/result.h"
#include "report/table.h"

/* Functions that are NULL are not called. DATA is what `begin` returned. */
struct reporter {
	const char *name;  /* of its option, without "--" */
	const char *about; /* for --help; NULL: the option is not listed there */
	/*
	 * TRUE: the option takes a file, and may be given several times. FALSE: the report is
	 * printed to standard output, and there is only one such report.
	 */
	gboolean takes_file;
	/* TRUE: the option takes no file, and the report is printed beside another one. */
	gboolean beside;

	/*
	 * TARGET is the file, or NULL. CASES, of struct test_case, are all cases that there will be
	 * results of; they outlive the report. Returns NULL and sets ERROR if TARGET cannot be
	 * written.
	 */
	void *(*begin)(const char *target, const struct environment *environment,
		       const GPtrArray *cases, GError **error);
	void (*started)(void *data, const struct test_case *test_case);
	/* Something that takes a while and is not a case, e.g. a lab's kernel is built. */
	void (*note)(void *data, const char *text);
	/* FORECAST tells how much time is left. It is NULL when the run is over. */
	void (*forecast)(void *data, const struct forecast *forecast);
	/* What a running case does now, for a live display. */
	void (*progress)(void *data, const struct test_case *test_case, const char *doing);
	/* --verbose: a running case's guest has written a line. TEXT is printable. */
	void (*console)(void *data, const struct test_case *test_case, const char *text);
	void (*ended)(void *data, const struct result *result);
	/*
	 * The last call; frees DATA. NOT_RUN cases have no verdict; if there are any, WHY is a word
	 * or two, such as "interrupted".
	 * FALSE and ERROR if the report is incomplete.
	 */
	gboolean (*end)(void *data, guint not_run, const char *why, GError **error);
};

#define DECLARE_REPORTER(name) extern const struct reporter name##_reporter;
FOR_EACH_REPORTER(DECLARE_REPORTER)
#undef DECLARE_REPORTER

/* Every reporter in the order of the table, ended by NULL. */
extern const struct reporter *const reporters[];

#endif
