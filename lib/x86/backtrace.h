/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who called whom, through frame pointers, as a STACK: line. */
#ifndef X86_BACKTRACE_H
#define X86_BACKTRACE_H

#include "exception.h"

/* From where an exception happened. */
void backtrace_exception(const struct ex_regs *regs);
/* From the caller's caller. */
void backtrace_here(void);
/*
 * Fills addresses[], innermost first, beginning with the return address in
 * `frame`; returns how many. Survives any frame pointer.
 */
int backtrace_walk(u64 frame, u64 *addresses, int most);

#endif
