/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that may follow a plan's name: "precopy+multifd+tcp". */
#ifndef FERRY_HOST_PLAN_OPTION_H
#define FERRY_HOST_PLAN_OPTION_H

#include "plan/plan.h"

struct plan_option {
	const char *name;
	const char *about; /* one line for people */
	unsigned bit;	   /* of enum vm_option */
	unsigned excludes; /* options that it cannot be combined with */
};

/* In the order in which a plan's name has them; the last has no name. */
extern const struct plan_option plan_options[];

/* One line that says that options UNUSED did nothing in ATTEMPTS attempts. The caller frees it. */
char *plan_options_idle(unsigned unused, unsigned attempts);

/* Why there is no plan NAME, in one line that the caller frees; NULL if there is one. */
char *plan_problem(const char *name);

/*
 * What this machine's kernel lacks for OPTIONS, under ACCEL and with guests of MEMORY_MIB, in words
 * that follow "needs". The caller frees them. NULL if nothing is missing, or if only the VMM can
 * know.
 */
char *plan_options_missing(unsigned options, const char *accel, unsigned memory_mib);

#endif
