/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry run --against FILE`: a run is compared with an earlier one. */
#ifndef FERRY_HOST_AGAINST_H
#define FERRY_HOST_AGAINST_H

#include <stdio.h>

#include "report/reports.h"

struct against;

/*
 * Reads the results in FILE of those cases that are among CASES. KVM is the parameters that these
 * will run with (--kvm), or NULL. To be called before a report begins that may write to the same
 * FILE. NULL and ERROR if it cannot be read.
 */
struct against *against_open(const char *file, const GPtrArray *cases, const char *kvm,
			     GError **error);
void against_free(struct against *against);

/* Adds a report that compares, and prints to STREAM when the run ends. */
void against_add(struct against *against, struct reports *reports, FILE *stream);

/* How many tests got worse. Known when the reports have ended. */
guint against_worse(const struct against *against);

#endif
