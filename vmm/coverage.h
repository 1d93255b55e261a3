/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts what was met at cycles: how often a vCPU was saved while it was in L2, halted, in an
 * interrupt shadow, and so on. A test of a state that was never saved has shown nothing.
 */
#ifndef VMM_COVERAGE_H
#define VMM_COVERAGE_H

#include <stddef.h>

struct state;

/* Enough for what coverage_write() writes. */
#define COVERAGE_LENGTH 1024

/* Counts the conditions in which each of CPUS vCPUs was when STATE was saved. */
void coverage_count(const struct state *state, unsigned cpus);
/*
 * Writes " in_l1=12 in_l2=3 ..." into TEXT, which has room for SIZE bytes: the conditions that were
 * met at least once. The names are those of the table in coverage.c; docs/native-vmm.md lists them.
 */
void coverage_write(char *text, size_t size);

#endif
