// SPDX-License-Identifier: GPL-2.0-or-later
/* Results on standard output in the Test Anything Protocol, version 13. */
#include "report/reporter.h"
#include "util/text.h"

struct tap {
	guint number;
};

static void *tap_begin(const char *target, const struct environment *environment,
		       const GPtrArray *cases, GError **error)
{
	printf("TAP version 13\n1..%u\n", cases->len);
	return g_new0(struct tap, 1);
}

static void print_attempt(const struct attempt *attempt, guint number)
{
	printf("# attempt %u %s: %s\n", number, verdict_name(attempt->verdict), attempt->reason);
	if (attempt->logdir)
		printf("# attempt %u logs in %s\n", number, attempt->logdir);
}

static void tap_ended(void *data, const struct result *result)
{
	struct tap *tap = data;
	gboolean known = result->verdict == VERDICT_XFAIL;
	gboolean ok = result->verdict == VERDICT_PASS || result->verdict == VERDICT_SKIP;

	printf("%sok %u - %s", ok ? "" : "not ", ++tap->number, result->test_case->name);
	if (result->verdict == VERDICT_SKIP)
		printf(" # SKIP %s", result->reason);
	if (known)
		printf(" # TODO %s", result->reason);
	printf("\n");
	if (!ok)
		printf("# %s: %s\n", verdict_name(result->verdict), result->reason);
	for (guint i = 0; i < result->attempts->len; i++)
		print_attempt(result->attempts->pdata[i], i + 1);
	if (!ok && result->logdir)
		printf("# logs in %s\n", result->logdir);
	fflush(stdout);
}

static gboolean tap_end(void *data, guint not_run, const char *why, GError **error)
{
	g_free(data);
	if (not_run)
		printf("Bail out! %u cases have no verdict: %s\n", not_run, why);
	if (!fflush(stdout) && !ferror(stdout))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "cannot write to standard output");
	return FALSE;
}

const struct reporter tap_reporter = {
	.name = "tap",
	.about = "Print results in the Test Anything Protocol",
	.begin = tap_begin,
	.ended = tap_ended,
	.end = tap_end,
};
