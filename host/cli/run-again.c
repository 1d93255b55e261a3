// SPDX-License-Identifier: GPL-2.0-or-later
/* Options that a result keeps, so that a page can tell how to run a case again. */
#include "cli/run-again.h"

static void add(GStrvBuilder *words, const char *option, const char *value)
{
	if (!value)
		return;
	g_strv_builder_add(words, option);
	g_strv_builder_add(words, value);
}

static void add_number(GStrvBuilder *words, const char *option, int value, int usual)
{
	g_autofree char *text = g_strdup_printf("%d", value);

	if (value != usual)
		add(words, option, text);
}

char **run_again_words(const struct run_options *options)
{
	const struct settings *wanted = &options->wanted;
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	for (char **arg = wanted->args; arg && *arg; arg++)
		add(words, "--arg", *arg);
	add(words, "--firmware", wanted->firmware);
	add_number(words, "--memory", wanted->memory_mib, DEFAULT_MEMORY_MIB);
	add_number(words, "--moves", wanted->moves, DEFAULT_MOVES);
	add_number(words, "--timeout", wanted->timeout, 0);
	if (wanted->timescale) {
		char text[G_ASCII_DTOSTR_BUF_SIZE];

		add(words, "--timescale",
		    g_ascii_formatd(text, sizeof(text), "%g", wanted->timescale));
	}
	add(words, "--suite", wanted->suite);
	add(words, "--bindir", wanted->bindir);
	add(words, "--ferry-vmm", wanted->ferry_vmm);
	add(words, "--kernel", options->lab.kernel);
	add(words, "--modules", options->lab.modules);
	add(words, "--lab-clock", options->lab.clock);
	return g_strv_builder_end(words);
}
