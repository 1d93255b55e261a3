/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP end the main loop that runs, and nothing else: whoever
 * runs it cleans up, whenever they come.
 */
#ifndef FERRY_HOST_INTERRUPT_H
#define FERRY_HOST_INTERRUPT_H

#include <glib.h>

/*
 * From now on, until the process ends. Also, a reader of our output that leaves and a
 * file that may not grow become errors of write(2).
 */
void interrupt_watch(void);

/* Runs LOOP until it is quit; FALSE if an interrupt came instead, now or earlier. */
gboolean interrupt_run_loop(GMainLoop *loop);

#endif
