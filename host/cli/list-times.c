// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry list --times`. See list-times.h. */
#include <stdio.h>
#include <string.h>

#include "cli/list-times.h"
#include "run/environment.h"
#include "run/outlook.h"
#include "util/text.h"
#include "vmm/vmm.h"

/* The total is told for this many CPUs, and for those of this machine. */
#define FEW_CPUS 2

static const char *source_name(enum duration_source source)
{
	static const char *const names[] = {
		[DURATION_GUESSED] = "guessed",
		[DURATION_BUILT_IN] = "built in",
		[DURATION_MEASURED] = "measured here",
	};

	return names[source];
}

static int longest_name(const GPtrArray *cases)
{
	int longest = 0;

	for (guint i = 0; i < cases->len; i++)
		longest = MAX(longest,
			      (int)strlen(((const struct test_case *)cases->pdata[i])->name));
	return longest;
}

static void print_case(struct durations *durations, const struct test_case *test_case, int width)
{
	enum duration_source source;
	double seconds = expected_seconds(durations, test_case, &source);
	const char *host = test_case->host;
	gboolean local = g_str_equal(host, "local");

	if (test_case->skip_reason)
		printf("%-*s       -  skips here\n", width, test_case->name);
	else
		printf("%-*s %5.*f s  %-13s  %s%s%s\n", width, test_case->name, seconds < 10,
		       seconds, source_name(source), local ? "" : "in the ", host,
		       local ? "" : " lab");
}

static void print_total(struct durations *durations, GPtrArray *cases, unsigned cpus)
{
	g_autofree char *total = text_rough_duration(outlook_total(durations, cases, cpus));

	printf("%u case%s: about %s on %u CPU%s\n", cases->len, cases->len == 1 ? "" : "s", total,
	       cpus, cpus == 1 ? "" : "s");
}

void list_times(GPtrArray *cases, const char *accel)
{
	struct environment *here = environment_here(vmms[0]->name, NULL, NULL, accel, 0);
	struct durations *durations = durations_open(here, NULL);
	int width = longest_name(cases);

	for (guint i = 0; i < cases->len; i++)
		print_case(durations, cases->pdata[i], width);
	print_total(durations, cases, FEW_CPUS);
	if (g_get_num_processors() != FEW_CPUS)
		print_total(durations, cases, g_get_num_processors());
	durations_close(durations);
	environment_free(here);
}
