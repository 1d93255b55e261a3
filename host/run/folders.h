/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The folders that one run has for itself. */
#ifndef FERRY_HOST_RUN_FOLDERS_H
#define FERRY_HOST_RUN_FOLDERS_H

#include <glib.h>

struct run_folders {
	char *logs;    /* each case keeps its logs below it */
	char *sockets; /* empty, with a short path, and gone after the run */
	int lock;      /* private */
};

/*
 * Takes the folder LOGS (NULL: logs/ in output_path()) for this run alone. FALSE and ERROR if
 * another run has it, or if a folder cannot be made.
 */
gboolean run_folders_open(struct run_folders *folders, const char *logs, GError **error);
void run_folders_close(struct run_folders *folders);

#endif
