// SPDX-License-Identifier: GPL-2.0-or-later
/* Prints what a shell completes. See list-words.h. */
#include <stdio.h>

#include "cli/list-words.h"
#include "lab/kinds.h"
#include "plan/option.h"
#include "plan/plan.h"
#include "run/known-issues.h"
#include "run/quick.h"
#include "suite/firmware.h"
#include "vmm/vmm.h"

static void print_all(const char *const *words)
{
	for (; *words; words++)
		puts(*words);
}

/* A plan may be named even if it is none of the program's own. */
static void print_cases(const struct suite *suite)
{
	puts(QUICK);
	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		puts(program->name);
		for (const char *const *plan = plan_names(); *plan; plan++)
			printf("%s/%s\n", program->name, *plan);
	}
}

static void print_groups(const struct suite *suite)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < suite->programs->len; i++) {
		const struct program *program = suite->programs->pdata[i];

		for (char **group = program->groups; *group; group++)
			if (g_hash_table_add(seen, *group))
				puts(*group);
	}
}

static void print_plans(const struct suite *suite)
{
	print_all(plan_names());
}

static void print_plan_options(const struct suite *suite)
{
	for (const struct plan_option *option = plan_options; option->name; option++)
		puts(option->name);
}

static void print_hosts(const struct suite *suite)
{
	puts("auto\nlocal\n" ANY_LAB);
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
		puts(kind->name);
}

static void print_vmms(const struct suite *suite)
{
	for (const struct vmm *const *vmm = vmms; *vmm; vmm++)
		puts((*vmm)->name);
}

static void print_accels(const struct suite *suite)
{
	puts("kvm\ntcg");
}

static void print_firmware(const struct suite *suite)
{
	print_all(firmware_words());
}

static void print_kernels(const struct suite *suite)
{
	print_all(lab_kernel_words);
}

static void print_clocks(const struct suite *suite)
{
	print_all(lab_clocks());
}

static void print_known_issues(const struct suite *suite)
{
	puts(NO_KNOWN_ISSUES);
}

void list_words(const struct suite *suite, const char *option)
{
	static const struct {
		const char *option;
		void (*print)(const struct suite *suite);
	} rows[] = {
		{ "case", print_cases },
		{ "exclude", print_cases },
		{ "group", print_groups },
		{ "plan", print_plans },
		{ "plan-option", print_plan_options },
		{ "host", print_hosts },
		{ "vmm", print_vmms },
		{ "accel", print_accels },
		{ "firmware", print_firmware },
		{ "kernel", print_kernels },
		{ "lab-clock", print_clocks },
		{ "known-issues", print_known_issues },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		if (g_str_equal(option, rows[i].option))
			rows[i].print(suite);
}
