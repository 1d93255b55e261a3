// SPDX-License-Identifier: GPL-2.0-or-later
/* See message.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "message.h"

#define LONGEST_LINE 1024

static void (*tell_death)(const char *text);

void message_tell_deaths(void (*tell)(const char *text))
{
	tell_death = tell;
}

/* One write(2), so that lines of several threads and processes do not mix. */
static void print(const char *format, va_list arguments)
{
	char line[LONGEST_LINE];
	int length = snprintf(line, sizeof(line), "ferry-vmm: ");

	length += vsnprintf(line + length, sizeof(line) - length - 1, format, arguments);
	if (length > LONGEST_LINE - 2)
		length = LONGEST_LINE - 2;
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* there is no other place to say so */
}

void message(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
}

void die(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
	if (tell_death) {
		char text[LONGEST_LINE];

		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
		tell_death(text);
	}
	/* Other threads may hold locks of libc, so nothing is cleaned up here. */
	_exit(status);
}

void *allocate(unsigned long size)
{
	void *memory = calloc(1, size);

	if (!memory)
		die(STATUS_SETUP, "no memory left: %lu bytes wanted", size);
	return memory;
}

void *reallocate(void *memory, unsigned long size)
{
	memory = realloc(memory, size);
	if (!memory)
		die(STATUS_SETUP, "no memory left: %lu bytes wanted", size);
	return memory;
}
