// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes and frees results, and the words for them that all reports use. */
#include "report/result.h"
#include "util/text.h"

/* A guest that fails in a loop must not fill the results. */
#define MOST_FAILURES 50
#define MANY_MORE     "%u more failures"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
		[VERDICT_PASS] = "PASS", [VERDICT_FAIL] = "FAIL",   [VERDICT_XFAIL] = "XFAIL",
		[VERDICT_SKIP] = "SKIP", [VERDICT_ERROR] = "ERROR", [VERDICT_FLAKY] = "FLAKY",
	};

	return names[verdict];
}

gboolean verdict_find(const char *name, enum verdict *verdict)
{
	for (*verdict = VERDICT_PASS; *verdict < VERDICT_COUNT; (*verdict)++)
		if (!g_strcmp0(name, verdict_name(*verdict)))
			return TRUE;
	return FALSE;
}

gboolean verdict_is_red(enum verdict verdict)
{
	return verdict == VERDICT_FAIL || verdict == VERDICT_ERROR || verdict == VERDICT_FLAKY;
}

const char *kind_name(enum failure_kind kind)
{
	static const char *const names[KIND_COUNT] = {
		[KIND_CHECK] = "check",
		[KIND_HOST_CHECK] = "host-check",
		[KIND_GUEST_END] = "guest-end",
		[KIND_TIMEOUT] = "timeout",
		[KIND_HOST_KERNEL] = "host-kernel",
		[KIND_VMM_START] = "vmm-start",
		[KIND_VMM] = "vmm",
		[KIND_PLAN] = "plan",
		[KIND_RUNNER] = "runner",
		[KIND_LAB_SETUP] = "lab-setup",
		[KIND_LAB_BOOT] = "lab-boot",
		[KIND_LAB] = "lab",
		[KIND_UNEXPECTED_PASS] = "unexpected-pass",
	};

	return names[kind];
}

enum failure_kind kind_find(const char *name)
{
	for (enum failure_kind kind = KIND_NONE + 1; name && kind < KIND_COUNT; kind++)
		if (g_str_equal(name, kind_name(kind)))
			return kind;
	return KIND_NONE;
}

static void test_result_free(struct test_result *test)
{
	g_free(test->name);
	g_free(test->verdict);
	g_free(test->reason);
	g_free(test->issue);
	g_clear_pointer(&test->further, g_ptr_array_unref);
	g_free(test);
}

static void failure_free(struct failure *failure)
{
	g_free(failure->text);
	g_free(failure->test);
	g_free(failure->issue);
	g_free(failure);
}

static void mark_free(struct mark *mark)
{
	g_free(mark->name);
	g_hash_table_unref(mark->values);
	g_free(mark);
}

static void attempt_free(struct attempt *attempt)
{
	g_free(attempt->reason);
	g_free(attempt->logdir);
	g_clear_pointer(&attempt->failed_tests, g_ptr_array_unref);
	g_free(attempt);
}

void environment_free(struct environment *environment)
{
	g_free(environment->host);
	g_free(environment->ferry);
	g_free(environment->shard);
	g_strfreev(environment->options);
	g_free(environment->vmm);
	g_free(environment->binary);
	g_free(environment->other_binary);
	g_free(environment->machine);
	g_free(environment->accel);
	g_free(environment->kernel);
	g_free(environment->cpu);
	g_free(environment->clock);
	g_free(environment->kvm);
	g_free(environment->firmware);
	g_free(environment->microcode);
	g_free(environment->emulator);
	g_free(environment->emulator_version);
	g_clear_pointer(&environment->kvm_parameters, g_hash_table_unref);
	g_free(environment);
}

struct result *result_new(const struct test_case *test_case, const struct environment *environment)
{
	struct result *result = g_new0(struct result, 1);

	result->test_case = test_case;
	result->environment = environment;
	result->tests = g_ptr_array_new_with_free_func((GDestroyNotify)test_result_free);
	result->failures = g_ptr_array_new_with_free_func((GDestroyNotify)failure_free);
	result->marks = g_ptr_array_new_with_free_func((GDestroyNotify)mark_free);
	result->actions = g_array_new(FALSE, FALSE, sizeof(struct action_stats));
	result->attempts = g_ptr_array_new_with_free_func((GDestroyNotify)attempt_free);
	return result;
}

void result_free(struct result *result)
{
	g_free(result->reason);
	g_free(result->detail);
	g_free(result->memory);
	g_free(result->vmm_version);
	g_free(result->other_vmm_version);
	g_free(result->warning);
	g_free(result->logdir);
	g_ptr_array_unref(result->tests);
	g_ptr_array_unref(result->failures);
	g_ptr_array_unref(result->marks);
	g_array_unref(result->actions);
	g_ptr_array_unref(result->attempts);
	story_free(result->story);
	g_free(result);
}

/*
 * The text that stands for all failures after the first MOST_FAILURES. No known issue is meant to
 * match it.
 */
static char *many_more(const char *before)
{
	unsigned count = 0;

	if (!before || sscanf(before, MANY_MORE, &count) != 1)
		count = 0;
	return g_strdup_printf(MANY_MORE, count + 1);
}

void result_add_failure(struct result *result, enum failure_kind kind, const char *text,
			const char *test)
{
	struct failure *failure;

	if (result->failures->len > MOST_FAILURES) {
		char **last = &((struct failure *)result->failures->pdata[MOST_FAILURES])->text;
		g_autofree char *before = *last;

		*last = many_more(before);
		return;
	}
	failure = g_new0(struct failure, 1);
	failure->kind = kind;
	failure->at_ns = -1;
	failure->text = result->failures->len < MOST_FAILURES ? g_strdup(text) : many_more(NULL);
	failure->test = g_strdup(test);
	g_ptr_array_add(result->failures, failure);
}

void result_add_text(GPtrArray **texts, const char *text)
{
	if (!*texts)
		*texts = g_ptr_array_new_with_free_func(g_free);
	if ((*texts)->len > MOST_FAILURES) {
		g_autofree char *before = (*texts)->pdata[MOST_FAILURES];

		(*texts)->pdata[MOST_FAILURES] = many_more(before);
		return;
	}
	g_ptr_array_add(*texts, (*texts)->len < MOST_FAILURES ? g_strdup(text) : many_more(NULL));
}

char *result_place(const struct result *result, const char *here)
{
	const char *host = result->environment->host, *kvm = result->environment->kvm;
	gboolean elsewhere = !g_str_equal(host, here);

	return g_strconcat(elsewhere ? " on " : "", elsewhere ? host : "", kvm ? " with " : "",
			   kvm ? kvm : "", NULL);
}

void result_add_figures(struct result *result, GHashTable *values)
{
	struct mark *mark = NULL;
	GHashTableIter iterator;
	gpointer key, value;

	for (guint i = 0; i < result->marks->len && !mark; i++)
		if (!g_strcmp0(((struct mark *)result->marks->pdata[i])->name, FIGURES_MARK))
			mark = result->marks->pdata[i];
	if (!mark) {
		mark = g_new0(struct mark, 1);
		mark->name = g_strdup(FIGURES_MARK);
		mark->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
		/* As in a mark of the guest, the name is one of the values, too. */
		g_hash_table_replace(mark->values, g_strdup("name"), g_strdup(FIGURES_MARK));
		g_ptr_array_add(result->marks, mark);
	}
	g_hash_table_iter_init(&iterator, values);
	while (g_hash_table_iter_next(&iterator, &key, &value)) {
		const char *before = g_hash_table_lookup(mark->values, key);
		guint64 sum = g_ascii_strtoull(value, NULL, 10) +
			      (before ? g_ascii_strtoull(before, NULL, 10) : 0);

		g_hash_table_replace(mark->values, g_strdup(key),
				     g_strdup_printf("%" G_GUINT64_FORMAT, sum));
	}
}

const char *result_mark(const struct result *result, const char *name, const char *key)
{
	const char *value = NULL;

	for (guint i = 0; i < result->marks->len; i++) {
		const struct mark *mark = result->marks->pdata[i];
		const char *found = g_hash_table_lookup(mark->values, key);

		if (found && !g_strcmp0(mark->name, name))
			value = found;
	}
	return value;
}

/* " (3 pause, 2 precopy)": how many actions of each plan there were, if a plan mixes them. */
static void append_kinds(GString *text, const GArray *actions)
{
	const char *separator = " (";

	for (guint i = 0; i < actions->len; i++) {
		const char *plan = g_array_index(actions, struct action_stats, i).plan;
		guint before = 0, count = 0;

		for (guint j = 0; plan && j < actions->len; j++) {
			if (g_strcmp0(g_array_index(actions, struct action_stats, j).plan, plan))
				continue;
			count++;
			before += j < i;
		}
		if (!plan || before)
			continue;
		g_string_append_printf(text, "%s%u %s", separator, count, plan);
		separator = ", ";
	}
	if (*separator == ',')
		g_string_append_c(text, ')');
}

static void append_actions(GString *text, const struct result *result)
{
	const struct test_case *test_case = result->test_case;
	gint64 shortest = G_MAXINT64, longest = 0;
	g_autofree char *from = NULL, *to = NULL;

	for (guint i = 0; i < result->actions->len; i++) {
		const struct action_stats *action =
			&g_array_index(result->actions, struct action_stats, i);
		gint64 time = test_case->reboots ? action->total_ns : action->pause_min_ns;

		shortest = MIN(shortest, time);
		longest = MAX(longest, time);
	}
	from = text_duration(shortest);
	to = text_duration(longest);
	g_string_append_printf(text, "; %u %s%s", result->actions->len, test_case->action,
			       result->actions->len == 1 ? "" : "s");
	append_kinds(text, result->actions);
	g_string_append_printf(text, ", %s %s to %s",
			       test_case->reboots ? "back after" : "stopped for", from, to);
}

guint64 result_figure(const struct result *result, const char *key)
{
	const char *value = result_mark(result, FIGURES_MARK, key);

	return value ? g_ascii_strtoull(value, NULL, 10) : 0;
}

/* "; 1234 cycles, 40 in L2" */
static void append_cycles(GString *text, const struct result *result, guint64 cycles)
{
	guint64 in_l2 = result_figure(result, "in_l2");

	g_string_append_printf(text, "; %" G_GUINT64_FORMAT " cycle%s", cycles,
			       cycles == 1 ? "" : "s");
	if (in_l2)
		g_string_append_printf(text, ", %" G_GUINT64_FORMAT " in L2", in_l2);
}

char *result_summary(const struct result *result)
{
	GString *text = g_string_new(NULL);
	g_autofree char *duration = text_duration(result->duration_ns);

	if (result->tests->len)
		g_string_append_printf(text, "%u tests, ", result->tests->len);
	g_string_append_printf(text, "%u checks", result->checks);
	if (result->skipped_checks)
		g_string_append_printf(text, ", %u skipped", result->skipped_checks);
	/*
	 * If the VMM cycles the guest by itself, its count includes the cycles that were asked for.
	 */
	if (result_figure(result, "cycles"))
		append_cycles(text, result, result_figure(result, "cycles"));
	else if (result->actions->len)
		append_actions(text, result);
	g_string_append_printf(text, "; %s", duration);
	return g_string_free(text, FALSE);
}
