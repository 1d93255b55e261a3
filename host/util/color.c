// SPDX-License-Identifier: GPL-2.0-or-later
/* Asks the terminal and the environment. See color.h. */
#include <unistd.h>

#include "util/color.h"

gboolean terminal_is_capable(void)
{
	return isatty(STDOUT_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
}

gboolean color_is_wanted(void)
{
	const char *no_color = g_getenv("NO_COLOR");

	return terminal_is_capable() && !(no_color && *no_color);
}
