// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares results with known-issues.cfg. An issue excuses what it explains and nothing else: the
 * failed tests that it names, and of other failures (struct failure) those that its pattern
 * matches.
 */
#include <string.h>

#include "lab/kinds.h"
#include "plan/plan.h"
#include "run/known-issue.h"
#include "run/known-issues.h"
#include "suite/kvm-wanted.h"
#include "util/text.h"
#include "vmm/vmm.h"

/* An issue that shows only now and then should have shown in this many results. */
#define MANY_RESULTS 20

/* Compares as many numbers as LIMIT has, so that 6.1.192 is within "..6.1". */
static int compare_versions(const char *version, const char *limit)
{
	for (;;) {
		guint64 a = g_ascii_strtoull(version, (char **)&version, 10);
		guint64 b = g_ascii_strtoull(limit, (char **)&limit, 10);

		if (a != b)
			return a < b ? -1 : 1;
		if (*limit != '.')
			return 0;
		limit++;
		if (*version == '.')
			version++;
	}
}

/* RANGE is "FROM..TO", and either may be missing. */
static gboolean within_range(const char *version, const char *range)
{
	const char *dots = strstr(range, "..");
	g_autofree char *from = dots ? g_strndup(range, dots - range) : g_strdup(range);
	const char *to = dots ? dots + 2 : range;

	return (!*from || compare_versions(version, from) >= 0) &&
	       (!*to || compare_versions(version, to) <= 0);
}

/* NULL RANGES hold every version. An unknown VERSION (NULL) is in no range. */
static gboolean within(const char *version, char **ranges)
{
	if (!ranges)
		return TRUE;
	for (char **range = ranges; version && *range; range++)
		if (within_range(version, *range))
			return TRUE;
	return FALSE;
}

/*
 * Issues of a lab are bugs of its emulated CPU, or of a KVM on that. So they also hold for a lab
 * that has the same emulated CPU. They do not hold for a lab that runs on this machine's own KVM:
 * only `*` matches there.
 */
static gboolean is_lab(const struct known_issue *issue, const struct environment *environment)
{
	const struct lab_kind *kind = lab_kind_find(environment->host);

	if (!environment->cpu_emulated)
		return text_glob_any(issue->hosts, "");
	return text_glob_any(issue->hosts, environment->host) ||
	       (kind && kind->emulates_like && text_glob_any(issue->hosts, kind->emulates_like));
}

static gboolean is_host(const struct known_issue *issue, const struct environment *environment)
{
	if (!g_strcmp0(environment->accel, "tcg") && text_glob_any(issue->hosts, "tcg"))
		return TRUE;
	if (g_str_equal(environment->host, "local"))
		return text_glob_any(issue->hosts, environment->host);
	return is_lab(issue, environment);
}

/* Does one of the QEMUs have such a version? */
static gboolean is_qemu(const struct known_issue *issue, const struct result *result)
{
	const char *name = result->environment->vmm;
	const struct vmm *vmm = name ? vmm_find(name, NULL) : NULL;

	if (!issue->qemus)
		return TRUE;
	return vmm && vmm->is_qemu &&
	       (within(result->vmm_version, issue->qemus) ||
		(result->other_vmm_version && within(result->other_vmm_version, issue->qemus)));
}

/* With --accel tcg the VMM is what emulates the CPU. */
static gboolean is_emulator(const struct known_issue *issue, const struct result *result)
{
	const struct environment *environment = result->environment;

	return within(!g_strcmp0(environment->accel, "tcg") ? result->vmm_version
							    : environment->emulator_version,
		      issue->emulators);
}

/*
 * Does the plan make such a VMM restore the guest, or write back what it has read, which is no more
 * than it would restore?
 */
static gboolean is_restored(const struct known_issue *issue, const struct result *result)
{
	const char *vmm = result->environment->vmm;

	const struct plan *plan = result->test_case->plan;

	if (!issue->restored)
		return TRUE;
	return (plan->restores || (issue->written_back && plan->options & OPTION_PEEK)) && vmm &&
	       text_glob_any(issue->restored, vmm);
}

/* Is the issue about this case, on this host and with these versions? */
static gboolean concerns(const struct known_issue *issue, const struct result *result)
{
	const struct environment *environment = result->environment;
	const struct plan *plan = result->test_case->plan;
	const char *program = result->test_case->program->name;
	g_autofree char *name = g_strconcat(program, "/", plan->name, NULL);
	/* An issue of a plan is also one of the plan with options. */
	g_autofree char *plain =
		g_strconcat(program, "/", plan->base ? plan->base->name : "", NULL);

	return (text_glob_any(issue->case_globs, name) ||
		text_glob_any(issue->case_globs, plain)) &&
	       is_restored(issue, result) && is_host(issue, environment) &&
	       within(environment->kernel, issue->kernels) && is_qemu(issue, result) &&
	       is_emulator(issue, result) &&
	       (!issue->kvm || kvm_wanted_holds(issue->kvm, environment->kvm_parameters));
}

static gboolean names_test(const struct known_issue *issue, const char *test)
{
	return !issue->test_globs || (test && text_glob_any(issue->test_globs, test));
}

static gboolean matches(const GRegex *pattern, const char *text)
{
	return pattern && text && g_regex_match(pattern, text, 0, NULL);
}

/*
 * Does the issue explain each of the test's failed checks? The reason of an unfinished test is the
 * guest's end, and not one of them.
 */
static gboolean explains_test(const struct known_issue *issue, const struct test_result *test)
{
	if (!names_test(issue, test->name))
		return FALSE;
	if (!issue->failure)
		return TRUE;
	if (!test->unfinished && !matches(issue->failure, test->reason))
		return FALSE;
	for (guint i = 0; test->further && i < test->further->len; i++)
		if (!matches(issue->failure, test->further->pdata[i]) &&
		    !matches(issue->then, test->further->pdata[i]))
			return FALSE;
	return TRUE;
}

/*
 * A test's name says nothing about how a guest ends, so only an issue with a pattern explains that.
 */
static gboolean explains_failure(const struct known_issue *issue, const struct failure *failure)
{
	return matches(issue->failure, failure->text) && names_test(issue, failure->test);
}

/* What is found while the issues are compared with one result. */
struct comparison {
	GPtrArray *issues;
	struct result *result;
	const struct known_issue *first; /* the first issue that explains something */
	char *unexplained;		 /* the first failure that none explains ... */
	enum failure_kind kind;		 /* ... and its kind */
	gboolean all_explained;
};

/*
 * Notes that ISSUE, or nothing (NULL), explains what failed with this REASON; TEST is the test's
 * name, if that is not in the reason.
 */
static void note(struct comparison *comparison, const struct known_issue *issue,
		 enum failure_kind kind, const char *test, const char *reason)
{
	if (issue && !comparison->first)
		comparison->first = issue;
	if (issue)
		return;
	comparison->all_explained = FALSE;
	if (comparison->unexplained)
		return;
	comparison->kind = kind;
	comparison->unexplained = g_strdup_printf("%s%s%s", test ? test : "", test ? ": " : "",
						  reason ? reason : "failed");
}

static const struct known_issue *find_for_test(const struct comparison *comparison,
					       const struct test_result *test)
{
	for (guint i = 0; i < comparison->issues->len; i++)
		if (concerns(comparison->issues->pdata[i], comparison->result) &&
		    explains_test(comparison->issues->pdata[i], test))
			return comparison->issues->pdata[i];
	return NULL;
}

static const struct known_issue *find_for_failure(const struct comparison *comparison,
						  const struct failure *failure)
{
	for (guint i = 0; i < comparison->issues->len; i++)
		if (concerns(comparison->issues->pdata[i], comparison->result) &&
		    explains_failure(comparison->issues->pdata[i], failure))
			return comparison->issues->pdata[i];
	return NULL;
}

/* ISSUE may be NULL, if the runner inside the lab has found it already. */
static void expect(struct test_result *test, const struct known_issue *issue)
{
	if (issue && !test->issue) {
		test->issue = g_strdup(issue->name);
		test->sometimes = issue->sometimes;
	}
	g_free(test->verdict);
	test->verdict = g_strdup("xfail");
}

static void compare_tests(struct comparison *comparison)
{
	GPtrArray *tests = comparison->result->tests;

	for (guint i = 0; i < tests->len; i++) {
		struct test_result *test = tests->pdata[i];
		const struct known_issue *issue;

		if (g_strcmp0(test->verdict, "fail") || test->unfinished)
			continue;
		issue = find_for_test(comparison, test);
		note(comparison, issue, KIND_CHECK, test->name, test->reason);
		if (issue)
			expect(test, issue);
	}
}

static void compare_failures(struct comparison *comparison)
{
	GPtrArray *failures = comparison->result->failures;

	for (guint i = 0; i < failures->len; i++) {
		struct failure *failure = failures->pdata[i];
		const struct known_issue *issue;

		if (failure->known)
			continue;
		issue = find_for_failure(comparison, failure);
		note(comparison, issue, failure->kind, NULL, failure->text);
		failure->known = issue != NULL;
		if (issue) {
			failure->issue = g_strdup(issue->name);
			failure->sometimes = issue->sometimes;
		}
	}
}

/*
 * A test in which the guest ended is known if that end is known. The checks that had failed in it
 * before need an issue as well.
 */
static void compare_unfinished_tests(struct comparison *comparison)
{
	GPtrArray *tests = comparison->result->tests;

	for (guint i = 0; i < tests->len; i++) {
		struct test_result *test = tests->pdata[i];

		if (g_strcmp0(test->verdict, "fail") || !test->unfinished)
			continue;
		if (test->further)
			note(comparison, find_for_test(comparison, test), KIND_CHECK, test->name,
			     test->further->pdata[0]);
		if (comparison->all_explained)
			expect(test, comparison->first);
	}
}

static void explain(struct result *result, const struct known_issue *issue)
{
	char *reason =
		g_strdup_printf("%s (%s): %s", issue->reason, issue->evidence, result->reason);

	g_free(result->reason);
	result->reason = reason;
	result->verdict = VERDICT_XFAIL;
}

/*
 * Each failed test that an issue explains becomes "xfail", and each other failure known. If that
 * leaves nothing, the case becomes XFAIL, with the first issue's reason. Else it tells what is not
 * explained. Results from a lab come here twice, the first time inside, where not all hosts match.
 */
static void apply_to_failure(GPtrArray *issues, struct result *result)
{
	struct comparison comparison = { .issues = issues,
					 .result = result,
					 .all_explained = TRUE };

	compare_tests(&comparison);
	compare_failures(&comparison);
	compare_unfinished_tests(&comparison);
	if (comparison.first && comparison.all_explained) {
		explain(result, comparison.first);
	} else if (comparison.first) {
		g_free(result->reason);
		result->reason =
			g_strdup_printf("%s (besides known issues)", comparison.unexplained);
		result->kind = comparison.kind;
	}
	g_free(comparison.unexplained);
}

/* Did a test that the issue is about run at all? With other parameters of KVM it may be skipped. */
static gboolean was_tried(const struct known_issue *issue, const struct result *result)
{
	if (!issue->test_globs)
		return TRUE;
	for (guint i = 0; i < result->tests->len; i++) {
		const struct test_result *test = result->tests->pdata[i];

		if (test->name && g_strcmp0(test->verdict, "skip") &&
		    text_glob_any(issue->test_globs, test->name))
			return TRUE;
	}
	return FALSE;
}

/* --strict: somebody has to look, and to limit the issue's versions or to remove it. */
static void fail_unexpected_pass(struct result *result, const char *text)
{
	result->verdict = VERDICT_FAIL;
	result->kind = KIND_UNEXPECTED_PASS;
	g_free(result->reason);
	result->reason = g_strdup(text);
	result_add_failure(result, KIND_UNEXPECTED_PASS, text, NULL);
}

static void apply_to_pass(GPtrArray *issues, struct result *result)
{
	for (guint i = 0; i < issues->len; i++) {
		const struct known_issue *issue = issues->pdata[i];
		g_autofree char *before = NULL, *text = NULL;

		if (!concerns(issue, result) || issue->sometimes || !was_tried(issue, result))
			continue;
		/* There is a warning already if the host's kernel has said something. */
		text = g_strdup_printf("it passed, though known-issues.cfg [%s] says: %s",
				       issue->name, issue->reason);
		if (!result->warning || !strstr(result->warning, text)) {
			before = result->warning;
			result->warning =
				g_strconcat(before ? before : "", before ? "; " : "", text, NULL);
		}
		if (issue->strict)
			fail_unexpected_pass(result, text);
		return;
	}
}

static gboolean explained_something(const struct known_issue *issue, const struct result *result)
{
	for (guint i = 0; i < result->tests->len; i++)
		if (!g_strcmp0(((struct test_result *)result->tests->pdata[i])->issue, issue->name))
			return TRUE;
	for (guint i = 0; i < result->failures->len; i++)
		if (!g_strcmp0(((struct failure *)result->failures->pdata[i])->issue, issue->name))
			return TRUE;
	return FALSE;
}

/* A case that ended in any other way may not have reached what the issue is about. */
static void tally(GPtrArray *issues, const struct result *result)
{
	gboolean ended = result->verdict == VERDICT_PASS || result->verdict == VERDICT_XFAIL ||
			 result->kind == KIND_UNEXPECTED_PASS;

	for (guint i = 0; i < issues->len; i++) {
		struct known_issue *issue = issues->pdata[i];
		gboolean matched = explained_something(issue, result);

		issue->matched += matched;
		issue->tried +=
			matched || (ended && concerns(issue, result) && was_tried(issue, result));
	}
}

void known_issues_be_strict(GPtrArray *issues)
{
	for (guint i = 0; i < issues->len; i++)
		((struct known_issue *)issues->pdata[i])->strict = TRUE;
}

char **known_issues_unmatched(GPtrArray *issues)
{
	g_autoptr(GStrvBuilder) lines = g_strv_builder_new();

	for (guint i = 0; i < issues->len; i++) {
		const struct known_issue *issue = issues->pdata[i];
		g_autofree char *line = NULL;

		if (issue->matched == issue->tried || (issue->sometimes && issue->matched) ||
		    (issue->sometimes && issue->tried < MANY_RESULTS))
			continue;
		line = g_strdup_printf(
			"known issue [%s] was not seen in %u of %u case%s that it is about",
			issue->name, issue->tried - issue->matched, issue->tried,
			issue->tried == 1 ? "" : "s");
		g_strv_builder_add(lines, line);
	}
	return g_strv_builder_end(lines);
}

static void apply(GPtrArray *issues, struct result *result)
{
	if (result->verdict == VERDICT_FAIL || result->verdict == VERDICT_ERROR)
		apply_to_failure(issues, result);
	else if (result->verdict == VERDICT_PASS)
		apply_to_pass(issues, result);
}

void known_issues_apply(GPtrArray *issues, struct result *result)
{
	apply(issues, result);
	tally(issues, result);
}

char *known_issues_expected(GPtrArray *issues, const struct test_case *test_case, const char *host,
			    const struct environment *environment)
{
	static const char *const any_test[] = { "*", NULL };
	struct environment there = *environment;
	struct result *result = result_new(test_case, &there);
	GString *words = g_string_new(NULL);

	there.host = (char *)host;
	for (guint i = 0; i < issues->len; i++) {
		struct known_issue of_any_version = *(const struct known_issue *)issues->pdata[i];
		const char *const *globs = (const char *const *)of_any_version.test_globs;

		of_any_version.qemus = NULL;
		if (!g_strcmp0(there.accel, "tcg"))
			of_any_version.emulators = NULL;
		/* With a pattern and no test it is about how guests end. */
		if (!concerns(&of_any_version, result) || (of_any_version.failure && !globs))
			continue;
		for (const char *const *glob = globs ? globs : any_test; *glob; glob++)
			g_string_append_printf(words, "%sexpect=%s", words->len ? " " : "", *glob);
	}
	result_free(result);
	return g_string_free(words, FALSE);
}
