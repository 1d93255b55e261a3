// SPDX-License-Identifier: GPL-2.0-or-later
/* The first line of a run. See first-line.h. */
#include "report/first-line.h"

#define LOCAL "local"

/* Counts cases by the place where they run, in the order in which the places come up. */
struct place {
	const char *host; /* as in struct test_case; NULL: the case can run nowhere */
	guint cases;
};

static void count_in(GArray *places, const char *host)
{
	struct place place = { .host = host, .cases = 1 };

	for (guint i = 0; i < places->len; i++) {
		struct place *known = &g_array_index(places, struct place, i);

		if (!g_strcmp0(known->host, host)) {
			known->cases++;
			return;
		}
	}
	g_array_append_val(places, place);
}

static GArray *count_places(const GPtrArray *cases)
{
	GArray *places = g_array_new(FALSE, FALSE, sizeof(struct place));

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		count_in(places, test_case->skip_reason ? NULL : test_case->host);
	}
	return places;
}

/* " on local", " in the amd lab" or " skipped" */
static void add_place(GString *line, const char *host)
{
	if (!host)
		g_string_append(line, " skipped");
	else if (g_str_equal(host, LOCAL))
		g_string_append(line, " on " LOCAL);
	else
		g_string_append_printf(line, " in the %s lab", host);
}

static void add_places(GString *line, const GArray *places)
{
	for (guint i = 0; i < places->len; i++) {
		const struct place *place = &g_array_index(places, struct place, i);

		/* "14 cases on local", but "14 cases, 12 in the amd lab, 2 on local" */
		if (places->len > 1)
			g_string_append_printf(line, ", %u", place->cases);
		add_place(line, place->host);
	}
}

static gboolean some_run_here(const GArray *places)
{
	for (guint i = 0; i < places->len; i++)
		if (!g_strcmp0(g_array_index(places, struct place, i).host, LOCAL))
			return TRUE;
	return FALSE;
}

char *first_line(const struct environment *environment, const GPtrArray *cases)
{
	g_autoptr(GArray) places = count_places(cases);
	GString *line = g_string_new(NULL);

	g_string_append_printf(line, "%u case%s", cases->len, cases->len == 1 ? "" : "s");
	add_places(line, places);
	g_string_append_printf(line, ": %s, %s", environment->vmm, environment->accel);
	if (environment->firmware)
		g_string_append_printf(line, ", %s firmware", environment->firmware);
	if (environment->kvm)
		g_string_append_printf(line, " with %s", environment->kvm);
	/* A lab has a kernel, a CPU and a clock of its own. */
	if (some_run_here(places))
		g_string_append_printf(line, ", Linux %s, %s, clock %s", environment->kernel,
				       environment->cpu, environment->clock);
	g_string_append_printf(line, "; seed %u", environment->seed);
	return g_string_free(line, FALSE);
}
