/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one formatter behind printf, snprintf and the console's machine lines. */
#ifndef FORMAT_H
#define FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Takes the text in pieces, in order. */
typedef void (*format_write)(void *context, const char *text, size_t length);

/* Formats, calling write() for each piece; returns the length of the whole text in bytes. */
int format_text(format_write write, void *context, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

#endif
