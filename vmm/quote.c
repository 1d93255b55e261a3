// SPDX-License-Identifier: GPL-2.0-or-later
/* See quote.h. The runner reads lines as a shell does: host/vmm/native/line.c. */
#include <stdbool.h>

#include "quote.h"

void quote(char *quoted, size_t room, const char *text)
{
	const char *last = quoted + room - 1;

	for (; *text; text++) {
		bool special = *text == '"' || *text == '\\';

		if (quoted + special >= last)
			break;
		if (special)
			*quoted++ = '\\';
		*quoted++ = *text == '\n' ? ' ' : *text;
	}
	*quoted = '\0';
}
