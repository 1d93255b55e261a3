// SPDX-License-Identifier: GPL-2.0-or-later
/* What a run still has to do. See outlook.h. */
#include "lab/kinds.h"
#include "run/outlook.h"
#include "run/share.h"
#include "run/time-left.h"

/* A kernel that is there is found sooner. After this time it is being built or downloaded. */
#define KERNEL_FOUND_SECONDS 3

enum stage { WAITS_FOR_KERNEL, WAITS_FOR_SLOT, BOOTS, RUNS, ENDED };

struct outlook_lab {
	struct outlook *outlook;
	const char *host;
	unsigned number;
	enum stage stage;
	gint64 since; /* the stage began; monotonic time */
};

struct entry {
	struct outlook_lab *lab; /* NULL: on this machine */
	double expected;
	double share; /* of its host that it keeps busy */
	gint64 began; /* monotonic time; 0: it waits */
};

struct outlook {
	struct durations *durations;
	unsigned slots;
	GHashTable *entries; /* struct test_case -> struct entry; those without a verdict */
	GPtrArray *labs;     /* of struct outlook_lab */
	struct time_left left;
	struct forecast forecast;
};

static double seconds_since(gint64 time)
{
	return (double)(g_get_monotonic_time() - time) / G_USEC_PER_SEC;
}

/*
 * A host runs as many vCPUs of guests at a time as it has CPUs, so a guest with fewer keeps only a
 * part of it busy.
 */
static double share_of_host(const struct outlook *outlook, const struct test_case *test_case)
{
	const struct lab_kind *kind = lab_kind_find(test_case->host);
	double cpus = kind ? kind->cpus : outlook->slots;

	return MIN(test_case->program->smp, cpus) / cpus;
}

/* The seconds that a case keeps its host busy: all of this machine, or all of a lab. */
static double host_seconds(void *data, const struct test_case *test_case)
{
	struct outlook *outlook = data;

	return expected_seconds(outlook->durations, test_case, NULL) *
	       share_of_host(outlook, test_case);
}

static double boot_seconds(void *data, const char *host)
{
	return expected_boot_seconds(((struct outlook *)data)->durations, host);
}

GPtrArray *outlook_share_out(struct outlook *outlook, GPtrArray *cases)
{
	const struct share_costs costs = { host_seconds, boot_seconds, outlook };

	return share_out(cases, outlook->slots, &costs);
}

/* ---- what happens ---- */

static void add(struct outlook *outlook, const struct test_case *test_case, struct outlook_lab *lab)
{
	struct entry *entry = g_new0(struct entry, 1);

	entry->lab = lab;
	entry->expected =
		test_case->skip_reason ? 0 : expected_seconds(outlook->durations, test_case, NULL);
	entry->share = share_of_host(outlook, test_case);
	g_hash_table_insert(outlook->entries, (gpointer)test_case, entry);
}

void outlook_add_local(struct outlook *outlook, const struct test_case *test_case)
{
	add(outlook, test_case, NULL);
}

static void enter(struct outlook_lab *lab, enum stage stage)
{
	lab->stage = stage;
	lab->since = g_get_monotonic_time();
}

struct outlook_lab *outlook_add_lab(struct outlook *outlook, const char *host, unsigned number,
				    const GPtrArray *cases)
{
	struct outlook_lab *lab = g_new0(struct outlook_lab, 1);

	lab->outlook = outlook;
	lab->host = host;
	lab->number = number;
	enter(lab, WAITS_FOR_KERNEL);
	g_ptr_array_add(outlook->labs, lab);
	for (guint i = 0; i < cases->len; i++)
		add(outlook, cases->pdata[i], lab);
	return lab;
}

void outlook_lab_has_kernel(struct outlook_lab *lab)
{
	enter(lab, WAITS_FOR_SLOT);
}

void outlook_lab_boots(struct outlook_lab *lab)
{
	enter(lab, BOOTS);
}

void outlook_lab_ended(struct outlook_lab *lab)
{
	enter(lab, ENDED);
}

void outlook_started(struct outlook *outlook, const struct test_case *test_case)
{
	struct entry *entry = g_hash_table_lookup(outlook->entries, test_case);

	if (!entry)
		return;
	entry->began = g_get_monotonic_time();
	if (entry->lab && entry->lab->stage == BOOTS) {
		time_left_ended(&outlook->left,
				expected_boot_seconds(outlook->durations, entry->lab->host),
				seconds_since(entry->lab->since));
		enter(entry->lab, RUNS);
	}
}

/* The time of a case that did not end well says nothing about the others. */
void outlook_ended(struct outlook *outlook, const struct result *result)
{
	struct entry *entry = g_hash_table_lookup(outlook->entries, result->test_case);

	if (!entry)
		return;
	if (entry->began && (result->verdict == VERDICT_PASS || result->verdict == VERDICT_XFAIL))
		time_left_ended(&outlook->left, entry->expected, result->duration_ns / 1e9);
	g_hash_table_remove(outlook->entries, result->test_case);
}

gint64 outlook_elapsed(struct outlook *outlook, const struct test_case *test_case)
{
	const struct entry *entry = g_hash_table_lookup(outlook->entries, test_case);

	return entry && entry->began ? g_get_monotonic_time() - entry->began : 0;
}

/* ---- what is left ---- */

static double rest_of(const struct outlook *outlook, const struct entry *entry)
{
	double expected = entry->expected;

	if (!entry->began)
		return expected * time_left_pace(&outlook->left);
	return time_left_of(&outlook->left, expected, seconds_since(entry->began));
}

static double rest_of_boot(const struct outlook *outlook, const struct outlook_lab *lab)
{
	double expected = expected_boot_seconds(outlook->durations, lab->host);

	if (lab->stage >= RUNS)
		return 0;
	return time_left_of(&outlook->left, expected,
			    lab->stage == BOOTS ? seconds_since(lab->since) : 0);
}

/* Adds to MACHINES the seconds left of each lab whose stage is from FIRST to LAST. */
static void add_rests(struct outlook *outlook, GHashTable *rests, enum stage first, enum stage last,
		      GArray *machines)
{
	for (guint i = 0; i < outlook->labs->len; i++) {
		const struct outlook_lab *lab = outlook->labs->pdata[i];
		const double *rest = g_hash_table_lookup(rests, lab);
		double seconds = rest_of_boot(outlook, lab) + (rest ? *rest : 0);

		if (lab->stage >= first && lab->stage <= last)
			g_array_append_val(machines, seconds);
	}
}

static void add_to_lab(GHashTable *rests, struct outlook_lab *lab, double seconds)
{
	double *rest = g_hash_table_lookup(rests, lab);

	if (!rest) {
		rest = g_new0(double, 1);
		g_hash_table_insert(rests, lab, rest);
	}
	*rest += seconds;
}

static double compute(struct outlook *outlook)
{
	g_autoptr(GHashTable) rests = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	g_autoptr(GArray) machines = g_array_new(FALSE, FALSE, sizeof(double));
	double local = 0, longest = 0;
	GHashTableIter iterator;
	gpointer value;
	guint running;

	g_hash_table_iter_init(&iterator, outlook->entries);
	while (g_hash_table_iter_next(&iterator, NULL, &value)) {
		const struct entry *entry = value;
		double rest = rest_of(outlook, entry);

		longest = MAX(longest, rest);
		if (entry->lab)
			add_to_lab(rests, entry->lab, rest * entry->share);
		else
			local += rest * entry->share * outlook->slots;
	}
	add_rests(outlook, rests, BOOTS, RUNS, machines);
	running = machines->len;
	add_rests(outlook, rests, WAITS_FOR_KERNEL, WAITS_FOR_SLOT, machines);
	return time_left_until_done((double *)machines->data, machines->len, running, local,
				    longest, outlook->slots);
}

/* ---- for reports ---- */

static double case_seconds(void *data, const struct test_case *test_case)
{
	struct outlook *outlook = data;
	const struct entry *entry = g_hash_table_lookup(outlook->entries, test_case);

	return entry ? entry->expected : expected_seconds(outlook->durations, test_case, NULL);
}

static double seconds_left(void *data)
{
	struct outlook *outlook = data;

	if (!g_hash_table_size(outlook->entries))
		return 0;
	return time_left_tell(&outlook->left, compute(outlook), seconds_since(0));
}

/* "getting the labs' kernel for 70 s": once, since all labs wait for the same one. */
static gboolean describe_kernel(const struct outlook *outlook, GString *text)
{
	for (guint i = 0; i < outlook->labs->len; i++) {
		const struct outlook_lab *lab = outlook->labs->pdata[i];

		if (lab->stage != WAITS_FOR_KERNEL ||
		    seconds_since(lab->since) < KERNEL_FOUND_SECONDS)
			continue;
		g_string_append_printf(text, "getting the labs' kernel for %.0f s",
				       seconds_since(lab->since));
		return TRUE;
	}
	return FALSE;
}

static void describe(void *data, GString *text)
{
	struct outlook *outlook = data;
	gboolean separate = describe_kernel(outlook, text);

	for (guint i = 0; i < outlook->labs->len; i++) {
		const struct outlook_lab *lab = outlook->labs->pdata[i];

		if (lab->stage != BOOTS)
			continue;
		g_string_append_printf(text, "%s%s lab", separate ? ", " : "", lab->host);
		if (lab->number > 1)
			g_string_append_printf(text, " %u", lab->number);
		g_string_append_printf(text, " boots %.0f of %.0f s", seconds_since(lab->since),
				       expected_boot_seconds(outlook->durations, lab->host));
		separate = TRUE;
	}
}

const struct forecast *outlook_forecast(struct outlook *outlook)
{
	return &outlook->forecast;
}

struct outlook *outlook_new(struct durations *durations, unsigned slots)
{
	struct outlook *outlook = g_new0(struct outlook, 1);

	outlook->durations = durations;
	outlook->slots = slots;
	outlook->entries = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	outlook->labs = g_ptr_array_new_with_free_func(g_free);
	outlook->forecast = (struct forecast){
		.case_seconds = case_seconds,
		.seconds_left = seconds_left,
		.describe = describe,
		.data = outlook,
	};
	return outlook;
}

void outlook_free(struct outlook *outlook)
{
	g_hash_table_unref(outlook->entries);
	g_ptr_array_unref(outlook->labs);
	g_free(outlook);
}

/* ---- before a run ---- */

double outlook_total(struct durations *durations, GPtrArray *cases, unsigned slots)
{
	struct outlook *outlook = outlook_new(durations, slots);
	g_autoptr(GPtrArray) shares = outlook_share_out(outlook, cases);
	double seconds;

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		if (g_str_equal(test_case->host, "local") && !test_case->skip_reason)
			outlook_add_local(outlook, test_case);
	}
	for (guint i = 0; i < shares->len; i++) {
		const struct share *share = shares->pdata[i];

		outlook_add_lab(outlook, share->host, 1, share->cases);
	}
	seconds = compute(outlook);
	outlook_free(outlook);
	return seconds;
}
