// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry`: finds the subcommand. */
#include <locale.h>
#include <stdio.h>

#include "cli/command.h"
#include "util/text.h"
#include "util/version.h"

static const struct command *const commands[] = {
	&list_command,	  &run_command,	   &lab_command,    &corpus_command, &results_command,
	&compare_command, &report_command, &bisect_command, &merge_command
};

static int print_usage(FILE *stream)
{
	/*
	 * scripts/make-man makes a man page of this text. The page takes its title from the third
	 * line.
	 */
	fputs("Usage: ferry COMMAND [ARGUMENT...]\n\n"
	      "Tests KVM and QEMU by migrating guests while they work.\n\n",
	      stream);
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(stream, "  ferry %-7s %s\n", commands[i]->name, commands[i]->about);
	fputs("\n'ferry COMMAND --help' tells more, and 'ferry --version' which ferry this is.\n"
	      "Defaults of your own for 'ferry run' may be in ~/.config/ferry/config; its --help tells how.\n",
	      stream);
	return stream == stdout ? EXIT_ALL_PASSED : EXIT_USAGE;
}

static int print_version(void)
{
	printf(*ferry_commit ? "ferry %s (%s)\n" : "ferry %s\n", ferry_release, ferry_commit);
	return EXIT_ALL_PASSED;
}

int main(int argc, char **argv)
{
	const char *names[G_N_ELEMENTS(commands) + 1] = { NULL };
	g_autofree char *suggestion = NULL;

	setlocale(LC_ALL, "");
	if (argc < 2)
		return print_usage(stderr);
	if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))
		return print_usage(stdout);
	if (g_str_equal(argv[1], "--version"))
		return print_version();
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
		names[i] = commands[i]->name;
		if (g_str_equal(argv[1], names[i])) {
			g_autofree char *program = g_strconcat("ferry ", names[i], NULL);

			g_set_prgname(program); /* for --help */
			return commands[i]->run(argc - 1, argv + 1);
		}
	}
	suggestion = text_suggest(argv[1], names);
	return usage_error("unknown command '%s'%s", argv[1], suggestion);
}
