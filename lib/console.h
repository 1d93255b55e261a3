/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's side of the console protocol (docs/protocol.md). Lines come out whole even if
 * several CPUs print at once: what a CPU prints is buffered until its line ends, or has
 * CONSOLE_LINE bytes.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "libcflat.h"

#define CONSOLE_LINE 512

/* Adds `length` bytes to this CPU's line. */
void console_write(const char *text, size_t length);

/*
 * Prints `@SEQUENCE+OFFSET verb TEXT` and returns the sequence number. `format` may be "". The
 * caller puts quotes around values that need them: docs/protocol.md, "Machine lines".
 */
u64 machine_line(const char *verb, const char *format, ...) __printf(2, 3);

/* Prints a `mark` line, which keeps figures in the log. `format` gives `KEY=VALUE ...`. */
void mark(const char *name, const char *format, ...) __printf(2, 3);

/*
 * Makes text fit to be a quoted value of a machine line: replaces quotes, backslashes and control
 * characters in place. Returns text.
 */
char *machine_value(char *text);

/* The next byte of input, or -1 if none has come. Does not wait. */
int console_read(void);

/*
 * Takes the console for this CPU for good, even from a CPU that holds it, so that the report of a
 * fatal error is printed.
 */
void console_seize(void);
/* Prints the `bye` line and SUMMARY, and leaves the guest. */
void console_exit(int status) __noreturn;
/* Calls console_exit(127), at the end of the report of a fatal error. */
void console_abort(void) __noreturn;

/* For tests of the protocol: raises the counts of bytes and lines, but sends nothing. */
void console_miscount(int bytes, int lines);
/* Sends and counts bytes that need not be a line. */
void console_raw(const char *bytes, size_t count);
/* Counts a newline that the caller sends by itself, to end a line begun by console_raw(). */
void console_newline_elsewhere(void);

/*
 * For the library: prints the `hello` line if nobody has. `tests` is the number of selected tests.
 */
void console_hello(int tests);

#endif
