/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failures that are explained by a bug of an emulated CPU, or of certain versions of KVM or QEMU.
 * known-issues.cfg lists them.
 */
#ifndef FERRY_HOST_KNOWN_ISSUES_H
#define FERRY_HOST_KNOWN_ISSUES_H

#include "report/result.h"

/* An empty array, which the caller unrefs. */
GPtrArray *known_issues_new(void);

/*
 * The issues in the file PATH; the caller unrefs the array. It is empty if there is no such file.
 * NULL and ERROR if something in it is wrong.
 */
GPtrArray *known_issues_load(const char *path, GError **error);

/*
 * Words for a guest's command line: `expect=GLOB` for each test of the case that may fail as known
 * on HOST, whose kernel and accelerator ENVIRONMENT has (docs/protocol.md, "Command line"). The
 * version of the VMM is not known yet, so issues of all versions count. The caller frees the text.
 */
char *known_issues_expected(GPtrArray *issues, const struct test_case *test_case, const char *host,
			    const struct environment *environment);

/* Turns a failure that is known into XFAIL, and warns of a pass where a failure was expected. */
void known_issues_apply(GPtrArray *issues, struct result *result);

/* Makes an unexpected pass a failure, from now on. */
void known_issues_be_strict(GPtrArray *issues);

/*
 * Lines for the end of a run: issues that could have explained something in the results that were
 * applied, and never did, or not each time. An issue that shows only now and then is named only if
 * it never showed in many results. The caller frees the list with g_strfreev().
 */
char **known_issues_unmatched(GPtrArray *issues);

#endif
