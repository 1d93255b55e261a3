/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether standard output is a terminal that shows colours to someone who wants them. */
#ifndef FERRY_HOST_UTIL_COLOR_H
#define FERRY_HOST_UTIL_COLOR_H

#include <glib.h>

/* Standard output is a terminal on which the cursor can be moved. */
gboolean terminal_is_capable(void);
/* It is, and the user has not set NO_COLOR (no-color.org). */
gboolean color_is_wanted(void);

#endif
