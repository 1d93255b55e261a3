/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds, starts, listens to and ends a script below lab/. */
#ifndef FERRY_HOST_LAB_SCRIPT_H
#define FERRY_HOST_LAB_SCRIPT_H

#include <glib.h>

struct lab_script;

struct lab_script_listener {
	/* The script wrote LINE, without its newline, on standard output. */
	void (*line)(void *data, const char *line);
	/*
	 * The script has ended with WAIT_STATUS (waitpid(2)), all of its lines were delivered, and
	 * no process of its session is left. The struct may be freed.
	 */
	void (*ended)(void *data, int wait_status);
};

/* The absolute path of lab/NAME. The caller frees it. */
char *lab_script_path(const char *name);

/*
 * The environment of scripts. FERRY_BUILD tells them where make has put the files that they use.
 * The caller frees it with g_strfreev().
 */
char **lab_script_environment(void);

/*
 * Starts the script with ARGUMENTS, which begin with its path and end with NULL. Its stderr is
 * appended to the file ERRORS_PATH; NULL stands for ours. The listener is called from the main
 * loop. NULL and ERROR on failure.
 */
struct lab_script *lab_script_start(char **arguments, const char *errors_path,
				    const struct lab_script_listener *listener, void *data,
				    GError **error);

/* Ends the script, if it still runs, and every process of its session. */
void lab_script_free(struct lab_script *script);

/*
 * Starts a script as above, and returns when it has ended, with its *WAIT_STATUS. LINE may be NULL.
 * FALSE and ERROR if it cannot be started; FALSE without ERROR after an interrupt, which ends it.
 */
gboolean lab_script_run(char **arguments, const char *errors_path,
			void (*line)(void *data, const char *line), void *data, int *wait_status,
			GError **error);

#endif
