// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/shard.c: shards have equal size, cover all cases, and hardly change when cases come. */
#include "run/shard.h"

#define CASES 240
#define ADDED 12

/* Durations like those of a suite: most are short, some very long. */
static void fill(struct share_of_shard *items, guint length)
{
	for (guint i = 0; i < length; i++) {
		items[i] = (struct share_of_shard){
			.name = g_strdup_printf("program%u/plan%u", i % 37, i),
			.kind = i % 3 ? "" : "svm",
			.seconds = 2 + i % 17 + (i % 29 ? 0 : 120),
		};
	}
}

static void clear(struct share_of_shard *items, guint length)
{
	for (guint i = 0; i < length; i++)
		g_free((char *)items[i].name);
}

static void test_balance(void)
{
	struct share_of_shard items[CASES];

	fill(items, CASES);
	for (unsigned count = 1; count <= 8; count++) {
		double loads[9] = { 0 }, all = 0;

		shard_assign(items, CASES, count);
		for (guint i = 0; i < CASES; i++) {
			g_assert_cmpuint(items[i].shard, >=, 1);
			g_assert_cmpuint(items[i].shard, <=, count);
			loads[items[i].shard] += items[i].seconds;
			all += items[i].seconds;
		}
		for (unsigned shard = 1; shard <= count; shard++) {
			g_assert_cmpfloat(loads[shard], <, 1.2 * all / count);
			g_assert_cmpfloat(loads[shard], >, 0.5 * all / count);
		}
	}
	clear(items, CASES);
}

/* A hash of the index would move three of four cases, and sorting by duration nearly as many. */
static void test_stable(void)
{
	struct share_of_shard before[CASES], after[CASES + ADDED];
	guint moved = 0;

	fill(before, CASES);
	fill(after, CASES + ADDED);
	shard_assign(before, CASES, 4);
	shard_assign(after, CASES + ADDED, 4);
	for (guint i = 0; i < CASES; i++)
		moved += before[i].shard != after[i].shard;
	g_test_message("%u of %u cases moved", moved, CASES);
	g_assert_cmpuint(moved, <, CASES / 5);
	clear(before, CASES);
	clear(after, CASES + ADDED);
}

/* The order of the cases must not matter: patterns may name them in any order. */
static void test_order(void)
{
	struct share_of_shard items[CASES], reversed[CASES];

	fill(items, CASES);
	for (guint i = 0; i < CASES; i++)
		reversed[i] = items[CASES - 1 - i];
	shard_assign(items, CASES, 4);
	shard_assign(reversed, CASES, 4);
	for (guint i = 0; i < CASES; i++)
		g_assert_cmpuint(items[i].shard, ==, reversed[CASES - 1 - i].shard);
	clear(items, CASES);
}

struct row {
	const char *text;
	const char *variables; /* "NAME=VALUE ..." */
	unsigned index, count; /* 0: it is refused */
};

static const struct row rows[] = {
	{ "1/4", "", 1, 4 },
	{ "4/4", "", 4, 4 },
	{ "0/4", "", 0, 0 },
	{ "5/4", "", 0, 0 },
	{ "1", "", 0, 0 },
	{ "a/b", "", 0, 0 },
	{ "1/4/4", "", 0, 0 },
	{ "-1/4", "", 0, 0 },
	{ "auto", "", 0, 0 },
	{ "auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=3", 2, 3 },
	{ "auto", "CI_NODE_INDEX=4 CI_NODE_TOTAL=3", 0, 0 },
	{ "auto", "CI_NODE_INDEX=2", 0, 0 },
	{ "auto", "JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=3", 1, 3 },
	{ "auto", "JOB_COMPLETION_INDEX=0", 0, 0 },
	{ "auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=5", 3, 4 },
	{ "auto",
	  "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=4",
	  3, 3 },
	{ "auto", "CI_NODE_INDEX=2 CI_NODE_TOTAL=3 JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=3", 0,
	  0 },
	{ "auto", "CI_NODE_INDEX=x CI_NODE_TOTAL=3", 0, 0 },
};

static const char *const names[] = { "CI_NODE_INDEX",	     "CI_NODE_TOTAL",
				     "JOB_COMPLETION_INDEX", "JOB_COMPLETIONS",
				     "SLURM_ARRAY_TASK_ID",  "SLURM_ARRAY_TASK_COUNT",
				     "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP" };

static void test_words(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(GStrv) words = g_strsplit(rows[i].variables, " ", 0);
		g_autoptr(GError) error = NULL;
		struct shard shard = { 0 };

		for (gsize j = 0; j < G_N_ELEMENTS(names); j++)
			g_unsetenv(names[j]);
		for (char **word = words; *word; word++) {
			g_auto(GStrv) pair = g_strsplit(*word, "=", 2);

			g_setenv(pair[0], pair[1], TRUE);
		}
		g_test_message("%s %s", rows[i].text, rows[i].variables);
		g_assert_true(shard_parse(rows[i].text, &shard, &error) == (rows[i].count > 0));
		g_assert_true((error == NULL) == (rows[i].count > 0));
		g_assert_cmpuint(shard.index, ==, rows[i].index);
		g_assert_cmpuint(shard.count, ==, rows[i].count);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/shard/balance", test_balance);
	g_test_add_func("/shard/stable", test_stable);
	g_test_add_func("/shard/order", test_order);
	g_test_add_func("/shard/words", test_words);
	return g_test_run();
}
