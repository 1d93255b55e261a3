/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failures that are known and are not the guest's or the change's under test: of an
 * emulated CPU, or of a KVM or QEMU of certain versions. known-issues.cfg lists them.
 */
#ifndef FERRY_HOST_KNOWN_ISSUES_H
#define FERRY_HOST_KNOWN_ISSUES_H

#include "report/result.h"

/*
 * Reads PATH, a key file with one group an issue; its own head tells the
 * keys. A file that is not there holds no issues. NULL and ERROR if it is wrong.
 */
GPtrArray *known_issues_load(const char *path, GError **error);

/*
 * Turns a failure that is known into XFAIL, and warns of a pass where one was
 * known to fail.
 */
void known_issues_apply(GPtrArray *issues, struct result *result);

#endif
