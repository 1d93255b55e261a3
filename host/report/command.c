// SPDX-License-Identifier: GPL-2.0-or-later
/* The command that runs a case again. See command.h. */
#include <string.h>

#include "report/command.h"

/* What a shell takes as it is. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

static void add_word(GString *command, const char *word)
{
	g_autofree char *quoted = NULL;

	if (!*word || word[strspn(word, PLAIN)])
		word = quoted = g_shell_quote(word);
	g_string_append_printf(command, " %s", word);
}

static void add_option(GString *command, const char *option, const char *value)
{
	if (!value)
		return;
	g_string_append_printf(command, " %s", option);
	add_word(command, value);
}

char *command_again(const struct result *result)
{
	const struct environment *environment = result->environment;
	gboolean is_local = !g_strcmp0(environment->host, "local");
	gboolean is_native = !g_strcmp0(environment->vmm, "native");
	GString *command = g_string_new("ferry run");

	add_word(command, result->test_case->program->name);
	add_option(command, "--plan", result->test_case->plan_name);
	if (!g_strcmp0(environment->accel, "tcg"))
		add_option(command, "--accel", environment->accel);
	else
		add_option(command, "--host", environment->host);
	add_option(command, "--kvm", environment->kvm);
	if (is_native)
		add_option(command, "--vmm", environment->vmm);
	/* A lab has programs of its own. */
	if (is_local && !is_native)
		add_option(command, "--qemu", environment->binary);
	if (is_local)
		add_option(command, "--qemu-dst", environment->other_binary);
	add_option(command, "--machine", environment->machine);
	for (char **word = environment->options; word && *word; word++)
		add_word(command, *word);
	g_string_append_printf(command, " --seed %u", environment->seed);
	return g_string_free(command, FALSE);
}
