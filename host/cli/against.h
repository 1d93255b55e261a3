/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry run --against FILE`: compares a run with an earlier one. */
#ifndef FERRY_HOST_AGAINST_H
#define FERRY_HOST_AGAINST_H

#include <stdio.h>

#include "report/reports.h"

struct against;

/*
 * Reads the earlier results of CASES from FILE. KVM is the parameters that the cases will run with
 * (--kvm), or NULL; results with other parameters do not count. Call it before a report begins,
 * since the report may write to the same FILE. Returns NULL and sets ERROR if FILE cannot be read.
 */
struct against *against_open(const char *file, const GPtrArray *cases, const char *kvm,
			     GError **error);
void against_free(struct against *against);

/* Adds a report that compares, and prints to STREAM when the run ends. */
void against_add(struct against *against, struct reports *reports, FILE *stream);

/* How many tests got worse. Known when the reports have ended. */
guint against_worse(const struct against *against);

#endif
