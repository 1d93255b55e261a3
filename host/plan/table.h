/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of plans. A new plan is a file that defines `struct plan plan_NAME`, and a line here.
 *
 * A program's cases run in this order. What fails under one plan is likely to fail under those that
 * come after it, so the first failure tells the most.
 */
#ifndef FERRY_HOST_PLAN_TABLE_H
#define FERRY_HOST_PLAN_TABLE_H

#define FOR_EACH_PLAN(PLAN)                                                                        \
	PLAN(none)                                                                                 \
	PLAN(pause)                                                                                \
	PLAN(cycle_exit)                                                                           \
	PLAN(cycle_kick)                                                                           \
	PLAN(cycle_revert)                                                                         \
	PLAN(file)                                                                                 \
	PLAN(fork)                                                                                 \
	PLAN(dirtylog)                                                                             \
	PLAN(dirtyring)                                                                            \
	PLAN(precopy)                                                                              \
	PLAN(postcopy)                                                                             \
	PLAN(postcopy_recover)                                                                     \
	PLAN(srckill)                                                                              \
	PLAN(cancel)                                                                               \
	PLAN(dstkill)                                                                              \
	PLAN(reset)                                                                                \
	PLAN(storm)                                                                                \
	PLAN(cancel_precopy)                                                                       \
	PLAN(precopy_pause)                                                                        \
	PLAN(mixed)                                                                                \
	PLAN(snapshot)                                                                             \
	PLAN(bgsnapshot)

#endif
