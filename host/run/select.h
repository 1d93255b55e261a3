/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cases a command line means, where each of them runs, and why some cannot. */
#ifndef FERRY_HOST_SELECT_H
#define FERRY_HOST_SELECT_H

#include "suite/settings.h"
#include "suite/test-case.h"
#include "vmm/vmm.h"

struct selection {
	char **patterns;   /* globs over program or program/plan; NULL or empty: all */
	char **plan_names; /* these plans instead of the programs' own; NULL: the programs' */
	const struct settings *wanted;
	const char *accel; /* "kvm" or "tcg": what cases on this machine run with */
	const char *host;  /* "local", the name of a lab, ANY_LAB, or NULL: the first possible */
	const char *lab_clock; /* a lab's clock that the user has named, or NULL */
	const struct vmm *vmm; /* NULL: for each plan the first that can carry it out */
};

/*
 * The cases, struct test_case, in the suite's order. The caller unrefs the array before it frees
 * SUITE. It is an error if a plan or a need is unknown, if a pattern matches nothing, or if a
 * program of our own suite has no binary.
 */
GPtrArray *select_cases(const struct suite *suite, const struct selection *selection,
			GError **error);

#endif
