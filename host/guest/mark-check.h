/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marks of a guest that the host checks: clock marks and disk marks. */
#ifndef FERRY_HOST_MARK_CHECK_H
#define FERRY_HOST_MARK_CHECK_H

#include "guest/clock-check.h"
#include "guest/disk-check.h"

/*
 * LINE is a `mark` line. Returns FALSE if the host does not check such marks. DISK is NULL for a
 * guest without a disk. PROBLEM gets what is wrong in one line that the caller frees, or NULL.
 */
gboolean mark_check(struct clock_check *clock, struct disk_check *disk,
		    const struct machine_line *line, char **problem);

#endif
