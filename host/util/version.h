/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which Ferry this is. */
#ifndef FERRY_HOST_UTIL_VERSION_H
#define FERRY_HOST_UTIL_VERSION_H

/* What `git describe` said when the runner was built: "3a83808", "3a83808-dirty"; or "unknown". */
extern const char ferry_version[];

#endif
