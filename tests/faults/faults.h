/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of build/ferry where something goes wrong. faults.c carries them out and
 * looks at what they told and left behind; fault-table.c lists them.
 */
#ifndef FERRY_TESTS_FAULTS_H
#define FERRY_TESTS_FAULTS_H

#include <glib.h>

struct run;

struct fault {
	const char *name;
	/*
	 * Of `ferry`, as a shell would split them. @DIR@ is the run's own folder, @BUILD@
	 * that of the build, @FAKE@ fake-qemu.
	 */
	const char *arguments;
	const char *script; /* of fake-qemu, which then is the QEMU; NULL: the real one */
	int status;	    /* that ferry must exit with; 128 + N if killed by signal N */
	/* Of the only case, in the JSON results; may be "A or B"; NULL if it has none. */
	const char *verdict;
	const char *words; /* a regular expression that matches in what ferry printed */

	/* The rest is seldom needed. */
	const char *config; /* this text is the project's unittests.cfg */
	/* A shell script that gets ferry and its arguments as "$@"; has @DIR@. */
	const char *wrapper;
	void (*prepare)(struct run *run);
	/* Called again and again while ferry runs, until it returns TRUE. */
	gboolean (*act)(struct run *run);
	int signal;		    /* for `act` */
	gboolean needs_kvm;	    /* else skips */
	gboolean default_deadlines; /* ferry measures the host first */
	gboolean leaves_folder;	    /* ferry could not clean up, being killed */
	gboolean vmm_has_child;	    /* which dies when the VMM is killed: soon, not at once */
	unsigned cases;		    /* each with the verdict; 0: one if there is a verdict */
	gboolean keeps_no_logs;	    /* the case never got to have any */
};

extern const struct fault faults[];
extern const gsize fault_count;

/* For `prepare` and `act`. */

/* The run's own folder, and NAME in it; the caller frees it. */
char *run_path(const struct run *run, const char *name);
/* Keeps FD open until the run has ended. */
void run_hold(struct run *run, int fd);
/* A moment that differs from run to run: TRUE once it has come. */
gboolean run_random_moment_came(struct run *run, unsigned most_ms);
GPid run_runner(const struct run *run);
/* As the table says. */
int run_signal(const struct run *run);

/* The VMMs of the run. In a move the oldest is the source and the newest the destination. */
struct run_vmms {
	GPid oldest, newest;
	unsigned count;
};

struct run_vmms run_find_vmms(const struct run *run);

/* Makes the run fail; TEXT is one line. */
void run_complain(struct run *run, const char *text);

#endif
