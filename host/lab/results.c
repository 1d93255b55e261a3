// SPDX-License-Identifier: GPL-2.0-or-later
/* Results out of a lab. See results.h. */
#include "lab/results.h"
#include "report/result-json.h"
#include "util/json-member.h"

struct lab_results {
	char *host;
	char *kvm; /* as in struct environment */
	GPtrArray *owed;
	GPtrArray *begun; /* those of OWED that run or have run */
	const struct lab_listener *listener;
	void *data;
	struct environment *environment; /* NULL until the runner inside tells it */
	GPtrArray *others;		 /* of struct environment: one for each further VMM */
};

struct lab_results *lab_results_new(const char *host, const char *kvm, GPtrArray *cases,
				    const struct lab_listener *listener, void *data)
{
	struct lab_results *results = g_new0(struct lab_results, 1);

	results->host = g_strdup(host);
	results->kvm = g_strdup(kvm);
	results->owed = g_ptr_array_copy(cases, NULL, NULL);
	results->begun = g_ptr_array_new();
	results->others = g_ptr_array_new_with_free_func((GDestroyNotify)environment_free);
	results->listener = listener;
	results->data = data;
	return results;
}

void lab_results_free(struct lab_results *results)
{
	if (results->environment)
		environment_free(results->environment);
	g_ptr_array_unref(results->others);
	g_ptr_array_unref(results->owed);
	g_ptr_array_unref(results->begun);
	g_free(results->host);
	g_free(results->kvm);
	g_free(results);
}

const GPtrArray *lab_results_owed(const struct lab_results *results)
{
	return results->owed;
}

double lab_results_timescale(const struct lab_results *results)
{
	return results->environment ? results->environment->timescale : 0;
}

static const struct test_case *find_case(struct lab_results *results, const char *name)
{
	for (guint i = 0; name && i < results->owed->len; i++) {
		const struct test_case *test_case = results->owed->pdata[i];

		if (g_str_equal(test_case->name, name))
			return test_case;
	}
	return NULL;
}

static void hand_out(struct lab_results *results, struct result *result)
{
	g_ptr_array_remove(results->owed, (gpointer)result->test_case);
	results->listener->result(results->data, result);
}

/* The runner inside calls its host "local"; here it is the lab. */
static struct environment *read_environment(const struct lab_results *results, JsonObject *event)
{
	struct environment *environment = environment_from_json(event);
	const struct lab_kind *kind = lab_kind_find(results->host);

	g_free(environment->host);
	environment->host = g_strdup(results->host);
	g_clear_pointer(&environment->emulator, g_free);
	if (environment->cpu_emulated && kind)
		environment->emulator = g_strdup(kind->emulator);
	return environment;
}

/* The environment of a result. It differs from the run's in the VMM at most. */
static const struct environment *environment_of(struct lab_results *results, JsonObject *event)
{
	const char *vmm = member_string(event, "vmm");
	struct environment *other;

	if (!vmm || !g_strcmp0(vmm, results->environment->vmm))
		return results->environment;
	for (guint i = 0; i < results->others->len; i++) {
		other = results->others->pdata[i];
		if (g_str_equal(other->vmm, vmm))
			return other;
	}
	other = read_environment(results, event);
	g_ptr_array_add(results->others, other);
	return other;
}

static void on_event(struct lab_results *results, JsonObject *event)
{
	const char *name = member_string(event, "event");
	const struct test_case *test_case = find_case(results, member_string(event, "case"));
	const char *doing = member_string(event, "doing");
	const char *text = member_string(event, "text");
	struct result *result;

	if (!g_strcmp0(name, "environment") && !results->environment) {
		results->environment = read_environment(results, event);
	}
	if (!test_case || !results->environment)
		return;
	if (!g_strcmp0(name, "started")) {
		g_ptr_array_add(results->begun, (gpointer)test_case);
		results->listener->started(results->data, test_case);
	} else if (!g_strcmp0(name, "progress") && doing) {
		results->listener->progress(results->data, test_case, doing);
	} else if (!g_strcmp0(name, "console") && text && results->listener->console) {
		results->listener->console(results->data, test_case, text);
	} else if (!g_strcmp0(name, "ended") &&
		   (result = result_from_json(event, test_case, environment_of(results, event)))) {
		hand_out(results, result);
	}
}

void lab_results_take(struct lab_results *results, const char *line)
{
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonNode *root;

	if (json_parser_load_from_data(parser, line, -1, NULL) &&
	    (root = json_parser_get_root(parser)) && JSON_NODE_HOLDS_OBJECT(root))
		on_event(results, json_node_get_object(root));
}

/* Offers the listener the cases that have not begun, the last one first. */
static void leave_waiting(struct lab_results *results)
{
	for (guint i = results->owed->len; i > 0; i--) {
		const struct test_case *test_case = results->owed->pdata[i - 1];

		if (!g_ptr_array_find(results->begun, test_case, NULL) &&
		    results->listener->left(results->data, test_case))
			g_ptr_array_remove_index(results->owed, i - 1);
	}
}

static struct environment *unknown_environment(const struct lab_results *results)
{
	struct environment *environment = g_new0(struct environment, 1);

	environment->host = g_strdup(results->host);
	environment->kvm = g_strdup(results->kvm);
	/* A lab that died before it said a word has not told what its cases ran on. */
	if (results->owed->len)
		environment->vmm =
			g_strdup(((struct test_case *)results->owed->pdata[0])->vmm_name);
	environment->timescale = 1;
	return environment;
}

void lab_results_give_up(struct lab_results *results, enum failure_kind kind, const char *reason,
			 const char *detail, const char *logdir)
{
	if (!results->environment)
		results->environment = unknown_environment(results);
	/* A machine that dies before any case begins would do so again. */
	if (kind == KIND_LAB && results->begun->len)
		leave_waiting(results);
	while (results->owed->len) {
		struct result *result = result_new(results->owed->pdata[0], results->environment);

		result->verdict = VERDICT_ERROR;
		result->kind = kind;
		result->reason = g_strdup(reason);
		result_add_failure(result, kind, reason, NULL);
		result->detail = g_strdup(detail);
		result->logdir = g_strdup(logdir);
		hand_out(results, result);
	}
}
