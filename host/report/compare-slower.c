// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Finds what became slower beyond noise, from one run to another. See compare.h.
 *
 * Tests are short and machines are busy, so a single test may well take twenty times longer for no
 * reason. Noise is therefore taken from the runs themselves. The median of what all items on one
 * kind of host do tells how much slower that host was; how far they scatter around it (the median
 * absolute deviation) tells the noise. An item has to stand out from both, and by a time that no
 * busy spell of the machine explains. Less is enough for what was run several times, since the
 * fastest of several runs is hardly disturbed.
 */
#include <math.h>

#include "report/compare.h"
#include "util/median.h"

/* With fewer items than this, a median says nothing of the host. */
#define LEAST_ITEMS 8
/* What is more than this many standard deviations away is no noise. */
#define DEVIATIONS 6
/* The standard deviation of a normal distribution, by its median absolute deviation. */
#define DEVIATION_OF_MEDIAN 1.4826

/* What an item must exceed at least, by how often it was measured before and after. */
struct bound {
	guint runs;
	double factor;
	gint64 ns;
};

static const struct bound bounds[] = {
	{ 3, 2, G_GINT64_CONSTANT(500000000) },
	{ 1, 4, G_GINT64_CONSTANT(10000000000) },
};

/* Cases and tests on one kind of host, each with a scatter of its own. */
struct pool {
	const char *host;
	gboolean tests;
	double speed; /* the logarithm of how much slower the host was; 0 or more */
	gboolean few; /* too few to tell the noise by them */
	double noise; /* an item whose logarithm exceeds it stands out */
};

static gboolean passes(const struct stand *stand)
{
	return (stand->standing == STANDS_PASS || stand->standing == STANDS_XFAIL) &&
	       stand->fastest_ns > 0;
}

static gboolean comparable(const struct compared *item)
{
	return item->change == CHANGE_NONE && passes(&item->stands[BEFORE]) &&
	       passes(&item->stands[AFTER]) &&
	       item->stands[BEFORE].host == item->stands[AFTER].host;
}

static gboolean belongs(const struct compared *item, const struct pool *pool)
{
	return item->stands[AFTER].host == pool->host && (item->test != NULL) == pool->tests &&
	       comparable(item);
}

static double ratio(const struct compared *item)
{
	return log((double)item->stands[AFTER].fastest_ns / item->stands[BEFORE].fastest_ns);
}

static void measure(struct pool *pool, const GPtrArray *items)
{
	g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
	g_autoptr(GArray) timescales = g_array_new(FALSE, FALSE, sizeof(double));

	for (guint i = 0; i < items->len; i++) {
		const struct compared *item = items->pdata[i];
		double value;

		if (!belongs(item, pool))
			continue;
		value = ratio(item);
		g_array_append_val(ratios, value);
		value = log(item->stands[AFTER].timescale / item->stands[BEFORE].timescale);
		g_array_append_val(timescales, value);
	}
	if (ratios->len < LEAST_ITEMS) {
		/* The runner has measured the host before its cases ran, each lab by itself. */
		pool->speed = MAX(0, median(timescales));
		pool->few = TRUE;
		return;
	}
	pool->speed = MAX(0, median(ratios));
	for (guint i = 0; i < ratios->len; i++) {
		double *value = &g_array_index(ratios, double, i);

		*value = fabs(*value - pool->speed);
	}
	pool->noise = DEVIATIONS * DEVIATION_OF_MEDIAN * median(ratios);
}

static gboolean stands_out(const struct compared *item, const struct pool *pool)
{
	const struct stand *before = &item->stands[BEFORE], *after = &item->stands[AFTER];
	guint runs = MIN(before->runs, after->runs);
	const struct bound *bound = bounds;

	/* One run of few cases tells nothing: a busy spell may hit all of one of them. */
	if (pool->few && runs < bounds[0].runs)
		return FALSE;
	while (runs < bound->runs)
		bound++;
	return ratio(item) - pool->speed > MAX(log(bound->factor), pool->noise) &&
	       after->fastest_ns - before->fastest_ns * exp(pool->speed) > bound->ns;
}

static gboolean known_pool(const GArray *pools, const char *host, gboolean tests)
{
	for (guint i = 0; i < pools->len; i++) {
		const struct pool *pool = &g_array_index(pools, struct pool, i);

		if (pool->host == host && pool->tests == tests)
			return TRUE;
	}
	return FALSE;
}

static GArray *find_pools(const GPtrArray *items)
{
	GArray *pools = g_array_new(FALSE, FALSE, sizeof(struct pool));

	for (guint i = 0; i < items->len; i++) {
		const struct compared *item = items->pdata[i];
		struct pool pool = { .host = item->stands[AFTER].host,
				     .tests = item->test != NULL };

		if (comparable(item) && !known_pool(pools, pool.host, pool.tests))
			g_array_append_val(pools, pool);
	}
	return pools;
}

void find_slower(const GPtrArray *items)
{
	g_autoptr(GArray) pools = find_pools(items);
	g_autoptr(GPtrArray) slower = g_ptr_array_new();

	for (guint i = 0; i < pools->len; i++) {
		struct pool *pool = &g_array_index(pools, struct pool, i);

		measure(pool, items);
		for (guint j = 0; j < items->len; j++)
			if (belongs(items->pdata[j], pool) && stands_out(items->pdata[j], pool))
				g_ptr_array_add(slower, items->pdata[j]);
	}
	for (guint i = 0; i < slower->len; i++)
		((struct compared *)slower->pdata[i])->change = CHANGE_SLOWER;
}
