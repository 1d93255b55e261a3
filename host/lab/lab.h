/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A lab: an emulated KVM host in which the same runner runs cases that this machine
 * cannot. Everything about the machine is in the script lab/NAME, which runs one
 * command inside and passes its output on.
 */
#ifndef FERRY_HOST_LAB_H
#define FERRY_HOST_LAB_H

#include "lab/kinds.h"
#include "report/result.h"
#include "suite/settings.h"

/* What a user may want of labs; NULL and 0 for the defaults. Strings outlive the lab. */
struct lab_options {
	const char *kernel;    /* a bzImage, or one of lab_kernel_words */
	const char *modules;   /* a folder of KVM modules; without KERNEL, of the small kernel */
	const char *clock;     /* one of the kind's clocks */
	unsigned boot_seconds; /* that may pass until the runner inside writes a line */
	unsigned machine;      /* number within its kind, from 1; names its log folder */
};

struct lab_listener {
	/* Everything that the lab needs is there: lab_run() may be called. */
	void (*ready)(void *data);
	void (*started)(void *data, const struct test_case *test_case);
	void (*progress)(void *data, const struct test_case *test_case, const char *doing);
	void (*console)(void *data, const struct test_case *test_case, const char *text);
	/* A case has its verdict. RESULT belongs to the callee; its environment lives with the lab.
	 */
	void (*result)(void *data, struct result *result);
	/*
	 * The machine died before TEST_CASE began, but after another case had begun. Returns TRUE
	 * if the callee runs it elsewhere. If FALSE, the lab's death is its verdict, too.
	 */
	gboolean (*left)(void *data, const struct test_case *test_case);
	/* Something that takes a while has begun, e.g. building a kernel or booting; one line. */
	void (*note)(void *data, const char *text);
	/* All cases have their results, and no process is left. */
	void (*finished)(void *data);
};

struct lab;

/*
 * A lab of this KIND for CASES (of struct test_case), which the inner `ferry run` runs as WANTED
 * says. Both outlive the lab. First the lab's kernel is found, or made. The listener is
 * first called from the main loop. The logs of the cases go where they would go if the cases ran on
 * this machine. Those of the lab itself go to LOGDIR/lab-KIND/.
 */
struct lab *lab_start(const struct lab_kind *kind, GPtrArray *cases, const struct settings *wanted,
		      const struct lab_options *options, const char *logdir,
		      const struct lab_listener *listener, void *data);

/*
 * Boots the machine, which keeps a CPU of this one busy until it has finished. If its runner does
 * not start in time, or is silent for longer than the longest case may take, the lab is killed. The
 * cases that ran when a lab died are errors; the listener is asked for the others.
 */
void lab_run(struct lab *lab);

/* Kills the lab, if it still runs, and everything in it. */
void lab_free(struct lab *lab);

#endif
