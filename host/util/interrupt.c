// SPDX-License-Identifier: GPL-2.0-or-later
/* Signals that end a main loop. See interrupt.h. */
#include <glib-unix.h>
#include <signal.h>

#include "util/interrupt.h"

static gboolean came;
static GMainLoop *running;

static gboolean on_signal(gpointer data)
{
	came = TRUE;
	if (running)
		g_main_loop_quit(running);
	return G_SOURCE_CONTINUE;
}

void interrupt_watch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

	for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
		g_unix_signal_add(signals[i], on_signal, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

gboolean interrupt_run_loop(GMainLoop *loop)
{
	running = loop;
	if (!came)
		g_main_loop_run(loop);
	running = NULL;
	return !came;
}
