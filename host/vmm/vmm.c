// SPDX-License-Identifier: GPL-2.0-or-later
/* Code that is the same for every VMM. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "util/text.h"
#include "vmm/vmm.h"

void vmm_programs_clear(struct vmm_programs *programs)
{
	g_free(programs->binary);
	g_free(programs->other_binary);
	g_free(programs->types.q35);
	g_free(programs->types.pc);
}

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

/* ---- a command for people ---- */

static gboolean needs_quotes(const char *word)
{
	return !*word || strpbrk(word, " \t\n'\"\\$`*?[]{}()<>|&;#~");
}

gboolean vm_write_command(const struct vm_config *config, const GPtrArray *arguments,
			  GError **error)
{
	GString *text =
		g_string_new(config->machine.options & OPTION_NO_RANDOM ? "setarch -R " : NULL);
	struct log_file *log = log_file_create(config->endpoint.command_path, error);
	gboolean written = FALSE;

	for (guint i = 0; log && i < arguments->len; i++) {
		const char *word = arguments->pdata[i];
		g_autofree char *quoted = needs_quotes(word) ? g_shell_quote(word) : g_strdup(word);

		g_string_append_printf(text, "%s%s", i ? " " : "", quoted);
	}
	g_string_append_c(text, '\n');
	if (log) {
		log_file_write(log, text->str, text->len);
		written = !log_file_problem(log);
		if (!written)
			g_set_error_literal(error, FERRY_ERROR, 0, log_file_problem(log));
		log_file_close(log);
	}
	g_string_free(text, TRUE);
	return written;
}
