// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * `ferry lab`: the labs by hand. Each verb is a script below lab/, which this
 * replaces itself with.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "util/paths.h"
#include "util/text.h"

static const struct verb {
	const char *name;
	const char *script;
	const char *first_argument; /* or NULL */
	const char *about;
} verbs[] = {
	{ "kernel", "lab/build-kernel", NULL, "build the labs' kernel, and print where it is" },
	{ "shell", "lab/amd", "--shell", "a prompt inside the amd lab" },
	{ "run", "lab/amd", NULL, "run a command inside the amd lab: ferry lab run -- COMMAND..." },
	{ "intel", "lab/intel", NULL,
	  "run a command inside the intel lab: ferry lab intel -- COMMAND..." },
};

static int print_usage(FILE *stream)
{
	fputs("Usage: ferry lab VERB [ARGUMENT...]\n\n", stream);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		fprintf(stream, "  ferry lab %-7s %s\n", verbs[i].name, verbs[i].about);
	fputs("\n'ferry lab VERB --help' tells more, and so does docs/labs.md.\n", stream);
	return stream == stdout ? EXIT_ALL_PASSED : EXIT_USAGE;
}

static int replace_by(const struct verb *verb, char **rest)
{
	g_autofree char *path = source_path(verb->script);
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();

	g_ptr_array_add(arguments, path);
	if (verb->first_argument)
		g_ptr_array_add(arguments, (gpointer)verb->first_argument);
	for (; *rest; rest++)
		g_ptr_array_add(arguments, *rest);
	g_ptr_array_add(arguments, NULL);
	execv(path, (char **)arguments->pdata);
	return usage_error("cannot run %s: %s", path, g_strerror(errno));
}

static int lab(int argc, char **argv)
{
	const char *names[G_N_ELEMENTS(verbs) + 1] = { NULL };
	g_autofree char *suggestion = NULL;

	if (argc < 2)
		return print_usage(stderr);
	if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h"))
		return print_usage(stdout);
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		names[i] = verbs[i].name;
		if (g_str_equal(argv[1], names[i]))
			return replace_by(&verbs[i], argv + 2);
	}
	suggestion = text_suggest(argv[1], names);
	return usage_error("unknown verb '%s'%s", argv[1], suggestion);
}

const struct command lab_command = {
	.name = "lab",
	.about = "build a lab's kernel, or look inside a lab",
	.run = lab,
};
