// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a suite and a command line into cases. */
#include <string.h>

#include "lab/kinds.h"
#include "suite/needs.h"
#include "plan/option.h"
#include "run/select.h"
#include "util/text.h"
#include "util/userfault.h"

/* What the whole suite is written for; others are skipped. */
#define ARCHITECTURE "x86_64"

static const char *const kvm_unit_tests_plans[] = { "none", NULL };
static const char *const kvm_unit_tests_migration_plans[] = { "precopy", NULL };

static gboolean has_word(char **words, const char *word)
{
	return g_strv_contains((const char *const *)words, word);
}

static const char *const *plans_of(const struct suite *suite, const struct program *program,
				   const struct selection *selection)
{
	if (selection->plan_names)
		return (const char *const *)selection->plan_names;
	if (*program->plans)
		return (const char *const *)program->plans;
	if (!suite->kvm_unit_tests)
		return plan_names();
	return has_word(program->groups, "migration") ? kvm_unit_tests_migration_plans
						      : kvm_unit_tests_plans;
}

/* A pattern without '/' means programs, with '/' cases. */
static gboolean matches(const char *pattern, const struct program *program, const char *case_name)
{
	return text_glob(pattern, strchr(pattern, '/') ? case_name : program->name);
}

static char *failed_check(const struct program *program)
{
	for (char **check = program->checks; *check; check++) {
		g_autofree char *path = g_strdup(*check), *value = NULL;
		char *equals = strchr(path, '=');

		*equals = '\0';
		if (!g_file_get_contents(path, &value, NULL, NULL) ||
		    !g_str_equal(g_strchomp(value), equals + 1))
			return g_strdup_printf("needs %s to be %s%s%s", path, equals + 1,
					       value ? ", and it is " : "", value ? value : "");
	}
	return NULL;
}

/* Why the case can run on no host, or NULL. */
static char *reason_anywhere(const struct test_case *test_case, const struct selection *selection)
{
	const struct program *program = test_case->program;

	if (*program->arch && !g_str_equal(program->arch, ARCHITECTURE))
		return g_strdup_printf("is for %s, and this is %s", program->arch, ARCHITECTURE);
	if (test_case->plan->capabilities & ~selection->vmm->capabilities ||
	    test_case->plan->options & ~selection->vmm->options)
		return g_strdup_printf("plan %s needs what the VMM %s cannot do",
				       test_case->plan->name, selection->vmm->name);
	return NULL;
}

/* What PLAN needs of this machine's kernel and does not get, or NULL. */
static char *plan_missing(const struct plan *plan, const struct selection *selection)
{
	const char *problem = NULL;

	if (plan->capabilities & VMM_CAN_SAVE_RUNNING)
		problem = userfault_problem(TRUE);
	else if (plan->capabilities & VMM_CAN_MIGRATE_POSTCOPY)
		problem = userfault_problem(FALSE);
	return problem ? g_strdup(problem)
		       : plan_options_missing(plan->options, selection->accel,
					      selection->wanted->memory_mib);
}

/* Why the case cannot run on this machine, or NULL if it can. */
static char *reason_here(const struct program *program, const struct plan *plan,
			 const struct selection *selection)
{
	g_autofree char *plan_lacks = plan_missing(plan, selection);
	const char *accel = selection->accel;

	if (*program->accel && !g_str_equal(program->accel, accel))
		return g_strdup_printf("is for %s, and this runs on %s", program->accel, accel);
	if (program->smp > most_vcpus(accel))
		return g_strdup_printf("needs %u vCPUs, and %s offers %u", program->smp, accel,
				       most_vcpus(accel));
	for (char **need = program->needs; *need; need++) {
		const char *missing = need_missing(*need, accel);

		if (missing)
			return g_strdup(missing);
	}
	if (plan_lacks)
		return g_strdup_printf("plan %s needs %s", plan->name, plan_lacks);
	if (!g_file_test(program->file, G_FILE_TEST_EXISTS))
		return g_strdup_printf("%s does not exist", program->file);
	return failed_check(program);
}

/* The first of NAMES whose plan is named twice, or NULL: two cases would share a log folder. */
static const char *repeated(char **names)
{
	for (char **name = names; name && *name; name++)
		for (char **later = name + 1; *later; later++)
			if (plan_find(*name) == plan_find(*later))
				return plan_find(*name)->name;
	return NULL;
}

/* A lab runs KVM, and checks the rest itself. */
static gboolean lab_offers(const struct lab_kind *lab, const struct program *program)
{
	if (g_str_equal(program->accel, "tcg"))
		return FALSE;
	for (char **need = program->needs; *need; need++)
		if (!lab_kind_offers(lab, *need))
			return FALSE;
	return TRUE;
}

static gboolean better_in_lab(const struct program *program, const char *accel)
{
	for (char **need = program->needs; *need; need++)
		if (need_met_by_emulation(*need, accel))
			return TRUE;
	return FALSE;
}

/* The kind of clock that a lab must have for the program, or NULL; the user's word counts more. */
static const char *lab_clock_of(const struct program *program, const struct selection *selection)
{
	const char *clock = selection->lab_clock;

	for (char **need = program->needs; *need && !clock; need++)
		clock = need_lab_clock(*need);
	return clock;
}

/* A case that runs here, if a lab would do better, needs no reason. */
static void add_reason(char **reason, const char *further)
{
	g_autofree char *first = *reason;

	*reason = first ? g_strdup_printf("%s; %s", first, further) : NULL;
}

/*
 * Decides where the case runs: on this machine if it can, else in the first lab that
 * offers what it needs. A lab is for what this machine cannot do, and not for what
 * the user has ruled out by --accel tcg.
 */
static void place(struct test_case *test_case, const struct selection *selection)
{
	const struct program *program = test_case->program;
	gboolean anywhere = !selection->host;
	gboolean named = !anywhere && !g_str_equal(selection->host, ANY_LAB);

	test_case->host = "local";
	test_case->skip_reason = reason_anywhere(test_case, selection);
	if (test_case->skip_reason)
		return;
	if (anywhere || g_str_equal(selection->host, "local")) {
		test_case->skip_reason = reason_here(program, test_case->plan, selection);
		if (!anywhere || !*program->needs || selection->wanted->accel)
			return;
		if (!test_case->skip_reason && !better_in_lab(program, selection->accel))
			return;
	}
	for (const struct lab_kind *lab = lab_kinds; lab->name; lab++) {
		if (named ? !g_str_equal(lab->name, selection->host) : !lab_offers(lab, program))
			continue;
		if (anywhere && lab->missing()) {
			add_reason(&test_case->skip_reason, lab->missing());
			continue;
		}
		g_clear_pointer(&test_case->skip_reason, g_free);
		test_case->host = lab->name;
		test_case->lab_clock = lab_clock_of(program, selection);
		return;
	}
	if (!anywhere)
		test_case->skip_reason = g_strdup("no lab offers all that it needs");
}

static gboolean check_plans_of(const struct suite *suite, const struct program *program,
			       GError **error)
{
	for (char **plan = program->plans; *plan; plan++) {
		g_autofree char *problem = plan_problem(*plan);

		if (!problem)
			continue;
		g_set_error(error, FERRY_ERROR, 0, "%s:%u: [%s]: %s", suite->path, program->line,
			    program->name, problem);
		return FALSE;
	}
	if (!repeated(program->plans))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0, "%s:%u: [%s] names the plan '%s' twice", suite->path,
		    program->line, program->name, repeated(program->plans));
	return FALSE;
}

static gboolean check_needs_of(const struct suite *suite, const struct program *program,
			       GError **error)
{
	for (char **need = program->needs; *need; need++) {
		g_autofree char *suggestion = NULL;

		if (g_strv_contains(need_names(), *need))
			continue;
		suggestion = text_suggest(*need, need_names());
		g_set_error(error, FERRY_ERROR, 0, "%s:%u: [%s] names the unknown need '%s'%s",
			    suite->path, program->line, program->name, *need, suggestion);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_words(const struct suite *suite, GError **error)
{
	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		if (!check_plans_of(suite, program, error) ||
		    !check_needs_of(suite, program, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean check_binaries(const struct suite *suite, GPtrArray *cases, GError **error)
{
	for (guint i = 0; !suite->kvm_unit_tests && i < cases->len; i++) {
		const struct program *program =
			((const struct test_case *)cases->pdata[i])->program;

		if (g_file_test(program->file, G_FILE_TEST_EXISTS))
			continue;
		g_set_error(error, FERRY_ERROR, 0,
			    "%s:%u: [%s]: %s does not exist; correct 'file', or run make",
			    suite->path, program->line, program->name, program->file);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_plan_names(const struct selection *selection, GError **error)
{
	for (char **name = selection->plan_names; name && *name; name++) {
		g_autofree char *problem = plan_problem(*name);

		if (!problem)
			continue;
		g_set_error(error, FERRY_ERROR, 0, "--plan: %s", problem);
		return FALSE;
	}
	if (repeated(selection->plan_names)) {
		g_set_error(error, FERRY_ERROR, 0, "--plan: '%s' is named twice",
			    repeated(selection->plan_names));
		return FALSE;
	}
	if (selection->plan_names && !*selection->plan_names) {
		g_autofree char *all = g_strjoinv(", ", (char **)plan_names());

		g_set_error(error, FERRY_ERROR, 0, "--plan: no plan is named; known: %s", all);
		return FALSE;
	}
	return TRUE;
}

static gboolean no_match(const struct suite *suite, const char *pattern, GError **error)
{
	g_autofree const char **names = g_new0(const char *, suite->programs->len + 1);
	g_autofree char *program = g_strndup(pattern, strcspn(pattern, "/"));
	const char *closest;

	for (guint i = 0; i < suite->programs->len; i++)
		names[i] = ((struct program *)suite->programs->pdata[i])->name;
	closest = text_closest(program, names);
	g_set_error(error, FERRY_ERROR, 0,
		    closest && !g_str_equal(closest, program)
			    ? "no case matches '%s' (did you mean '%s'?)"
			    : "no case matches '%s'; 'ferry list' shows what there is",
		    pattern, closest);
	return FALSE;
}

/* The first pattern that means this case, or NULL; "*" where there are no patterns. */
static const char *meant_by(const struct selection *selection, const struct program *program,
			    const char *case_name, gboolean *used)
{
	const char *first = NULL;

	if (!selection->patterns || !*selection->patterns)
		return "*";
	for (guint i = 0; selection->patterns[i]; i++)
		if (matches(selection->patterns[i], program, case_name)) {
			used[i] = TRUE;
			first = first ? first : selection->patterns[i];
		}
	return first;
}

static void add_case(GPtrArray *cases, const struct selection *selection,
		     const struct program *program, const struct plan *plan, int number)
{
	struct test_case *test_case = g_new0(struct test_case, 1);
	const struct settings *wanted = selection->wanted;
	g_autofree char *suffix =
		wanted->repeat > 1 ? g_strdup_printf("#%d", number) : g_strdup("");

	test_case->program = program;
	test_case->plan = plan;
	test_case->plan_name = plan->name;
	test_case->action = plan->action;
	test_case->reboots = plan->reboots;
	test_case->name = g_strconcat(program->name, "/", plan->name, suffix, NULL);
	test_case->log_name = g_strdup(test_case->name);
	test_case->seed = (guint32)wanted->seed ^ g_str_hash(test_case->name);
	place(test_case, selection);
	g_ptr_array_add(cases, test_case);
}

GPtrArray *select_cases(const struct suite *suite, const struct selection *selection,
			GError **error)
{
	guint patterns = selection->patterns ? g_strv_length(selection->patterns) : 0;
	g_autofree gboolean *used = g_new0(gboolean, patterns + 1);
	GPtrArray *cases;

	if (!check_words(suite, error) || !check_plan_names(selection, error))
		return NULL;
	cases = g_ptr_array_new_with_free_func((GDestroyNotify)test_case_free);
	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		for (const char *const *name = plans_of(suite, program, selection); *name; name++) {
			const struct plan *plan = plan_find(*name);
			g_autofree char *case_name =
				g_strconcat(program->name, "/", plan->name, NULL);
			const char *pattern = meant_by(selection, program, case_name, used);

			/* "nodefault" programs run only when they are named. */
			if (!pattern ||
			    (g_str_equal(pattern, "*") && has_word(program->groups, "nodefault")))
				continue;
			for (int number = 1; number <= selection->wanted->repeat; number++)
				add_case(cases, selection, program, plan, number);
		}
	}
	for (guint i = 0; i < patterns; i++)
		if (!used[i] && !no_match(suite, selection->patterns[i], error)) {
			g_ptr_array_unref(cases);
			return NULL;
		}
	if (!check_binaries(suite, cases, error))
		g_clear_pointer(&cases, g_ptr_array_unref);
	return cases;
}
