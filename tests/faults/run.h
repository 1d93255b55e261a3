/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run that is being carried out. faults.c, processes.c and checks.c share this. */
#ifndef FERRY_TESTS_RUN_H
#define FERRY_TESTS_RUN_H

#include "faults.h"

/* This is longer than any deadline of a run. A run that takes longer is stuck, and is killed. */
#define STUCK_SECONDS 150
/* `act` is called at this interval, and checks that wait look again. */
#define TICK_MS 3

struct run {
	const struct fault *fault;
	char *folder;	 /* keeps the output, the logs and the results */
	char *temporary; /* its TMPDIR, with a short path because sockets are made there */
	char *mark;	 /* "NAME=VALUE" in the environment of all its processes */
	GPid pid;
	guint ticker, guard;
	gint64 moment; /* monotonic, us; 0 until it was chosen */
	unsigned count;
	int held;
	gboolean stuck;
	GString *problems; /* one a line */
};

/* Makes the run fail, like run_complain(). */
void complain(struct run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- processes.c: the run's descendants, found by its mark in their environment ---- */

/* " PID (NAME) ..." of the descendants that are alive. */
GString *list_processes(const struct run *run);
void kill_processes(const struct run *run);

/* ---- checks.c ---- */

/* Checks all that the row says about a run that ended with WAIT_STATUS, and what it left behind. */
void check_run(struct run *run, int wait_status);

/* Removes the folder PATH and everything in it. */
void remove_folder(const char *path);

#endif
