// SPDX-License-Identifier: GPL-2.0-or-later
/* Tells the user why a subcommand cannot do what it was asked to do. See command.h. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/command.h"

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
