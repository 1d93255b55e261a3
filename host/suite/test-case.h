/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A case: a program under a plan. Each case is scheduled, timed and reported by itself. */
#ifndef FERRY_HOST_SUITE_TEST_CASE_H
#define FERRY_HOST_SUITE_TEST_CASE_H

#include "suite/settings.h"
#include "suite/suite.h"

struct plan;
struct vmm;

struct test_case {
	const struct program *program;
	const struct plan *plan; /* plan/plan.h; what reports need of it is below */
	const struct vmm *vmm;	 /* vmm/vmm.h: what runs the guest */
	const char *vmm_name;	 /* "qemu" */
	const char *vmm_files;	 /* its lab_files */
	const char *plan_name;	 /* "precopy+tcp" */
	const char *action;	 /* what the plan does once: "migration"; NULL: nothing */
	gboolean reboots;	 /* an action is over when the guest has booted again */
	gboolean under_way; /* actions follow each other while a guest of another suite works */
	char *name;	    /* "kvmclock/precopy", "kvmclock/precopy#2" when repeated */
	char *log_name;	    /* its folder below the log folder */
	guint32 seed;
	const char *host;      /* "local", or the name of the lab that it runs in */
	const char *lab_clock; /* "tsc" or "hpet", for a lab; NULL: the lab's default */
	char *why;	       /* why it runs on that host, in a few words; NULL: it cannot */
	char *skip_reason;     /* it can run nowhere; NULL if it can */
};

/*
 * How many seconds the case may take where deadlines are multiplied by TIMESCALE; 0: there is no
 * limit. A limit that the user has given is taken as given. On an emulated host it is longer: the
 * start of a VMM takes seconds there, which TIMESCALE does not show since it measures guests, and
 * the machine that emulates the host may be busy. A guest that stands still or waits in vain ends
 * long before.
 */
double case_limit_seconds(const struct test_case *test_case, const struct settings *wanted,
			  double timescale, gboolean emulated_host);

/*
 * How many seconds UEFI firmware may take for each boot, which do not count for the above; 0: the
 * usual firmware takes no time.
 */
double firmware_limit_seconds(const struct settings *wanted, double timescale,
			      gboolean emulated_host);

void test_case_free(struct test_case *test_case);

#endif
