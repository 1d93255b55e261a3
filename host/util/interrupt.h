/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGINT, SIGTERM and SIGHUP end the main loop that runs, and nothing else, so that whoever runs
 * the loop can clean up.
 */
#ifndef FERRY_HOST_INTERRUPT_H
#define FERRY_HOST_INTERRUPT_H

#include <glib.h>

/*
 * Watches for these signals from now on. Also ignores SIGPIPE and SIGXFSZ, so that write(2) fails
 * instead.
 */
void interrupt_watch(void);

/* Runs LOOP until it is quit. FALSE if an interrupt ended it, or had come before. */
gboolean interrupt_run_loop(GMainLoop *loop);

#endif
