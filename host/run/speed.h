/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast a host runs guest code: measured once by a guest, then remembered. */
#ifndef FERRY_HOST_SPEED_H
#define FERRY_HOST_SPEED_H

#include "run/case.h"

/*
 * What deadlines are to be multiplied by on the host of SETTINGS, 1 or more, as
 * measured by PROGRAM (calibrate) or as remembered from an earlier run on the same
 * kernel, CPU, accelerator and QEMU. Where it cannot be measured it is 1, and
 * PROBLEM says why; the caller frees it.
 */
double speed_timescale(const struct program *program, const struct case_settings *settings,
		       const struct environment *environment, char **problem);

#endif
