/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the report for KCIDB says besides the results: which CI system ran, and on which build. */
#ifndef FERRY_HOST_REPORT_KCIDB_H
#define FERRY_HOST_REPORT_KCIDB_H

#include <glib.h>

/*
 * ORIGIN is the name of the CI system, made of small letters, digits and '_'; NULL: "ferry". BUILD
 * is the ID of the tested build, "ORIGIN:...", which somebody else reports; NULL: the report has a
 * build for each kernel release. Both strings must outlive the report. Returns FALSE and sets ERROR
 * if KCIDB does not take one of them.
 */
gboolean kcidb_set_names(const char *origin, const char *build, GError **error);

#endif
