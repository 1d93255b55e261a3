// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry lab`: uses the labs by hand. Each verb executes a script below lab/ in place of ferry. The
 * verbs are those of the table, and the name of each lab.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "lab/kinds.h"
#include "lab/script.h"
#include "util/text.h"

struct verb {
	const char *name;
	const char *script;	    /* below lab/; NULL: that of the preferred lab */
	const char *first_argument; /* or NULL */
	const char *about;
};

static const struct verb verbs[] = {
	{ "kernel", "find-kernel", NULL, "find or build a kernel for labs, and print where it is" },
	{ "shell", NULL, "--shell", "a prompt inside the first lab" },
	{ "run", NULL, NULL, "run a command inside the first lab: ferry lab run -- COMMAND..." },
};

static int print_usage(FILE *stream)
{
	fputs("Usage: ferry lab VERB [ARGUMENT...]\n\n", stream);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		fprintf(stream, "  ferry lab %-7s %s\n", verbs[i].name, verbs[i].about);
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		fprintf(stream, "  ferry lab %-7s run a command inside the %s lab\n", kind->name,
			kind->name);
	fputs("\n'ferry lab VERB --help' tells more, and so does docs/labs.md.\n", stream);
	return stream == stdout ? EXIT_ALL_PASSED : EXIT_USAGE;
}

static int replace_by(const char *script, const char *first_argument, char **rest)
{
	g_autofree char *path = lab_script_path(script);
	g_auto(GStrv) environment = lab_script_environment();
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();

	g_ptr_array_add(arguments, path);
	if (first_argument)
		g_ptr_array_add(arguments, (gpointer)first_argument);
	for (; *rest; rest++)
		g_ptr_array_add(arguments, *rest);
	g_ptr_array_add(arguments, NULL);
	execve(path, (char **)arguments->pdata, environment);
	return usage_error("cannot run %s: %s", path, g_strerror(errno));
}

static int unknown_verb(const char *word)
{
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	g_autofree char *suggestion = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		g_ptr_array_add(known, (gpointer)verbs[i].name);
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		g_ptr_array_add(known, (gpointer)kind->name);
	g_ptr_array_add(known, NULL);
	suggestion = text_suggest(word, (const char *const *)known->pdata);
	return usage_error("unknown verb '%s'%s", word, suggestion);
}

static int lab(int argc, char **argv)
{
	if (argc < 2)
		return print_usage(stderr);
	if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))
		return print_usage(stdout);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		if (g_str_equal(argv[1], verbs[i].name))
			return replace_by(verbs[i].script ?: lab_kinds[0].name,
					  verbs[i].first_argument, argv + 2);
	if (lab_kind_find(argv[1]))
		return replace_by(argv[1], NULL, argv + 2);
	return unknown_verb(argv[1]);
}

const struct command lab_command = {
	.name = "lab",
	.about = "find or build a lab's kernel, or look inside a lab",
	.run = lab,
};
