/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of report formats. A new format is a file that defines `struct reporter NAME_reporter`,
 * and a line here; `ferry run` then has an option --NAME.
 *
 * If several that print to standard output were chosen, the first in this order is used.
 */
#ifndef FERRY_HOST_REPORT_TABLE_H
#define FERRY_HOST_REPORT_TABLE_H

#define FOR_EACH_REPORTER(REPORTER)                                                                \
	REPORTER(json)                                                                             \
	REPORTER(junit)                                                                            \
	REPORTER(kcidb)                                                                            \
	REPORTER(ktap)                                                                             \
	REPORTER(github)                                                                           \
	REPORTER(lava)                                                                             \
	REPORTER(stream)                                                                           \
	REPORTER(tap)                                                                              \
	REPORTER(plain)                                                                            \
	REPORTER(live)

#endif
