// SPDX-License-Identifier: GPL-2.0-or-later
/* Leaving the guest. */
#include "backtrace.h"
#include "console.h"

void exit(int status)
{
	console_exit(status);
}

void abort(void)
{
	console_seize();
	backtrace_here();
	console_abort();
}
