/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How far a run is, in words: what the live line of a terminal shows, and what plain output says
 * once a minute.
 */
#ifndef FERRY_HOST_REPORT_PROGRESS_H
#define FERRY_HOST_REPORT_PROGRESS_H

#include "report/forecast.h"

struct progress;

/* Sets the seconds between two lines of plain output; 0: there are none. The default is 60. */
void progress_set_interval(unsigned seconds);

/*
 * SHOW is called whenever the words may have changed: on a terminal (LIVE) each second, else as
 * progress_set_interval() says. It is called from the main loop.
 */
struct progress *progress_new(guint cases, gboolean live, void (*show)(void *data), void *data);
void progress_free(struct progress *progress);

/* FORECAST is good until progress_free(). Without one only times that have passed are told. */
void progress_set_forecast(struct progress *progress, const struct forecast *forecast);

void progress_started(struct progress *progress, const struct test_case *test_case);
/* What the guest of a running case does now. */
void progress_doing(struct progress *progress, const struct test_case *test_case,
		    const char *doing);
/* A case has its verdict; it may never have started. */
void progress_ended(struct progress *progress, const struct test_case *test_case);

/*
 * "[12/41, about 4 min left] svm_state_up/precopy 31 of 45 s: nested_flags on CPU 0". NULL if there
 * is nothing to show. The caller frees it.
 */
char *progress_live_line(struct progress *progress);

/*
 * "after 3 min: 12 of 41 cases, about 4 min left; running: svm_state_up/precopy 31 of 45 s". The
 * caller frees it.
 */
char *progress_plain_line(struct progress *progress);

#endif
