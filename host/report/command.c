// SPDX-License-Identifier: GPL-2.0-or-later
/* The command that runs a case again. See command.h. */
#include <string.h>

#include "report/command.h"

/* What a shell takes as it is. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

static struct vmm_words (*vmm_words_of)(const char *vmm);

void command_ask_for_vmms(struct vmm_words (*words_of)(const char *vmm))
{
	vmm_words_of = words_of;
}

static void add_word(GString *command, const char *word)
{
	g_autofree char *quoted = NULL;

	if (!*word || word[strspn(word, PLAIN)])
		word = quoted = g_shell_quote(word);
	g_string_append_printf(command, " %s", word);
}

static void add_option(GString *command, const char *option, const char *value)
{
	if (!option || !value)
		return;
	g_string_append_printf(command, " %s", option);
	add_word(command, value);
}

char *command_again(const struct result *result)
{
	const struct environment *environment = result->environment;
	gboolean is_local = !g_strcmp0(environment->host, "local");
	struct vmm_words words = { 0 };
	GString *command = g_string_new("ferry run");

	if (vmm_words_of)
		words = vmm_words_of(environment->vmm);
	add_word(command, result->test_case->program->name);
	add_option(command, "--plan", result->test_case->plan_name);
	if (!g_strcmp0(environment->accel, "tcg"))
		add_option(command, "--accel", environment->accel);
	else
		add_option(command, "--host", environment->host);
	add_option(command, "--kvm", environment->kvm);
	if (!words.is_default)
		add_option(command, "--vmm", environment->vmm);
	/* A lab has programs of its own. */
	if (is_local) {
		add_option(command, words.binary, environment->binary);
		add_option(command, words.other_binary, environment->other_binary);
	}
	add_option(command, "--machine", environment->machine);
	for (char **word = environment->options; word && *word; word++)
		add_word(command, *word);
	g_string_append_printf(command, " --seed %u", environment->seed);
	return g_string_free(command, FALSE);
}
