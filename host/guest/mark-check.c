// SPDX-License-Identifier: GPL-2.0-or-later
/* Hands each mark to the check that it is for. See mark-check.h. */
#include "guest/mark-check.h"

gboolean mark_check(struct clock_check *clock, struct disk_check *disk,
		    const struct machine_line *line, char **problem)
{
	const char *name = machine_line_value(line, "name");

	*problem = NULL;
	if (!g_strcmp0(name, "clock"))
		*problem = clock_check_mark(clock, line);
	else if (disk && !g_strcmp0(name, "disk"))
		*problem = disk_check_mark(disk, line);
	else
		return FALSE;
	return TRUE;
}
