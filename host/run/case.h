/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of one case, from the start of its guest to its verdict. */
#ifndef FERRY_HOST_CASE_H
#define FERRY_HOST_CASE_H

#include "report/result.h"
#include "suite/settings.h"
#include "vmm/vmm.h"

/* A VMM that cases of a run use. */
struct vmm_use {
	const struct vmm *vmm;
	struct vmm_programs programs;
	/* Results name it, and guests get its binaries, its accelerator and its timescale. */
	struct environment *environment;
};

/* What all cases of a run have in common. */
struct case_settings {
	const struct settings *wanted;	       /* by the user */
	const struct environment *environment; /* of the whole run, whichever VMMs it uses */
	const struct vmm_use *vmms;	       /* ended by one without a `vmm`; NULL: none here */
	const char *logdir;
	const char *socket_dir;
	gboolean kvm_unit_tests; /* guests of another suite */
	gboolean emulated_host;	 /* its CPU is emulated: a VMM may take seconds to answer */
	GPtrArray *known_issues; /* of struct known_issue; NULL: none are known */
	const char *lab;	 /* the name of the lab that this run is in; NULL: in none */
	const char *preforked;	 /* the library that QEMU is forked with (preforked.h), or NULL */
};

/* The entry of SETTINGS' `vmms` for the VMM of TEST_CASE, or NULL. */
const struct vmm_use *case_vmm(const struct case_settings *settings,
			       const struct test_case *test_case);

struct case_listener {
	/* DOING is what the case does now, e.g. "timer on CPU 1". */
	void (*progress)(void *data, const struct test_case *test_case, const char *doing);
	/* With `verbose`: the guest has written a line, printable. */
	void (*console)(void *data, const struct test_case *test_case, const char *text);
	/* The case is over and all its processes have ended. RESULT belongs to the callee. */
	void (*ended)(void *data, struct result *result);
};

struct case_run;

/*
 * Starts a case. Each ATTEMPT at it, counted from 1, keeps logs in a folder of its own. The
 * listener is first called from the main loop.
 */
struct case_run *case_start(const struct test_case *test_case, unsigned attempt,
			    const struct case_settings *settings,
			    const struct case_listener *listener, void *data);

/* Kills the case. The listener is not told. */
void case_abandon(struct case_run *run);

#endif
