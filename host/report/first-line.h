/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first line of a run for people: how many cases there are, and where they run. */
#ifndef FERRY_HOST_REPORT_FIRST_LINE_H
#define FERRY_HOST_REPORT_FIRST_LINE_H

#include "report/result.h"

/*
 * "14 cases, 12 in the amd lab, 2 on local: qemu, kvm, Linux 6.1, A CPU, clock tsc; seed 5".
 * ENVIRONMENT describes this machine, which is left out if no case runs on it. CASES are of struct
 * test_case. The caller frees the line.
 */
char *first_line(const struct environment *environment, const GPtrArray *cases);

#endif
