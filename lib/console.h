/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The console: docs/protocol.md, the guest's side. Lines come out whole, also
 * when several CPUs print at once. What a CPU prints waits until its line is
 * complete, or has grown to CONSOLE_LINE bytes.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "libcflat.h"

#define CONSOLE_LINE 512

/* Adds to this CPU's line. */
void console_write(const char *text, size_t length);

/*
 * Prints `@SEQUENCE+OFFSET verb TEXT`; returns the sequence number. format may
 * be "". The caller quotes values that need it.
 */
u64 machine_line(const char *verb, const char *format, ...) __printf(2, 3);

/* Prints a `mark` line: figures for the log. format: `KEY=VALUE ...`. */
void mark(const char *name, const char *format, ...) __printf(2, 3);

/*
 * Makes text fit for a machine line's value, in place: no quotes, backslashes or
 * control characters. Returns text.
 */
char *machine_value(char *text);

/* The next byte of input, or -1. */
int console_read(void);

/*
 * The console is this CPU's from now on, and nobody else's; whoever held it. For
 * the last words of a guest.
 */
void console_seize(void);
/* Prints `bye` and SUMMARY, leaves. */
void console_exit(int status) __noreturn;
/* console_exit(127), at the end of a report. */
void console_abort(void) __noreturn;

/* For the protocol's own tests: pretend to have sent `bytes` more, `lines` more. */
void console_miscount(int bytes, int lines);
/* Bytes that are no line, counted. */
void console_raw(const char *bytes, size_t count);
/* A newline is counted that the caller will send by itself, at the end of a line begun by
 * console_raw(). */
void console_newline_elsewhere(void);

/* For the library: says hello if nobody has. */
void console_hello(int tests);

#endif
