// SPDX-License-Identifier: GPL-2.0-or-later
/* Cases. See test-case.h; run/select.c makes them. */
#include "suite/firmware.h"
#include "suite/test-case.h"

/* With two busy labs and as much other work on two CPUs, starting a VMM took four times as long. */
#define EMULATED_HOST_FACTOR 4
/*
 * Programs of other suites have limits for a guest that is left alone. A guest that is migrated
 * again and again, from its firmware on, took 40 times as long on a host whose KVM has no hardware,
 * and more beside other work.
 */
#define UNDER_WAY_FACTOR 10

/* For the start of UEFI firmware, which takes 2 s on a fast host. */
#define FIRMWARE_SECONDS 60

double case_limit_seconds(const struct test_case *test_case, const struct settings *wanted,
			  double timescale, gboolean emulated_host)
{
	double factor = timescale * (emulated_host ? EMULATED_HOST_FACTOR : 1) *
			(test_case->under_way ? UNDER_WAY_FACTOR : 1);

	return wanted->timeout ? wanted->timeout : test_case->program->timeout * factor;
}

double firmware_limit_seconds(const struct settings *wanted, double timescale,
			      gboolean emulated_host)
{
	if (firmware_of(wanted->firmware) == FIRMWARE_USUAL)
		return 0;
	return FIRMWARE_SECONDS * timescale * (emulated_host ? EMULATED_HOST_FACTOR : 1);
}

void test_case_free(struct test_case *test_case)
{
	g_free(test_case->name);
	g_free(test_case->log_name);
	g_free(test_case->why);
	g_free(test_case->skip_reason);
	g_free(test_case);
}
