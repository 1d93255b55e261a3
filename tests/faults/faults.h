/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs of ferry in which something goes wrong. Each table below is a file of this folder;
 * faults.c carries out its rows, and checks.c checks what each run printed and left behind.
 */
#ifndef FERRY_TESTS_FAULTS_H
#define FERRY_TESTS_FAULTS_H

#include <glib.h>

struct run;

struct fault {
	const char *name;
	/*
	 * The arguments of `ferry`, split like those of a shell. @DIR@ is the run's own folder,
	 * @BUILD@ the build folder, @FAKE@ fake-qemu.
	 */
	const char *arguments;
	/* fake-qemu replaces QEMU and follows this script; NULL: the real QEMU runs. */
	const char *script;
	int status; /* what ferry must exit with; 128 + N if signal N must kill it */
	/* The only case's verdict in the JSON results; may be "A or B"; NULL: no case ends. */
	const char *verdict;
	const char *words; /* a regular expression that matches in what ferry prints */

	/* Only a few rows use the members from here on. */
	const char *kind;   /* of the failure, in the JSON results; NULL: this is not looked at */
	const char *config; /* the text of an unittests.cfg that ferry uses instead of ours */
	/* The text of a known-issues.cfg, likewise. It does not need `config`. */
	const char *known_issues;
	/* A shell script that gets ferry and its arguments as "$@"; @DIR@ as above. */
	const char *wrapper;
	void (*prepare)(struct run *run);
	/* Called every few milliseconds while ferry runs, until it returns TRUE. */
	gboolean (*act)(struct run *run);
	int signal; /* the one that `act` sends */
	/*
	 * The guest runs on KVM, and the row is skipped if KVM cannot be used. Other rows run on
	 * TCG, where QEMU 7.2 loses writes in live migrations (docs/findings.md). So a row with a
	 * real QEMU that completes a live migration has to run on KVM.
	 */
	gboolean on_kvm;
	gboolean no_accel; /* none is named, so cases run on KVM, on this machine or in a lab */
	gboolean default_deadlines; /* ferry measures the host's speed first */
	gboolean leaves_folder;	    /* ferry is killed and cannot remove its temporary folder */
	gboolean vmm_has_child;	    /* a child of the VMM dies shortly after it, not with it */
	unsigned cases;		    /* how many get the verdict; 0: one if there is a verdict */
	gboolean keeps_no_logs;	    /* the case ends before it has any */
};

/* The rows of one file. */
struct fault_table {
	const struct fault *rows;
	gsize count;
};

extern const struct fault_table silence_faults, qemu_faults, migration_faults, postcopy_faults,
	snapshot_faults, guest_faults, lab_faults, file_faults, usage_faults, signal_faults,
	misbehave_faults, retry_faults, broken_guest_faults, damaged_memory_faults,
	known_issue_faults, corpus_faults, kernel_faults, watch_faults, native_faults,
	user_config_faults;

/* ---- for `prepare` and `act` ---- */

/* NAME in the run's own folder. The caller frees it. */
char *run_path(const struct run *run, const char *name);
/* Keeps FD open until the run has ended. */
void run_hold(struct run *run, int fd);
/* TRUE from a random moment on, which is at most MOST_MS after the first call. */
gboolean run_random_moment_came(struct run *run, unsigned most_ms);
/* How often this was called in this run, this call included. */
unsigned run_count(struct run *run);
/* The process of the runner, ferry. */
GPid run_runner(const struct run *run);
/* The row's signal. */
int run_signal(const struct run *run);

/* The VMMs of the run. In a migration the oldest is the source and the newest the destination. */
struct run_vmms {
	GPid oldest, newest;
	unsigned count;
};

struct run_vmms run_find_vmms(const struct run *run);

/* Makes the run fail; TEXT is one line that says why. */
void run_complain(struct run *run, const char *text);

#endif
