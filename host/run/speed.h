/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host speed: how fast guests run. A guest measures it once, and it is remembered. */
#ifndef FERRY_HOST_SPEED_H
#define FERRY_HOST_SPEED_H

#include "run/case.h"

/*
 * The factor for deadlines on this host, 1 or more. PROGRAM (calibrate) measures it, unless an
 * earlier run with the same kernel, CPU, accelerator and QEMU has done so. If it cannot be measured
 * it is 1, and PROBLEM says why; the caller frees that.
 */
double speed_timescale(const struct program *program, const struct case_settings *settings,
		       const struct environment *environment, char **problem);

#endif
