// SPDX-License-Identifier: GPL-2.0-or-later
/* Cases. See test-case.h; run/select.c makes them. */
#include "suite/test-case.h"

double case_limit_seconds(const struct test_case *test_case, const struct settings *wanted,
			  double timescale)
{
	return wanted->timeout ? wanted->timeout : test_case->program->timeout * timescale;
}

void test_case_free(struct test_case *test_case)
{
	g_free(test_case->name);
	g_free(test_case->log_name);
	g_free(test_case->why);
	g_free(test_case->skip_reason);
	g_free(test_case);
}
