// SPDX-License-Identifier: GPL-2.0-or-later
/* Gathers the results of two runs and decides what has changed. See compare.h. */
#include "report/compare.h"

struct comparison {
	/* "program/plan" or "program/plan test", with KVM's parameters -> struct compared */
	GHashTable *by_name;
	GPtrArray *items;
};

static void compared_free(struct compared *item)
{
	g_free(item->stands[BEFORE].reason);
	g_free(item->stands[AFTER].reason);
	g_free(item);
}

struct comparison *comparison_new(void)
{
	struct comparison *comparison = g_new0(struct comparison, 1);

	comparison->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	comparison->items = g_ptr_array_new_with_free_func((GDestroyNotify)compared_free);
	return comparison;
}

void comparison_free(struct comparison *comparison)
{
	g_hash_table_unref(comparison->by_name);
	g_ptr_array_unref(comparison->items);
	g_free(comparison);
}

static char *item_name(const char *program, const char *plan, const char *kvm, const char *test)
{
	return g_strconcat(program, "/", plan, "\n", kvm ? kvm : "", test ? "\n" : NULL, test,
			   NULL);
}

static struct compared *find_item(struct comparison *comparison, const struct result *result,
				  const char *test)
{
	const char *program = result->test_case->program->name;
	const char *plan = result->test_case->plan_name;
	const char *kvm = result->environment->kvm;
	char *name = item_name(program, plan, kvm, test);
	struct compared *item = g_hash_table_lookup(comparison->by_name, name);

	if (item) {
		g_free(name);
		return item;
	}
	item = g_new0(struct compared, 1);
	item->program = g_intern_string(program);
	item->plan = g_intern_string(plan);
	item->kvm = g_intern_string(kvm);
	item->test = g_intern_string(test);
	item->whole = test ? find_item(comparison, result, NULL) : item;
	g_hash_table_insert(comparison->by_name, name, item);
	g_ptr_array_add(comparison->items, item);
	return item;
}

/* What is added to an item of one run. */
struct finding {
	enum standing standing;
	gboolean sometimes;
	const char *reason;
	gint64 duration_ns;
};

/* The worst counts. A test that passed somewhere was not skipped. */
static void add_finding(struct compared *item, enum side side, const struct result *result,
			const struct finding *finding)
{
	struct stand *stand = &item->stands[side];

	if (!stand->host) {
		g_autofree char *host = g_strdup_printf("%s, %s", result->environment->host,
							result->environment->accel);

		stand->host = g_intern_string(host);
		stand->timescale = result->environment->timescale;
	}
	if (finding->duration_ns > 0 &&
	    (!stand->runs++ || finding->duration_ns < stand->fastest_ns))
		stand->fastest_ns = finding->duration_ns;
	if (finding->standing == STANDS_XFAIL && stand->standing == STANDS_XFAIL)
		stand->sometimes &= finding->sometimes;
	if (finding->standing <= stand->standing)
		return;
	stand->standing = finding->standing;
	stand->sometimes = finding->sometimes;
	g_free(stand->reason);
	stand->reason = g_strdup(finding->reason);
}

static enum standing test_standing(const char *verdict)
{
	if (!g_strcmp0(verdict, "pass"))
		return STANDS_PASS;
	if (!g_strcmp0(verdict, "skip"))
		return STANDS_SKIP;
	return g_strcmp0(verdict, "xfail") ? STANDS_FAIL : STANDS_XFAIL;
}

/* A known issue that is gone (--strict) is no regression. */
static enum standing case_standing(const struct result *result)
{
	static const enum standing standings[] = {
		[VERDICT_PASS] = STANDS_PASS,	[VERDICT_FAIL] = STANDS_FAIL,
		[VERDICT_XFAIL] = STANDS_XFAIL, [VERDICT_SKIP] = STANDS_SKIP,
		[VERDICT_ERROR] = STANDS_ERROR, [VERDICT_FLAKY] = STANDS_FLAKY,
	};

	return result->kind == KIND_UNEXPECTED_PASS ? STANDS_PASS : standings[result->verdict];
}

/* Other kinds of failures than these end a case before its last test. */
static gboolean ends_a_case(enum failure_kind kind)
{
	return kind != KIND_NONE && kind != KIND_CHECK && kind != KIND_HOST_CHECK &&
	       kind != KIND_HOST_KERNEL && kind != KIND_UNEXPECTED_PASS;
}

/*
 * Adds the tests that ended, and what failed beside them. TOLD gets, for each standing, whether a
 * test or a failure beside the tests has it.
 */
static void add_parts(struct comparison *comparison, struct compared *whole, enum side side,
		      const struct result *result, gboolean *told)
{
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];
		struct compared *item = find_item(comparison, result, test->name);
		struct finding finding = { .standing = test_standing(test->verdict),
					   .sometimes = test->sometimes,
					   .reason = test->reason,
					   .duration_ns = test->duration_ns };

		whole->tests[side] += item->stands[side].standing == STANDS_NOT;
		add_finding(item, side, result, &finding);
		told[finding.standing] = TRUE;
	}
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];
		struct finding finding;

		if (failure->kind == KIND_UNEXPECTED_PASS)
			continue;
		finding = (struct finding){ .standing = failure->known ? STANDS_XFAIL : STANDS_FAIL,
					    .sometimes = failure->sometimes,
					    .reason = failure->text };

		if (finding.standing == STANDS_FAIL && result->verdict == VERDICT_ERROR)
			finding.standing = STANDS_ERROR;
		add_finding(find_item(comparison, result, failure->test), side, result, &finding);
		told[finding.standing] = TRUE;
		whole->early[side] |= ends_a_case(failure->kind);
	}
}

void comparison_add(struct comparison *comparison, enum side side, const struct result *result)
{
	struct compared *whole = find_item(comparison, result, NULL);
	gboolean told[STANDS_ERROR + 1] = { FALSE };
	struct finding finding = { .standing = case_standing(result),
				   .reason = result->reason,
				   .duration_ns = result->duration_ns };

	add_parts(comparison, whole, side, result, told);
	/* What the tests tell need not be told of the case again. */
	if (told[finding.standing] || (finding.standing == STANDS_ERROR && told[STANDS_FAIL])) {
		finding.standing = STANDS_PASS;
		finding.reason = NULL;
	}
	if (finding.standing == STANDS_FLAKY && result->attempts->len)
		finding.reason = ((struct attempt *)result->attempts->pdata[0])->reason;
	add_finding(whole, side, result, &finding);
	whole->early[side] |= ends_a_case(result->kind) || result->verdict == VERDICT_SKIP;
}

/* ---- what has changed ---- */

/* A skip and a known failure tell equally little about what is tested. */
static int badness(enum standing standing)
{
	return standing == STANDS_SKIP ? STANDS_XFAIL : standing;
}

static enum change change_of(const struct compared *item)
{
	const struct stand *before = &item->stands[BEFORE], *after = &item->stands[AFTER];
	gboolean moved = before->host != after->host;

	if (before->standing == STANDS_NOT)
		return CHANGE_NEW;
	if (after->standing == STANDS_NOT)
		return CHANGE_GONE;
	/* Another kind of host may be unable to run something. */
	if (moved && before->standing != after->standing) {
		if (after->standing == STANDS_SKIP)
			return CHANGE_GONE;
		if (before->standing == STANDS_SKIP)
			return CHANGE_NEW;
	}
	if ((before->sometimes && after->standing == STANDS_PASS) ||
	    (after->sometimes && before->standing == STANDS_PASS))
		return CHANGE_NONE;
	if (badness(after->standing) == badness(before->standing) ||
	    (before->standing >= STANDS_FAIL && after->standing >= STANDS_FAIL))
		return CHANGE_NONE;
	return badness(after->standing) > badness(before->standing) ? CHANGE_WORSE : CHANGE_BETTER;
}

const GPtrArray *comparison_decide(struct comparison *comparison)
{
	for (guint i = 0; i < comparison->items->len; i++) {
		struct compared *item = comparison->items->pdata[i];

		item->change = change_of(item);
	}
	find_slower(comparison->items);
	return comparison->items;
}
