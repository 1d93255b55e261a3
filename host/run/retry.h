/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Further attempts at cases that fail (--retry). A case that fails first and then does not is
 * FLAKY, which is no pass. Known failures are no reason to try again.
 */
#ifndef FERRY_HOST_RUN_RETRY_H
#define FERRY_HOST_RUN_RETRY_H

#include "report/result.h"

struct retries;

/* MOST further attempts at each case; 0: none. */
struct retries *retries_new(unsigned most);
void retries_free(struct retries *retries);

/* Which attempt at the case is the next, from 1. */
unsigned retries_attempt(const struct retries *retries, const struct test_case *test_case);

/*
 * An attempt has ended with RESULT, known issues applied, which now belongs to the callee. Returns
 * the result of the case, or NULL if the case is to be tried again.
 */
struct result *retries_take(struct retries *retries, struct result *result);

#endif
