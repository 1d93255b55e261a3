// SPDX-License-Identifier: GPL-2.0-or-later
/* Adds up what results tell of their run. See run-facts.h. */
#include "report/run-facts.h"
#include "util/text.h"

/* Names of cases without a verdict that are told; the others are counted. */
#define MOST_NOT_RUN 10

struct run_facts *run_facts_new(void)
{
	struct run_facts *facts = g_new0(struct run_facts, 1);

	facts->places = g_ptr_array_new_with_free_func(g_free);
	facts->not_run = g_ptr_array_new_with_free_func(g_free);
	return facts;
}

void run_facts_free(struct run_facts *facts)
{
	g_ptr_array_unref(facts->places);
	g_ptr_array_unref(facts->not_run);
	g_free(facts->why_not_run);
	g_free(facts->ferry);
	g_free(facts);
}

static void add(GString *text, const char *before, const char *value)
{
	if (value)
		g_string_append_printf(text, "%s%s", before, value);
}

/* "amd: qemu 7.2.22, kvm with npt=0, Linux 6.1.0, AMD EPYC, clock tsc" */
static char *describe_place(const struct result *result)
{
	const struct environment *environment = result->environment;
	GString *text = g_string_new(environment->host);

	add(text, ": ", environment->vmm ? environment->vmm : "?");
	add(text, " ", result->vmm_version);
	add(text, " and ", result->other_vmm_version);
	add(text, ", ", environment->accel);
	add(text, " with ", environment->kvm);
	add(text, ", Linux ", environment->kernel);
	add(text, ", ", environment->cpu);
	add(text, ", clock ", environment->clock);
	return g_string_free(text, FALSE);
}

/* Cases that never ran tell no version, and would be a place of their own. */
static void add_place(struct run_facts *facts, const struct result *result)
{
	g_autofree char *place = NULL;

	if (!result->vmm_version)
		return;
	place = describe_place(result);
	if (!g_ptr_array_find_with_equal_func(facts->places, place, g_str_equal, NULL))
		g_ptr_array_add(facts->places, g_steal_pointer(&place));
}

void run_facts_add(struct run_facts *facts, const struct result *result)
{
	const struct environment *environment = result->environment;

	facts->cases++;
	counts_add(&facts->counts, result);
	add_place(facts, result);
	if (result->started && (!facts->started || result->started < facts->started))
		facts->started = result->started;
	facts->ended = MAX(facts->ended, result->started + result->duration_ns);
	if (!facts->ferry)
		facts->ferry = g_strdup(environment->ferry);
	facts->seed = environment->seed;
	/* The number is of all shards, and one file has the cases of one. */
	facts->run_cases = environment->shard ? 0 : environment->run_cases;
}

void run_facts_add_not_run(struct run_facts *facts, const char *name, const char *why)
{
	g_ptr_array_add(facts->not_run, g_strdup(name));
	if (!facts->why_not_run)
		facts->why_not_run = g_strdup(why);
}

guint run_facts_missing(const struct run_facts *facts)
{
	/* A runner that was killed could not tell. */
	return facts->not_run->len ? facts->not_run->len
				   : MAX(facts->run_cases, facts->cases) - facts->cases;
}

char *run_facts_ended_early(const struct run_facts *facts)
{
	guint missing = run_facts_missing(facts);
	GString *text;

	if (!missing)
		return NULL;
	text = g_string_new(NULL);
	if (facts->not_run->len)
		add(text, "", facts->why_not_run ? facts->why_not_run : "the run ended");
	else
		add(text, "", "the runner has not come to its end");
	g_string_append_printf(text, ": %u case%s no verdict", missing,
			       missing == 1 ? " has" : "s have");
	for (guint i = 0; i < MIN(facts->not_run->len, MOST_NOT_RUN); i++)
		add(text, i ? ", " : ": ", facts->not_run->pdata[i]);
	if (facts->not_run->len > MOST_NOT_RUN)
		g_string_append_printf(text, " and %u more", facts->not_run->len - MOST_NOT_RUN);
	return g_string_free(text, FALSE);
}

char *run_facts_headline(const struct run_facts *facts)
{
	guint red = counts_red(&facts->counts), missing = run_facts_missing(facts);

	if (!facts->cases)
		return g_strdup("There are no results");
	if (!red && missing)
		return g_strdup_printf("Nothing failed, but %u case%s no verdict", missing,
				       missing == 1 ? " has" : "s have");
	if (!red)
		return g_strdup("Nothing failed");
	return g_strdup_printf("%u of %u case%s failed", red, facts->cases,
			       facts->cases == 1 ? "" : "s");
}

char *run_facts_when(const struct run_facts *facts)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(facts->started / 1000000000);
	g_autofree char *when = time ? g_date_time_format(time, "%Y-%m-%d %H:%M UTC") : NULL;
	g_autofree char *took = text_rough_duration((facts->ended - facts->started) / 1e9);

	return facts->started && when ? g_strdup_printf("%s, took %s", when, took) : NULL;
}
