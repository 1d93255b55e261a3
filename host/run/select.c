// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns a suite and a command line into cases. Where each runs is decided in placement.c. */
#include <string.h>

#include "plan/option.h"
#include "run/placement.h"
#include "run/select.h"
#include "suite/firmware.h"
#include "suite/needs.h"
#include "util/text.h"

/* UEFI's images are built only where gnu-efi is. */
#define UEFI_HINT " after 'scripts/packages --install efi' and ./configure"

/* kvm-unit-tests' programs name no plans of ours, so they run under these. */
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

/* A pattern with a '/' is matched with names of cases, one without with names of programs. */
static gboolean matches(const char *pattern, const struct program *program, const char *case_name)
{
	return text_glob(pattern, strchr(pattern, '/') ? case_name : program->name);
}

/*
 * The first plan that is in NAMES twice, or NULL. Two cases with one name would write to one log
 * folder.
 */
static const char *repeated(char **names)
{
	for (char **name = names; name && *name; name++)
		for (char **later = name + 1; *later; later++)
			if (plan_find(*name) == plan_find(*later))
				return plan_find(*name)->name;
	return NULL;
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

static gboolean check_binaries(const struct suite *suite, GPtrArray *cases, enum firmware firmware,
			       GError **error)
{
	for (guint i = 0; !suite->kvm_unit_tests && i < cases->len; i++) {
		const struct program *program =
			((const struct test_case *)cases->pdata[i])->program;

		g_autofree char *image = firmware_image(firmware, program->file);

		if (g_file_test(image, G_FILE_TEST_EXISTS))
			continue;
		g_set_error(error, FERRY_ERROR, 0,
			    "%s:%u: [%s]: %s does not exist; correct 'file', or run make%s",
			    suite->path, program->line, program->name, image,
			    firmware == FIRMWARE_USUAL ? "" : UEFI_HINT);
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

static gboolean check_vmm(const struct selection *selection, GError **error)
{
	if (!selection->vmm || !selection->vmm->kvm_alone || g_str_equal(selection->accel, "kvm"))
		return TRUE;
	g_set_error(error, FERRY_ERROR, 0,
		    "--vmm %s runs guests on KVM alone, and --accel %s is none; leave one out",
		    selection->vmm->name, selection->accel);
	return FALSE;
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

/*
 * The first pattern that the case matches, or NULL; "*" if there are no patterns. USED is set for
 * each that it matches.
 */
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

/* The first VMM that can carry out PLAN, or the first of all. */
static const struct vmm *vmm_for(const struct plan *plan)
{
	for (const struct vmm *const *vmm = vmms; *vmm; vmm++)
		if (!(plan->capabilities & ~(*vmm)->capabilities) &&
		    !(plan->options & ~(*vmm)->options))
			return *vmm;
	return vmms[0];
}

/*
 * A program of ours runs under all plans if neither the user nor its stanza names some. Then a plan
 * is left out if it runs only by name, or if it needs another VMM than the default one and cannot
 * have it: the user has named QEMU, or the program needs a device that only QEMU has. Cases that
 * need other firmware are left out, too. A case that is named is skipped, with the reason.
 */
static gboolean is_left_out(const struct program *program, const struct plan *plan,
			    const struct vmm *vmm, const char *pattern,
			    const struct selection *selection)
{
	const struct vm_machine machine = program_machine(program, selection->wanted);
	g_autofree char *lacks = NULL;

	if (!has_firmware(program, selection))
		return strpbrk(pattern, "*?") != NULL;
	if (selection->plan_names || *program->plans || strchr(pattern, '/'))
		return FALSE;
	if (plan->only_by_name)
		return TRUE;
	if (vmm_for(plan) == vmms[0])
		return FALSE;
	if (plan->capabilities & ~vmm->capabilities)
		return TRUE;
	lacks = vmm->lacks ? vmm->lacks(&machine) : NULL;
	return lacks != NULL;
}

static struct test_case *add_case(GPtrArray *cases, const struct selection *selection,
				  const struct program *program, const struct plan *plan,
				  const struct vmm *vmm, int number)
{
	struct test_case *test_case = g_new0(struct test_case, 1);
	const struct settings *wanted = selection->wanted;
	g_autofree char *suffix =
		wanted->repeat > 1 ? g_strdup_printf("#%d", number) : g_strdup("");

	test_case->program = program;
	test_case->plan = plan;
	test_case->vmm = vmm;
	test_case->vmm_name = vmm->name;
	test_case->vmm_files = vmm->lab_files;
	test_case->plan_name = plan->name;
	test_case->action = plan->action;
	test_case->reboots = plan->reboots;
	test_case->name = g_strconcat(program->name, "/", plan->name, suffix, NULL);
	test_case->log_name = g_strdup(test_case->name);
	test_case->seed = (guint32)wanted->seed ^ g_str_hash(test_case->name);
	place_case(test_case, selection);
	g_ptr_array_add(cases, test_case);
	return test_case;
}

GPtrArray *select_cases(const struct suite *suite, const struct selection *selection,
			GError **error)
{
	guint patterns = selection->patterns ? g_strv_length(selection->patterns) : 0;
	g_autofree gboolean *used = g_new0(gboolean, patterns + 1);
	GPtrArray *cases;

	if (!check_words(suite, error) || !check_plan_names(selection, error) ||
	    !check_vmm(selection, error))
		return NULL;
	cases = g_ptr_array_new_with_free_func((GDestroyNotify)test_case_free);
	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		for (const char *const *name = plans_of(suite, program, selection); *name; name++) {
			const struct plan *plan = plan_find(*name);
			const struct vmm *vmm = selection->vmm ? selection->vmm : vmm_for(plan);
			g_autofree char *case_name =
				g_strconcat(program->name, "/", plan->name, NULL);
			const char *pattern = meant_by(selection, program, case_name, used);

			/* A "nodefault" program runs only if it is named. */
			if (!pattern ||
			    (g_str_equal(pattern, "*") && has_word(program->groups, "nodefault")))
				continue;
			if (is_left_out(program, plan, vmm, pattern, selection))
				continue;
			for (int number = 1; number <= selection->wanted->repeat; number++)
				add_case(cases, selection, program, plan, vmm, number)->under_way =
					plan->continuous && suite->kvm_unit_tests;
		}
	}
	for (guint i = 0; i < patterns; i++)
		if (!used[i] && !no_match(suite, selection->patterns[i], error)) {
			g_ptr_array_unref(cases);
			return NULL;
		}
	if (!check_binaries(suite, cases, firmware_of(selection->wanted->firmware), error))
		g_clear_pointer(&cases, g_ptr_array_unref);
	return cases;
}
