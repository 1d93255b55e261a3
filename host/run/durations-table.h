/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes durations.cfg, the table of durations for the first run on a machine, from results. */
#ifndef FERRY_HOST_RUN_DURATIONS_TABLE_H
#define FERRY_HOST_RUN_DURATIONS_TABLE_H

#include "report/result.h"

struct durations_table;

/* Reads the table TEXT, which is to be brought up to date. */
struct durations_table *durations_table_new(const char *text);

/* Adds a result. Those that did not end well are ignored. */
void durations_table_add(struct durations_table *table, const struct result *result);

/*
 * The text of the table with the medians of what was added, and all else as it was. The caller
 * frees it. Frees TABLE.
 */
char *durations_table_end(struct durations_table *table);

#endif
