// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a case runs, or why it cannot run. See placement.h. */
#include <string.h>

#include "lab/kinds.h"
#include "plan/option.h"
#include "run/placement.h"
#include "suite/needs.h"
#include "util/text.h"
#include "util/userfault.h"

/* The only architecture that there are guests for; a program for another is skipped. */
#define ARCHITECTURE "x86_64"

/* The `check` of PROGRAM that does not hold on this machine, as a reason; NULL: all hold. */
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

/* What this machine's kernel lacks for PLAN, or NULL. */
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

/* The runner inside the lab checks whatever else the program needs. */
static gboolean lab_offers(const struct lab_kind *lab, const struct program *program)
{
	if (g_str_equal(program->accel, "tcg"))
		return FALSE;
	for (char **need = program->needs; *need; need++)
		if (!lab_kind_offers(lab, *need))
			return FALSE;
	return TRUE;
}

/* Does this machine only emulate what the program is about? */
static gboolean better_in_lab(const struct program *program, const char *accel)
{
	for (char **need = program->needs; *need; need++)
		if (need_met_by_emulation(*need, accel))
			return TRUE;
	return FALSE;
}

/* The clock that a lab must have for the program, unless the user has named one; NULL: any. */
static const char *lab_clock_of(const struct program *program, const struct selection *selection)
{
	const char *clock = selection->lab_clock;

	for (char **need = program->needs; *need && !clock; need++)
		clock = need_lab_clock(*need);
	return clock;
}

/*
 * Adds why a lab does not help either. A case that can run here has no REASON (NULL) and needs
 * none.
 */
static void add_reason(char **reason, const char *further)
{
	g_autofree char *first = *reason;

	*reason = first ? g_strdup_printf("%s; %s", first, further) : NULL;
}

void place_case(struct test_case *test_case, const struct selection *selection)
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
