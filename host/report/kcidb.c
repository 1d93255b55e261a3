// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Results for KCIDB, the database of the kernel's CI systems, in version 5.0 of the schema in
 * kcidb-io (kcidb_io/schema/v05_00.py), which all later 5.x read. A case is a test run with the
 * path ferry.PROGRAM.PLAN, and each of its tests one with .TEST behind that. KCIDB has no word for
 * a failure that is known: it is a FAIL with an incident, which names the issue that explains it.
 *
 * The file is valid JSON at each moment: it ends with everything that is told once, and with a test
 * run that says how many cases have no verdict. Each case that ends is written over that end, with
 * a new end behind it.
 */
#include <string.h>

#include "report/kcidb-objects.h"
#include "report/kcidb.h"
#include "report/reporter.h"
#include "report/result-json.h"
#include "report/test-verdicts.h"
#include "util/log-file.h"
#include "util/text.h"

#define HEAD "{\"version\":{\"major\":5,\"minor\":0},\n\"tests\":["
/* The longest log excerpt that the schema allows, in characters. */
#define MOST_EXCERPT 16384

static struct {
	const char *origin;
	const char *build;
} names = { .origin = "ferry" };

struct kcidb {
	struct log_file *file;
	char *run;	  /* makes the IDs of this run different from all others */
	char *last_build; /* the build of the last test run */
	gboolean some;	  /* a test run has been written */
	guint cases_left;
	struct kcidb_list checkouts, builds, issues, incidents;
};

gboolean kcidb_set_names(const char *origin, const char *build, GError **error)
{
	const char *colon = build ? strchr(build, ':') : NULL;
	g_autofree char *of_build = colon ? g_strndup(build, colon - build) : NULL;

	if (origin)
		names.origin = origin;
	names.build = build;
	if (!g_regex_match_simple("^[a-z0-9_]+$", names.origin, G_REGEX_DOLLAR_ENDONLY, 0))
		g_set_error(error, FERRY_ERROR, 0,
			    "--kcidb-origin is a name of small letters, digits and '_', not '%s'",
			    names.origin);
	else if (build && (!of_build || !g_regex_match_simple("^[a-z0-9_]+$", of_build, 0, 0)))
		g_set_error(error, FERRY_ERROR, 0,
			    "--kcidb-build is an ID such as 'myci:123', not '%s'", build);
	else
		return TRUE;
	return FALSE;
}

/* "ferry:WHAT-NAME"; the caller frees it. */
static char *make_id(const char *what, const char *name)
{
	return g_strconcat(names.origin, ":", what, "-", name, NULL);
}

/* ---- what results are of ---- */

/*
 * The ID of the build that ENVIRONMENT runs, which the caller frees. Unless the user has named the
 * build, it is told at the end. Nobody knows who built that kernel and from what, but KCIDB shows
 * no test without a build, and no build without a checkout.
 */
static char *build_of(struct kcidb *kcidb, const struct environment *environment)
{
	const char *kernel = environment->kernel ? environment->kernel : "unknown";
	g_autofree char *comment = g_strconcat("Linux ", kernel, NULL);
	char *id = names.build ? g_strdup(names.build) : make_id("linux", kernel);
	JsonBuilder *builder;

	g_free(kcidb->last_build);
	kcidb->last_build = g_strdup(id);
	if (names.build)
		return id;
	if ((builder = kcidb_list_begin(&kcidb->checkouts, id))) {
		kcidb_add(builder, "comment", comment);
		kcidb_list_end(&kcidb->checkouts, builder);
	}
	if ((builder = kcidb_list_begin(&kcidb->builds, id))) {
		kcidb_add(builder, "checkout_id", id);
		kcidb_add(builder, "architecture", "x86_64");
		kcidb_add(builder, "comment", comment);
		kcidb_list_end(&kcidb->builds, builder);
	}
	return id;
}

/* The test run TEST_ID failed as ISSUE explains. */
static void add_incident(struct kcidb *kcidb, const char *test_id, const char *issue)
{
	g_autofree char *issue_id = make_id("known-issue", issue);
	g_autofree char *id = g_strconcat(test_id, "/", issue, NULL);
	JsonBuilder *builder;

	if ((builder = kcidb_list_begin(&kcidb->issues, issue_id))) {
		json_builder_set_member_name(builder, "version");
		json_builder_add_int_value(builder, 1);
		kcidb_add(builder, "comment", issue);
		kcidb_list_end(&kcidb->issues, builder);
	}
	if (!(builder = kcidb_list_begin(&kcidb->incidents, id)))
		return;
	kcidb_add(builder, "issue_id", issue_id);
	json_builder_set_member_name(builder, "issue_version");
	json_builder_add_int_value(builder, 1);
	kcidb_add(builder, "test_id", test_id);
	json_builder_set_member_name(builder, "present");
	json_builder_add_boolean_value(builder, TRUE);
	kcidb_list_end(&kcidb->incidents, builder);
}

/* ---- test runs ---- */

/* One test run. TEST is NULL for the case itself. */
struct test_run {
	const char *test;
	const char *status;
	const char *verdict; /* Ferry's own word */
	const char *reason;  /* or NULL */
	const char *detail;  /* or NULL */
	gint64 duration_ns;
};

static char *id_of(const struct kcidb *kcidb, const struct result *result, const char *test)
{
	return g_strconcat(names.origin, ":", kcidb->run, "/", result->test_case->name,
			   test ? "/" : NULL, test, NULL);
}

static void add_environment(JsonBuilder *builder, const struct environment *environment)
{
	g_autofree char *comment =
		g_strdup_printf("%s, %s, Linux %s", environment->host,
				environment->cpu ? environment->cpu : "unknown CPU",
				environment->kernel ? environment->kernel : "unknown");

	json_builder_set_member_name(builder, "environment");
	json_builder_begin_object(builder);
	kcidb_add(builder, "comment", comment);
	json_builder_set_member_name(builder, "misc");
	json_builder_begin_object(builder);
	environment_add_json(builder, environment);
	json_builder_end_object(builder);
	json_builder_end_object(builder);
}

static void add_excerpt(JsonBuilder *builder, const struct test_run *run)
{
	g_autofree char *all = run->detail ? g_strconcat(run->reason, "\n", run->detail, NULL)
					   : g_strdup(run->reason);
	g_autofree char *valid = all ? g_utf8_make_valid(all, -1) : NULL;
	g_autofree char *excerpt =
		valid ? g_utf8_substring(valid, 0, MIN(MOST_EXCERPT, g_utf8_strlen(valid, -1)))
		      : NULL;

	kcidb_add(builder, "log_excerpt", excerpt);
}

static void add_misc(JsonBuilder *builder, const struct result *result, const char *verdict)
{
	json_builder_set_member_name(builder, "misc");
	json_builder_begin_object(builder);
	kcidb_add(builder, "case", result->test_case->name);
	kcidb_add(builder, "verdict", verdict);
	kcidb_add(builder, "kind", kind_name(result->kind));
	kcidb_add(builder, "vmm_version", result->vmm_version);
	json_builder_set_member_name(builder, "seed");
	json_builder_add_int_value(builder, result->test_case->seed);
	json_builder_end_object(builder);
}

static void add_times(JsonBuilder *builder, gint64 started, gint64 duration_ns)
{
	if (started) {
		g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(started / 1000000000);
		g_autofree char *text = g_date_time_format_iso8601(time);

		kcidb_add(builder, "start_time", text);
	}
	json_builder_set_member_name(builder, "duration");
	json_builder_add_double_value(builder, duration_ns / 1e9);
}

static void add_test_run(struct kcidb *kcidb, GString *text, const struct result *result,
			 const char *id, const struct test_run *run)
{
	const struct test_case *test_case = result->test_case;
	g_autofree char *build = build_of(kcidb, result->environment);
	g_autofree char *case_path =
		g_strconcat(test_case->program->name, "/", test_case->plan_name,
			    run->test ? "/" : NULL, run->test, NULL);
	g_autofree char *identifier = text_identifier(case_path);
	g_autofree char *path = g_strconcat("ferry.", identifier, NULL);
	JsonBuilder *builder = kcidb_begin_object(names.origin, id);

	kcidb_add(builder, "build_id", build);
	kcidb_add(builder, "path", path);
	kcidb_add(builder, "status", run->status);
	kcidb_add(builder, "comment", case_path);
	add_excerpt(builder, run);
	/*
	 * A test's verdict is of several ends, so it has no start. The machine is told once, for
	 * the case.
	 */
	add_times(builder, run->test ? 0 : result->started, run->duration_ns);
	if (!run->test)
		add_environment(builder, result->environment);
	add_misc(builder, result, run->verdict);
	kcidb_end_object(builder, text, kcidb->some);
	kcidb->some = TRUE;
}

static const char *status_of_case(const struct result *result)
{
	static const char *const statuses[VERDICT_COUNT] = {
		[VERDICT_PASS] = "PASS", [VERDICT_FAIL] = "FAIL",   [VERDICT_XFAIL] = "FAIL",
		[VERDICT_SKIP] = "SKIP", [VERDICT_ERROR] = "ERROR", [VERDICT_FLAKY] = "FAIL",
	};
	enum failure_kind kind = result->kind;
	gboolean never_ran = kind == KIND_LAB_SETUP || kind == KIND_LAB_BOOT || kind == KIND_LAB ||
			     kind == KIND_RUNNER;

	/* KCIDB's word for what the harness is to blame for. */
	return result->verdict == VERDICT_ERROR && never_ran ? "MISS" : statuses[result->verdict];
}

static const char *status_of_test(const char *verdict)
{
	if (g_str_equal(verdict, "pass"))
		return "PASS";
	return g_str_equal(verdict, "skip") ? "SKIP" : "FAIL";
}

/* A test may itself expect to fail on this hypervisor. Such an issue has only the test's name. */
static void add_incidents(struct kcidb *kcidb, const struct result *result)
{
	g_autofree char *case_id = id_of(kcidb, result, NULL);

	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];
		g_autofree char *id = NULL, *unnamed = NULL;

		if (g_strcmp0(test->verdict, "xfail"))
			continue;
		id = id_of(kcidb, result, test->name);
		unnamed = g_strconcat(result->test_case->program->name, " ", test->name, NULL);
		add_incident(kcidb, id, test->issue ? test->issue : unnamed);
		add_incident(kcidb, case_id, test->issue ? test->issue : unnamed);
	}
	for (guint i = 0; i < result->failures->len; i++) {
		const struct failure *failure = result->failures->pdata[i];

		if (failure->known && failure->issue)
			add_incident(kcidb, case_id, failure->issue);
	}
}

/* ---- the report ---- */

static void append_list(GString *end, const char *name, const struct kcidb_list *list)
{
	g_string_append_printf(end, ",\n\"%s\":[%s]", name, list->text->str);
}

/* The rest of the file, if NOT_RUN cases have no verdict. The caller frees it. */
static char *end_of_file(struct kcidb *kcidb, guint not_run, const char *why)
{
	GString *end = g_string_new(NULL);

	if (not_run) {
		g_autofree char *id = g_strconcat(names.origin, ":", kcidb->run, NULL);
		g_autofree char *comment =
			g_strdup_printf("%u cases have no verdict: %s", not_run, why);
		JsonBuilder *builder = kcidb_begin_object(names.origin, id);

		kcidb_add(builder, "build_id", kcidb->last_build);
		kcidb_add(builder, "path", "ferry");
		kcidb_add(builder, "status", "MISS");
		kcidb_add(builder, "comment", comment);
		kcidb_end_object(builder, end, kcidb->some);
	}
	g_string_append_c(end, ']');
	append_list(end, "checkouts", &kcidb->checkouts);
	append_list(end, "builds", &kcidb->builds);
	append_list(end, "issues", &kcidb->issues);
	append_list(end, "incidents", &kcidb->incidents);
	g_string_append(end, "}\n");
	return g_string_free(end, FALSE);
}

static void write_end(struct kcidb *kcidb, const char *before)
{
	g_autofree char *end = end_of_file(kcidb, kcidb->cases_left, "the run has not ended");

	log_file_write_with_tail(kcidb->file, before, end);
}

static void *kcidb_begin(const char *target, const struct environment *environment,
			 const GPtrArray *cases, GError **error)
{
	struct log_file *file = log_file_create(target, error);
	g_autofree char *uuid = g_uuid_string_random();
	struct kcidb *kcidb;

	if (!file)
		return NULL;
	kcidb = g_new0(struct kcidb, 1);
	kcidb->file = file;
	kcidb->run = g_strconcat("ferry-", uuid, NULL);
	kcidb->cases_left = cases->len;
	kcidb_list_init(&kcidb->checkouts, names.origin);
	kcidb_list_init(&kcidb->builds, names.origin);
	kcidb_list_init(&kcidb->issues, names.origin);
	kcidb_list_init(&kcidb->incidents, names.origin);
	g_free(build_of(kcidb, environment));
	write_end(kcidb, HEAD);
	return kcidb;
}

static void kcidb_ended(void *data, const struct result *result)
{
	struct kcidb *kcidb = data;
	g_autoptr(GArray) tests = test_verdicts(result);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *id = id_of(kcidb, result, NULL);
	const struct test_run of_case = {
		.status = status_of_case(result),
		.verdict = verdict_name(result->verdict),
		.reason = result->reason,
		.detail = result->detail,
		.duration_ns = result->duration_ns,
	};

	add_test_run(kcidb, text, result, id, &of_case);
	for (guint i = 0; i < tests->len; i++) {
		const struct test_verdict *test = &g_array_index(tests, struct test_verdict, i);
		g_autofree char *test_id = id_of(kcidb, result, test->name);
		const struct test_run run = {
			.test = test->name,
			.status = status_of_test(test->verdict),
			.verdict = test->verdict,
			.reason = test->reason,
			.duration_ns = test->duration_ns,
		};

		add_test_run(kcidb, text, result, test_id, &run);
	}
	add_incidents(kcidb, result);
	if (kcidb->cases_left)
		kcidb->cases_left--;
	write_end(kcidb, text->str);
}

static gboolean kcidb_end(void *data, guint not_run, const char *why, GError **error)
{
	struct kcidb *kcidb = data;
	g_autofree char *end = end_of_file(kcidb, not_run, why);
	gboolean written;

	log_file_write_with_tail(kcidb->file, "", end);
	written = log_file_finish(kcidb->file, error);
	kcidb_list_clear(&kcidb->checkouts);
	kcidb_list_clear(&kcidb->builds);
	kcidb_list_clear(&kcidb->issues);
	kcidb_list_clear(&kcidb->incidents);
	g_free(kcidb->last_build);
	g_free(kcidb->run);
	g_free(kcidb);
	return written;
}

const struct reporter kcidb_reporter = {
	.name = "kcidb",
	.about = "Write results as JSON for KCIDB, the database of the kernel's CI systems",
	.takes_file = TRUE,
	.begin = kcidb_begin,
	.ended = kcidb_ended,
	.end = kcidb_end,
};
