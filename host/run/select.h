/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cases a command line means, and which of them cannot run here, and why. */
#ifndef FERRY_HOST_SELECT_H
#define FERRY_HOST_SELECT_H

#include "suite/settings.h"
#include "suite/test-case.h"
#include "vmm/vmm.h"

/* As a host: the first lab that offers what the case needs. */
#define ANY_LAB "lab"

struct selection {
	char **patterns;   /* globs over program or program/plan; NULL or empty: all */
	char **plan_names; /* these plans instead of the programs' own; NULL: the programs' */
	const struct settings *wanted;
	const char *accel; /* "kvm" or "tcg": what cases on this machine run with */
	const char *host; /* "local", the name of a lab, ANY_LAB, or NULL: the first that can run a
			     case */
	const char *lab_clock; /* that the user wants in labs, or NULL */
	const struct vmm *vmm;
};

/*
 * An array of struct test_case in the suite's order. Plans and needs that nobody
 * knows, patterns that match nothing, and (of our own suite) binaries that are not
 * there are errors.
 */
GPtrArray *select_cases(const struct suite *suite, const struct selection *selection,
			GError **error);

#endif
