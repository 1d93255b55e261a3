/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When timers of the guest fired, as its `mark name=timer` lines tell (docs/protocol.md, "Timer
 * marks"). It is for those who look at the case later; the guest's tests check it themselves.
 */
#ifndef FERRY_HOST_TIMER_MARKS_H
#define FERRY_HOST_TIMER_MARKS_H

#include "guest/clock-check.h"

/*
 * Adds to STORY what LINE, a `mark` line, tells of a timer. CHECK knows when the host answered the
 * guest, BEGAN is when the case began (CLOCK_MONOTONIC, ns), and ACTIONS, of struct action_stats,
 * have ended. Returns FALSE if LINE is no timer mark. One that refers to no answer is left out.
 */
gboolean timer_marks_add(struct story *story, const struct clock_check *check, gint64 began,
			 const GArray *actions, const struct machine_line *line);

#endif
