// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Shares cases out among shards. See shard.h.
 *
 * Machines that know nothing of each other have to come to the same result, or a case would run
 * twice or never. So only names and durations.cfg count, which all of them have. What a machine
 * remembers of earlier runs, and where its cases run, does not count.
 *
 * A new case should move few others, or figures of one machine could not be compared from one week
 * to the next. Each case therefore has an order of preference among the shards, by a hash of its
 * name and the shard's number (rendezvous hashing). It goes to the first of these that is not full.
 * A shard is full when it would exceed the average by a tenth (as in "Consistent Hashing with
 * Bounded Loads", Mirrokni, Thorup and Zadimoghaddam, 2016). A new case raises the average a little
 * and fills one shard a little more, so that only cases near these limits move. Long cases choose
 * first, since short ones fit anywhere.
 *
 * Programs with nested guests run on this machine or in a lab, at very different speeds. They are
 * shared out by themselves, so that it does not matter how their durations compare with others'.
 */
#include "lab/kinds.h"
#include "run/durations.h"
#include "run/shard.h"
#include "util/text.h"

/* How far a shard may exceed the average. */
#define ROOM 1.1

/* The hash must be the same everywhere and for ever, which g_str_hash() does not promise. */
static guint64 preference(const char *name, unsigned shard)
{
	g_autofree char *text = g_strdup_printf("%s %u", name, shard);
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	sum[16] = '\0';
	return g_ascii_strtoull(sum, NULL, 16);
}

static unsigned choose(const struct share_of_shard *item, const double *loads, unsigned count,
		       double limit)
{
	unsigned best = 0, emptiest = 1;
	guint64 best_preference = 0;

	for (unsigned shard = 1; shard <= count; shard++) {
		guint64 here = preference(item->name, shard);

		if (loads[shard] < loads[emptiest])
			emptiest = shard;
		if (loads[shard] + item->seconds > limit || (best && here <= best_preference))
			continue;
		best = shard;
		best_preference = here;
	}
	return best ? best : emptiest;
}

static int compare_items(gconstpointer a, gconstpointer b)
{
	const struct share_of_shard *x = *(struct share_of_shard *const *)a;
	const struct share_of_shard *y = *(struct share_of_shard *const *)b;

	if (x->seconds != y->seconds)
		return x->seconds > y->seconds ? -1 : 1;
	return g_strcmp0(x->name, y->name);
}

static void assign_kind(GPtrArray *items, unsigned count)
{
	g_autofree double *loads = g_new0(double, count + 1);
	double limit = 0;

	for (guint i = 0; i < items->len; i++)
		limit += ((struct share_of_shard *)items->pdata[i])->seconds * ROOM / count;
	g_ptr_array_sort(items, compare_items);
	for (guint i = 0; i < items->len; i++) {
		struct share_of_shard *item = items->pdata[i];

		item->shard = choose(item, loads, count, limit);
		loads[item->shard] += item->seconds;
	}
}

void shard_assign(struct share_of_shard *items, guint length, unsigned count)
{
	for (guint i = 0; i < length; i++)
		items[i].shard = 0;
	for (guint i = 0; i < length; i++) {
		g_autoptr(GPtrArray) kind = g_ptr_array_new();

		for (guint j = i; j < length && !items[i].shard; j++)
			if (g_str_equal(items[i].kind, items[j].kind))
				g_ptr_array_add(kind, &items[j]);
		assign_kind(kind, count);
	}
}

/* ---- cases ---- */

/* Programs with the same one of these needs are one kind. Programs with none are another. */
static const char *const kinds[] = { "svm", "vmx", NULL };

/* The need that makes PROGRAM's kind, or NULL. */
static const char *kind_of(const struct program *program)
{
	const char *const *need = kinds;

	while (*need && !g_strv_contains((const char *const *)program->needs, *need))
		need++;
	return *need;
}

/* The host whose figures in durations.cfg are taken for the programs of a kind. */
static const char *host_of_kind(const char *need)
{
	const struct lab_kind *lab = lab_kinds;

	while (need && lab->name && !lab_kind_offers(lab, need))
		lab++;
	return lab->name ?: lab_kinds[0].name;
}

void shard_keep(GPtrArray *cases, const struct shard *shard)
{
	g_autofree struct share_of_shard *items = g_new0(struct share_of_shard, cases->len + 1);
	struct durations *table = durations_of_table();
	guint kept = 0, length = cases->len;

	for (guint i = 0; i < length; i++) {
		struct test_case test_case = *(struct test_case *)cases->pdata[i];
		const char *need = kind_of(test_case.program);

		test_case.host = host_of_kind(need);
		items[i].name = test_case.name;
		items[i].kind = need ?: "";
		items[i].seconds = expected_seconds(table, &test_case, NULL);
	}
	shard_assign(items, length, shard->count);
	for (guint i = 0; i < length; i++)
		if (items[i].shard == shard->index)
			kept++;
		else
			g_ptr_array_remove_index(cases, kept);
	durations_close(table);
}

/* ---- the command line ---- */

static gboolean set(struct shard *shard, gint64 index, gint64 count, const char *what,
		    GError **error)
{
	if (count >= 1 && index >= 1 && index <= count) {
		shard->index = index;
		shard->count = count;
		return TRUE;
	}
	g_set_error(error, FERRY_ERROR, 0,
		    "--shard: %s is no shard; it is I/N, such as 1/4, with I from 1 to N", what);
	return FALSE;
}

/* The value of the environment variable NAME, or OTHERWISE. */
static gint64 variable(const char *name, gint64 otherwise)
{
	const char *text = g_getenv(name);
	gint64 number;

	return text && text_number(text, 0, G_MAXINT32, &number) ? number : otherwise;
}

/*
 * How CI engines and schedulers tell their jobs apart. Kubernetes tells a pod its index, but not
 * how many there are: the pod's template has to set JOB_COMPLETIONS.
 */
static const struct engine {
	const char *index, *count;
	const char *first; /* the variable with the lowest index; NULL: see `base` */
	gint64 base;
	const char *step; /* from one index to the next; NULL: 1 */
} engines[] = {
	{ "CI_NODE_INDEX", "CI_NODE_TOTAL", NULL, 1, NULL },
	{ "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", 0,
	  "SLURM_ARRAY_TASK_STEP" },
	{ "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", NULL, 0, NULL },
};

static gboolean find_engine(struct shard *shard, GError **error)
{
	const struct engine *found = NULL;
	g_autofree char *what = NULL;
	gint64 first, step;

	for (gsize i = 0; i < G_N_ELEMENTS(engines); i++) {
		if (!g_getenv(engines[i].index))
			continue;
		if (found) {
			g_set_error(
				error, FERRY_ERROR, 0,
				"--shard auto: both %s and %s are set; say which with --shard I/N",
				found->index, engines[i].index);
			return FALSE;
		}
		found = &engines[i];
	}
	if (!found) {
		g_set_error(
			error, FERRY_ERROR, 0,
			"--shard auto: none of CI_NODE_INDEX, SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX is set; say --shard I/N");
		return FALSE;
	}
	if (!g_getenv(found->count)) {
		g_set_error(error, FERRY_ERROR, 0,
			    "--shard auto: %s is set and %s is not; set it to the number of shards",
			    found->index, found->count);
		return FALSE;
	}
	first = found->first ? variable(found->first, found->base) : found->base;
	step = found->step ? MAX(1, variable(found->step, 1)) : 1;
	what = g_strdup_printf("%s=%s of %s=%s", found->index, g_getenv(found->index), found->count,
			       g_getenv(found->count));
	return set(shard, (variable(found->index, first - step) - first) / step + 1,
		   variable(found->count, 0), what, error);
}

gboolean shard_parse(const char *text, struct shard *shard, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	g_autofree char *what = g_strdup_printf("'%s'", text);
	gint64 index = 0, count = 0;

	if (g_str_equal(text, "auto"))
		return find_engine(shard, error);
	if (g_strv_length(parts) == 2 && text_number(parts[0], 1, G_MAXINT32, &index))
		text_number(parts[1], 1, G_MAXINT32, &count);
	return set(shard, index, count, what, error);
}
