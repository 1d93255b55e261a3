/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backtraces by frame pointers, printed as a STACK: line (docs/protocol.md). */
#ifndef X86_BACKTRACE_H
#define X86_BACKTRACE_H

#include "exception.h"

/* Prints a backtrace from where an exception happened. */
void backtrace_exception(const struct ex_regs *regs);
/* Prints a backtrace that begins with the call of the function that calls this. */
void backtrace_here(void);
/*
 * Fills addresses[] with up to `most` return addresses, innermost first, beginning with the one in
 * `frame`. Returns how many there are. Any value of `frame` is safe.
 */
int backtrace_walk(u64 frame, u64 *addresses, int most);

#endif
