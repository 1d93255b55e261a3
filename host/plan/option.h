/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options that may stand behind a plan's name: "precopy+multifd+tcp". */
#ifndef FERRY_HOST_PLAN_OPTION_H
#define FERRY_HOST_PLAN_OPTION_H

#include "plan/plan.h"

struct plan_option {
	const char *name;
	const char *about; /* one line for people */
	unsigned bit;	   /* of enum vm_option */
	unsigned excludes; /* options that it does not go with */
};

/* In the order in which a plan's name has them; the last has no name. */
extern const struct plan_option plan_options[];

/* One line about options that did nothing in so many attempts. The caller frees it. */
char *plan_options_idle(unsigned unused, unsigned attempts);

/* Why there is no plan NAME, in one line that the caller frees; NULL if there is one. */
char *plan_problem(const char *name);

/*
 * What OPTIONS need of this machine's kernel, under ACCEL and for guests of MEMORY_MIB, and do not
 * get, in words that follow "needs" and that the caller frees. NULL if nothing is missing, or if
 * only the VMM can know.
 */
char *plan_options_missing(unsigned options, const char *accel, unsigned memory_mib);

#endif
