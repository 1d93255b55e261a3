/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the report for KCIDB says besides the results: whose they are, and of which kernel. */
#ifndef FERRY_HOST_REPORT_KCIDB_H
#define FERRY_HOST_REPORT_KCIDB_H

#include <glib.h>

/*
 * ORIGIN is the name of the CI system, of small letters, digits and '_'; NULL: "ferry". BUILD is
 * the ID of the build that is tested, "ORIGIN:...", of which somebody else reports; NULL: the
 * report has a build for each kernel release. Both outlive the report. FALSE and ERROR if KCIDB
 * does not take one of them.
 */
gboolean kcidb_set_names(const char *origin, const char *build, GError **error);

#endif
