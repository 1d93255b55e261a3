// SPDX-License-Identifier: GPL-2.0-or-later
/* Code that is the same for every VMM. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "vmm/vmm.h"

char *vm_exit_describe(const struct vm_exit *exit)
{
	gboolean killed = WIFSIGNALED(exit->wait_status) && WTERMSIG(exit->wait_status) == SIGKILL;
	/* A killed process says nothing: the last words in stderr are those of another VMM. */
	const char *words = exit->stderr_end && !killed ? exit->stderr_end : "";
	const char *colon = *words ? ": " : "";

	if (WIFSIGNALED(exit->wait_status))
		return g_strdup_printf("killed by signal %d (%s)%s%s", WTERMSIG(exit->wait_status),
				       strsignal(WTERMSIG(exit->wait_status)), colon, words);
	return g_strdup_printf("exit status %d%s%s", WEXITSTATUS(exit->wait_status), colon, words);
}
