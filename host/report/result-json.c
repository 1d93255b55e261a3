// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a result into a JSON object and back. docs/results.md lists the members. */
#include <stdlib.h>
#include <string.h>

#include "report/result-json.h"
#include "report/story-json.h"
#include "util/json-member.h"
#include "util/text.h"

/* Raised when a member changes its meaning or goes; a new one does not raise it. */
#define SCHEMA 1

static void add_string(JsonBuilder *builder, const char *name, const char *value)
{
	if (!value)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, value);
}

static void add_number(JsonBuilder *builder, const char *name, gint64 value)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_int_value(builder, value);
}

/* In the order of their names, so that two files are easy to compare. */
static void add_parameters(JsonBuilder *builder, GHashTable *parameters)
{
	g_autofree const char **names = NULL;
	guint count;

	if (!parameters)
		return;
	names = (const char **)g_hash_table_get_keys_as_array(parameters, &count);
	qsort(names, count, sizeof(*names), text_compare);
	json_builder_set_member_name(builder, "kvm_parameters");
	json_builder_begin_object(builder);
	for (guint i = 0; i < count; i++)
		add_string(builder, names[i], g_hash_table_lookup(parameters, names[i]));
	json_builder_end_object(builder);
}

void environment_add_json(JsonBuilder *builder, const struct environment *environment)
{
	add_string(builder, "host", environment->host);
	add_string(builder, "vmm", environment->vmm);
	add_string(builder, "binary", environment->binary);
	add_string(builder, "other_binary", environment->other_binary);
	add_string(builder, "machine", environment->machine);
	add_string(builder, "accel", environment->accel);
	add_string(builder, "firmware", environment->firmware);
	add_string(builder, "kvm", environment->kvm);
	add_string(builder, "kernel", environment->kernel);
	add_string(builder, "cpu", environment->cpu);
	add_string(builder, "clock", environment->clock);
	add_string(builder, "microcode", environment->microcode);
	add_string(builder, "emulator", environment->emulator);
	add_parameters(builder, environment->kvm_parameters);
	json_builder_set_member_name(builder, "timescale");
	json_builder_add_double_value(builder, environment->timescale);
	add_number(builder, "run_seed", environment->seed);
	add_number(builder, "cpu_emulated", environment->cpu_emulated);
	add_string(builder, "emulator_version", environment->emulator_version);
}

void run_add_json(JsonBuilder *builder, const struct environment *environment)
{
	add_number(builder, "schema", SCHEMA);
	add_string(builder, "ferry", environment->ferry);
	add_string(builder, "shard", environment->shard);
	if (environment->run_started)
		add_number(builder, "run_started_ns", environment->run_started);
	if (environment->run_cases)
		add_number(builder, "run_cases", environment->run_cases);
	if (environment->options && *environment->options) {
		json_builder_set_member_name(builder, "options");
		json_builder_begin_array(builder);
		for (char **word = environment->options; *word; word++)
			json_builder_add_string_value(builder, *word);
		json_builder_end_array(builder);
	}
}

static void add_strings(JsonBuilder *builder, const char *name, const GPtrArray *values)
{
	if (!values || !values->len)
		return;
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (guint i = 0; i < values->len; i++)
		json_builder_add_string_value(builder, values->pdata[i]);
	json_builder_end_array(builder);
}

static void add_tests(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "tests");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		json_builder_begin_object(builder);
		add_string(builder, "test", test->name);
		add_number(builder, "cpu", test->cpu);
		add_number(builder, "round", test->round);
		add_string(builder, "verdict", test->verdict);
		add_number(builder, "checks", test->checks);
		add_string(builder, "reason", test->reason);
		add_strings(builder, "further_reasons", test->further);
		add_string(builder, "issue", test->issue);
		if (test->sometimes)
			add_number(builder, "sometimes", 1);
		if (test->unfinished)
			add_number(builder, "unfinished", 1);
		if (test->at_ns >= 0)
			add_number(builder, "at_ns", test->at_ns);
		if (test->failed_at_ns >= 0)
			add_number(builder, "failed_at_ns", test->failed_at_ns);
		add_number(builder, "duration_ns", test->duration_ns);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_failures(JsonBuilder *builder, const struct result *result)
{
	guint unknown = 0;

	json_builder_set_member_name(builder, "failures");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		unknown += !failure->known;
		json_builder_begin_object(builder);
		add_string(builder, "kind", kind_name(failure->kind));
		add_string(builder, "text", failure->text);
		add_string(builder, "test", failure->test);
		add_number(builder, "known", failure->known);
		add_string(builder, "issue", failure->issue);
		if (failure->sometimes)
			add_number(builder, "sometimes", 1);
		if (failure->at_ns >= 0)
			add_number(builder, "at_ns", failure->at_ns);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
	add_number(builder, "failed_beyond_tests", unknown);
}

static void add_marks(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "marks");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->marks->len; i++) {
		const struct mark *mark = result->marks->pdata[i];
		GHashTableIter iterator;
		gpointer key, value;

		json_builder_begin_object(builder);
		g_hash_table_iter_init(&iterator, mark->values);
		while (g_hash_table_iter_next(&iterator, &key, &value))
			add_string(builder, key, value);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

/* Adds MOMENT (CLOCK_REALTIME; 0: unknown) as time since the case began. */
static void add_moment(JsonBuilder *builder, const char *name, const struct action_stats *action,
		       gint64 moment)
{
	if (moment)
		add_number(builder, name, action->at_ns + moment - action->started);
}

static void add_passes(JsonBuilder *builder, const struct action_stats *action)
{
	if (!action->pass_began[0])
		return;
	json_builder_set_member_name(builder, "passes_at_ns");
	json_builder_begin_array(builder);
	for (gsize i = 0; i < MOST_PASSES_TOLD && action->pass_began[i]; i++)
		json_builder_add_int_value(builder,
					   action->at_ns + action->pass_began[i] - action->started);
	json_builder_end_array(builder);
}

static void add_actions(JsonBuilder *builder, const struct result *result)
{
	json_builder_set_member_name(builder, "moves");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->actions->len; i++) {
		const struct action_stats *action =
			&g_array_index(result->actions, struct action_stats, i);

		json_builder_begin_object(builder);
		add_string(builder, "plan", action->plan);
		add_string(builder, "action", action->action);
		add_number(builder, "started_ns", action->started);
		add_number(builder, "at_ns", action->at_ns);
		add_number(builder, "total_ns", action->total_ns);
		add_number(builder, "pause_min_ns", action->pause_min_ns);
		add_number(builder, "pause_max_ns", action->pause_max_ns);
		add_moment(builder, "stopped_at_ns", action, action->stopped);
		add_number(builder, "bytes", action->bytes);
		add_number(builder, "passes", action->passes);
		add_number(builder, "pages_sent", action->pages_sent);
		add_number(builder, "pages_in_ram", action->pages_in_ram);
		add_passes(builder, action);
		if (action->cuts)
			add_number(builder, "cuts", action->cuts);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void add_attempts(JsonBuilder *builder, const struct result *result)
{
	if (!result->attempts->len)
		return;
	json_builder_set_member_name(builder, "attempts");
	json_builder_begin_array(builder);
	for (guint i = 0; i < result->attempts->len; i++) {
		const struct attempt *attempt = result->attempts->pdata[i];

		json_builder_begin_object(builder);
		add_string(builder, "verdict", verdict_name(attempt->verdict));
		add_string(builder, "kind", kind_name(attempt->kind));
		add_string(builder, "reason", attempt->reason);
		add_string(builder, "logs", attempt->logdir);
		add_strings(builder, "failed_tests", attempt->failed_tests);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

void result_add_json(JsonBuilder *builder, const struct result *result)
{
	add_string(builder, "case", result->test_case->name);
	add_string(builder, "program", result->test_case->program->name);
	add_string(builder, "plan", result->test_case->plan_name);
	add_string(builder, "verdict", verdict_name(result->verdict));
	add_string(builder, "kind", kind_name(result->kind));
	add_string(builder, "reason", result->reason);
	add_string(builder, "detail", result->detail);
	add_string(builder, "memory", result->memory);
	add_string(builder, "warning", result->warning);
	add_string(builder, "vmm_version", result->vmm_version);
	add_string(builder, "other_vmm_version", result->other_vmm_version);
	add_string(builder, "logs", result->logdir);
	add_number(builder, "seed", result->test_case->seed);
	if (result->started)
		add_number(builder, "started_ns", result->started);
	add_number(builder, "duration_ns", result->duration_ns);
	add_number(builder, "checks", result->checks);
	add_number(builder, "checks_skipped", result->skipped_checks);
	environment_add_json(builder, result->environment);
	add_failures(builder, result);
	add_tests(builder, result);
	add_marks(builder, result);
	add_actions(builder, result);
	add_attempts(builder, result);
	story_add_json(builder, result->story);
}

/* ---- from JSON ---- */

static JsonObject *element(JsonArray *array, guint index)
{
	JsonNode *node = json_array_get_element(array, index);

	return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* 0 if there is no such number. */
static gint64 read_count(JsonObject *object, const char *name)
{
	return MAX(0, member_number(object, name));
}

static void read_texts(JsonObject *object, const char *name, GPtrArray **texts)
{
	JsonArray *array = member_array(object, name);

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonNode *node = json_array_get_element(array, i);
		const char *text = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;

		result_add_text(texts, text ? text : "?");
	}
}

static void read_failure(struct result *result, JsonObject *object)
{
	struct failure *failure = g_new0(struct failure, 1);

	failure->kind = kind_find(member_string(object, "kind"));
	failure->text = g_strdup(member_string(object, "text"));
	failure->test = g_strdup(member_string(object, "test"));
	failure->known = member_number(object, "known") > 0;
	failure->issue = g_strdup(member_string(object, "issue"));
	failure->sometimes = member_number(object, "sometimes") > 0;
	failure->at_ns = member_number(object, "at_ns");
	g_ptr_array_add(result->failures, failure);
}

static void read_test(struct result *result, JsonObject *object)
{
	struct test_result *test = g_new0(struct test_result, 1);

	test->name = g_strdup(member_string(object, "test"));
	test->verdict = g_strdup(member_string(object, "verdict"));
	test->reason = g_strdup(member_string(object, "reason"));
	test->issue = g_strdup(member_string(object, "issue"));
	test->sometimes = member_number(object, "sometimes") > 0;
	test->cpu = read_count(object, "cpu");
	test->round = read_count(object, "round");
	test->checks = read_count(object, "checks");
	test->unfinished = member_number(object, "unfinished") > 0;
	test->at_ns = member_number(object, "at_ns");
	test->failed_at_ns = member_number(object, "failed_at_ns");
	test->duration_ns = read_count(object, "duration_ns");
	read_texts(object, "further_reasons", &test->further);
	g_ptr_array_add(result->tests, test);
}

static void read_mark(struct result *result, JsonObject *object)
{
	struct mark *mark = g_new0(struct mark, 1);
	g_autoptr(GList) keys = json_object_get_members(object);

	mark->name = g_strdup(member_string(object, "name"));
	mark->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	for (GList *key = keys; key; key = key->next)
		g_hash_table_replace(mark->values, g_strdup(key->data),
				     g_strdup(member_string(object, key->data)));
	g_ptr_array_add(result->marks, mark);
}

static gint64 read_moment(const struct action_stats *action, gint64 at_ns)
{
	return at_ns < 0 || action->at_ns < 0 ? 0 : action->started + at_ns - action->at_ns;
}

static void read_passes(struct action_stats *action, JsonObject *object)
{
	JsonArray *array = member_array(object, "passes_at_ns");

	for (guint i = 0; array && i < MIN(json_array_get_length(array), MOST_PASSES_TOLD); i++) {
		JsonNode *node = json_array_get_element(array, i);

		action->pass_began[i] = read_moment(
			action, JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : -1);
	}
}

static void read_action(struct result *result, JsonObject *object)
{
	struct action_stats action = {
		.plan = g_intern_string(member_string(object, "plan")),
		.action = g_intern_string(member_string(object, "action")),
		.started = read_count(object, "started_ns"),
		.at_ns = member_number(object, "at_ns"),
		.total_ns = read_count(object, "total_ns"),
		.pause_min_ns = read_count(object, "pause_min_ns"),
		.pause_max_ns = read_count(object, "pause_max_ns"),
		.bytes = read_count(object, "bytes"),
		.passes = read_count(object, "passes"),
		.pages_sent = read_count(object, "pages_sent"),
		.pages_in_ram = read_count(object, "pages_in_ram"),
		.cuts = read_count(object, "cuts"),
	};

	action.stopped = read_moment(&action, member_number(object, "stopped_at_ns"));
	read_passes(&action, object);
	g_array_append_val(result->actions, action);
}

static void read_array(struct result *result, JsonObject *object, const char *name,
		       void (*read)(struct result *result, JsonObject *object))
{
	JsonArray *array = member_array(object, name);

	for (guint i = 0; array && i < json_array_get_length(array); i++)
		if (element(array, i))
			read(result, element(array, i));
}

static void read_attempt(struct result *result, JsonObject *object)
{
	struct attempt *attempt;
	enum verdict verdict;

	if (!verdict_find(member_string(object, "verdict"), &verdict))
		return;
	attempt = g_new0(struct attempt, 1);
	attempt->verdict = verdict;
	attempt->kind = kind_find(member_string(object, "kind"));
	attempt->reason = g_strdup(member_string(object, "reason"));
	attempt->logdir = g_strdup(member_string(object, "logs"));
	read_texts(object, "failed_tests", &attempt->failed_tests);
	g_ptr_array_add(result->attempts, attempt);
}

struct result *result_from_json(JsonObject *object, const struct test_case *test_case,
				const struct environment *environment)
{
	struct result *result;
	enum verdict verdict;

	if (!verdict_find(member_string(object, "verdict"), &verdict))
		return NULL;
	result = result_new(test_case, environment);
	result->verdict = verdict;
	result->kind = kind_find(member_string(object, "kind"));
	result->reason = g_strdup(member_string(object, "reason"));
	result->detail = g_strdup(member_string(object, "detail"));
	result->memory = g_strdup(member_string(object, "memory"));
	result->warning = g_strdup(member_string(object, "warning"));
	result->vmm_version = g_strdup(member_string(object, "vmm_version"));
	result->other_vmm_version = g_strdup(member_string(object, "other_vmm_version"));
	result->logdir = g_strdup(member_string(object, "logs"));
	result->started = read_count(object, "started_ns");
	result->duration_ns = read_count(object, "duration_ns");
	result->checks = read_count(object, "checks");
	result->skipped_checks = read_count(object, "checks_skipped");
	read_array(result, object, "failures", read_failure);
	read_array(result, object, "tests", read_test);
	read_array(result, object, "marks", read_mark);
	read_array(result, object, "moves", read_action);
	read_array(result, object, "attempts", read_attempt);
	result->story = story_from_json(member_object(object, "story"));
	return result;
}

static GHashTable *read_parameters(JsonObject *object)
{
	GHashTable *parameters = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autoptr(GList) names = json_object_get_members(object);

	for (GList *name = names; name; name = name->next)
		g_hash_table_insert(parameters, g_strdup(name->data),
				    g_strdup(member_string(object, name->data)));
	return parameters;
}

static char **read_options(JsonObject *object)
{
	g_autoptr(GPtrArray) words = NULL;

	read_texts(object, "options", &words);
	if (!words)
		return NULL;
	g_ptr_array_add(words, NULL);
	return g_strdupv((char **)words->pdata);
}

struct environment *environment_from_json(JsonObject *object)
{
	struct environment *environment = g_new0(struct environment, 1);
	JsonNode *timescale = json_object_get_member(object, "timescale");
	JsonObject *parameters = member_object(object, "kvm_parameters");

	environment->host = g_strdup(member_string(object, "host"));
	environment->vmm = g_strdup(member_string(object, "vmm"));
	environment->binary = g_strdup(member_string(object, "binary"));
	environment->other_binary = g_strdup(member_string(object, "other_binary"));
	environment->machine = g_strdup(member_string(object, "machine"));
	environment->accel = g_strdup(member_string(object, "accel"));
	environment->firmware = g_strdup(member_string(object, "firmware"));
	environment->kvm = g_strdup(member_string(object, "kvm"));
	environment->kernel = g_strdup(member_string(object, "kernel"));
	environment->cpu = g_strdup(member_string(object, "cpu"));
	environment->clock = g_strdup(member_string(object, "clock"));
	environment->microcode = g_strdup(member_string(object, "microcode"));
	environment->emulator = g_strdup(member_string(object, "emulator"));
	if (parameters)
		environment->kvm_parameters = read_parameters(parameters);
	environment->run_started = read_count(object, "run_started_ns");
	environment->ferry = g_strdup(member_string(object, "ferry"));
	environment->options = read_options(object);
	environment->shard = g_strdup(member_string(object, "shard"));
	environment->run_cases = read_count(object, "run_cases");
	environment->seed = read_count(object, "run_seed");
	environment->cpu_emulated = member_number(object, "cpu_emulated") > 0;
	environment->emulator_version = g_strdup(member_string(object, "emulator_version"));
	environment->timescale =
		timescale && JSON_NODE_HOLDS_VALUE(timescale) ? json_node_get_double(timescale) : 1;
	return environment;
}

void write_json_line(struct log_file *file, JsonBuilder *builder)
{
	g_autoptr(JsonNode) root = json_builder_get_root(builder);
	g_autofree char *text = json_to_string(root, FALSE);
	g_autofree char *line = g_strconcat(text, "\n", NULL);

	log_file_write(file, line, strlen(line));
	g_object_unref(builder);
}
