// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry`: finds the subcommand, and what subcommands share. */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "run/known-issues.h"
#include "util/kvm.h"
#include "util/paths.h"
#include "util/text.h"

static const struct command *const commands[] = { &list_command, &run_command, &lab_command,
						  &corpus_command };

int usage_error(const char *format, ...)
{
	va_list arguments;

	fputs("ferry: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return EXIT_USAGE;
}

struct suite *load_suite(const char *suite_option, const char *bindir_option, GError **error)
{
	g_autofree char *path = suite_option ? g_strdup(suite_option) : source_path("unittests.cfg");
	g_autofree char *bindir = NULL;
	struct suite *suite;

	if (bindir_option)
		bindir = g_strdup(bindir_option);
	else
		bindir = suite_option ? g_path_get_dirname(path) : build_path("x86");
	suite = suite_load(path, bindir, suite_option != NULL, error);
	if (suite && suite->warnings)
		fprintf(stderr, "%s\n", suite->warnings);
	return suite;
}

GPtrArray *load_known_issues(GError **error)
{
	g_autofree char *path = source_path("known-issues.cfg");

	return known_issues_load(path, error);
}

const char *choose_accel(const char *option, GError **error)
{
	if (!option)
		return kvm_problem() ? "tcg" : "kvm";
	if (g_str_equal(option, "tcg"))
		return "tcg";
	if (!g_str_equal(option, "kvm"))
		g_set_error(error, FERRY_ERROR, 0, "--accel is kvm or tcg, not '%s'", option);
	else if (kvm_problem())
		g_set_error(error, FERRY_ERROR, 0, "--accel kvm: %s", kvm_problem());
	else
		return "kvm";
	return NULL;
}

static int print_usage(FILE *stream)
{
	fputs("Usage: ferry COMMAND [ARGUMENT...]\n\n", stream);
	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		fprintf(stream, "  ferry %-6s %s\n", commands[i]->name, commands[i]->about);
	fputs("\n'ferry COMMAND --help' tells more.\n", stream);
	return stream == stdout ? EXIT_ALL_PASSED : EXIT_USAGE;
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
