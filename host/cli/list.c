// SPDX-License-Identifier: GPL-2.0-or-later
/* `ferry list`: which cases there are, what they test, and where they run. */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/list-times.h"
#include "cli/list-words.h"
#include "cli/project.h"
#include "cli/run-cases.h"
#include "suite/firmware.h"
#include "suite/guest-image.h"
#include "plan/option.h"
#include "run/environment.h"
#include "run/select.h"
#include "util/text.h"
#include "vmm/vmm.h"

static struct {
	gboolean verbose, json, times;
	char *words, *plan_list, *host;
	char **patterns;
} options;

static struct settings settings;

static const GOptionEntry entries[] = {
	{ "verbose", 'v', 0, G_OPTION_ARG_NONE, &options.verbose,
	  "Also list the tests of each program, and tell what plans and their options do", NULL },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON, one object for each case",
	  NULL },
	{ "times", 0, 0, G_OPTION_ARG_NONE, &options.times,
	  "List how long each case is expected to take, how that is known, and the total", NULL },
	{ "plan", 0, 0, G_OPTION_ARG_STRING, &options.plan_list,
	  "List the cases of these plans, and not of the programs' own", "LIST" },
	{ "host", 0, 0, G_OPTION_ARG_STRING, &options.host,
	  "List the cases on this host, with the words of 'ferry run --host'", "HOST" },
	{ "vmm", 0, 0, G_OPTION_ARG_STRING, &settings.vmm,
	  "List the cases on this VMM (default: the first that can carry out the plan)", "VMM" },
	{ "accel", 0, 0, G_OPTION_ARG_STRING, &settings.accel,
	  "kvm: no case runs in a lab; tcg: on TCG (default: kvm, here or in a lab)", "ACCEL" },
	{ "firmware", 0, 0, G_OPTION_ARG_STRING, &settings.firmware,
	  "List the cases with guests that this firmware starts: usual, uefi or uefi-secure (default: usual)",
	  "KIND" },
	{ "words", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &options.words,
	  "For completion: what the option OPTION of 'ferry run' may be, or 'case'", "OPTION" },
	{ "suite", 0, 0, G_OPTION_ARG_FILENAME, &settings.suite,
	  "List another suite's unittests.cfg", "CFG" },
	{ "bindir", 0, 0, G_OPTION_ARG_FILENAME, &settings.bindir,
	  "Where the suite's flat binaries are (default: beside CFG)", "DIR" },
	{ G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.patterns, NULL,
	  "[PATTERN...]" },
	{ 0 },
};

static void print_tests(const struct program *program)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) tests = guest_image_tests(program->file, &error);

	if (!tests)
		printf("    (%s)\n", error->message);
	for (guint i = 0; tests && i < tests->len; i++) {
		const struct guest_test *test = tests->pdata[i];
		g_autofree char *needs = g_strjoinv(", ", test->needs);

		printf("    %s%s%s%s%s\n        %s\n", test->name,
		       test->each_cpu ? " (on each CPU)" : "", *needs ? " (needs " : "", needs,
		       *needs ? ")" : "", test->about);
	}
}

/* Where there is KVM most cases run on this machine, so only -v says so. */
static void print_where(const struct test_case *test_case)
{
	if (test_case->skip_reason)
		printf("  [skips here: %s]", test_case->skip_reason);
	else if (!g_str_equal(test_case->host, "local"))
		printf("  [in the %s lab: %s]", test_case->host, test_case->why);
	else if (options.verbose)
		printf("  [local: %s]", test_case->why);
}

static void print_cases(GPtrArray *cases)
{
	const struct program *program = NULL;

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];
		gboolean last;

		if (options.verbose && test_case->program != program)
			printf("%s: %s, %u vCPU%s\n", test_case->program->name,
			       test_case->program->file, test_case->program->smp,
			       test_case->program->smp == 1 ? "" : "s");
		program = test_case->program;
		printf("%s%s", options.verbose ? "  " : "", test_case->name);
		if (options.verbose)
			printf("  %s", test_case->plan->about);
		print_where(test_case);
		printf("\n");
		last = i + 1 == cases->len ||
		       ((const struct test_case *)cases->pdata[i + 1])->program != program;
		if (options.verbose && last)
			print_tests(program);
	}
}

static void print_options(void)
{
	printf("\nOptions may follow the name of a plan, e.g. precopy+multifd+tcp:\n");
	for (const struct plan_option *option = plan_options; option->name; option++) {
		printf("  %-12s  %s\n               ", option->name, option->about);
		for (const struct plan *const *plan = plans; *plan; plan++)
			if ((*plan)->takes & option->bit)
				printf(" %s", (*plan)->name);
		printf("\n");
	}
}

static void add_tests(JsonBuilder *builder, const struct program *program)
{
	g_autoptr(GPtrArray) tests = guest_image_tests(program->file, NULL);

	json_builder_set_member_name(builder, "tests");
	json_builder_begin_array(builder);
	for (guint i = 0; tests && i < tests->len; i++) {
		const struct guest_test *test = tests->pdata[i];

		json_builder_begin_object(builder);
		json_builder_set_member_name(builder, "test");
		json_builder_add_string_value(builder, test->name);
		json_builder_set_member_name(builder, "about");
		json_builder_add_string_value(builder, test->about);
		json_builder_set_member_name(builder, "each_cpu");
		json_builder_add_boolean_value(builder, test->each_cpu);
		json_builder_end_object(builder);
	}
	json_builder_end_array(builder);
}

static void print_json(GPtrArray *cases)
{
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];
		g_autoptr(JsonBuilder) builder = json_builder_new();
		g_autoptr(JsonNode) root = NULL;
		g_autofree char *text = NULL;

		json_builder_begin_object(builder);
		json_builder_set_member_name(builder, "case");
		json_builder_add_string_value(builder, test_case->name);
		json_builder_set_member_name(builder, "file");
		json_builder_add_string_value(builder, test_case->program->file);
		json_builder_set_member_name(builder, "smp");
		json_builder_add_int_value(builder, test_case->program->smp);
		json_builder_set_member_name(builder, "host");
		json_builder_add_string_value(builder, test_case->host);
		if (test_case->skip_reason) {
			json_builder_set_member_name(builder, "skips");
			json_builder_add_string_value(builder, test_case->skip_reason);
		} else {
			json_builder_set_member_name(builder, "why");
			json_builder_add_string_value(builder, test_case->why);
		}
		add_tests(builder, test_case->program);
		json_builder_end_object(builder);
		root = json_builder_get_root(builder);
		text = json_to_string(root, FALSE);
		printf("%s\n", text);
	}
}

/* As for `ferry run`, auto is as good as no host. */
static const char *list_host(void)
{
	return g_strcmp0(options.host, "auto") ? options.host : NULL;
}

static int list(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) cases = NULL;
	struct selection selection = { .wanted = &settings };
	struct suite *suite = NULL;
	enum firmware firmware;
	g_auto(GStrv) patterns = NULL;
	g_auto(GStrv) plans = NULL;
	g_autofree char *vmm_list = vmm_names();
	g_autofree char *description = g_strdup_printf("VMM is %s.\n", vmm_list);

	settings = default_settings;
	g_option_context_set_summary(
		context,
		"Lists the cases whose names match a PATTERN, a glob such as 'kvmclock' or '*/storm'; 'quick' means the quick set.");
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error) ||
	    !lab_kind_check_host(options.host, &error) ||
	    !firmware_find(settings.firmware, &firmware, &error) ||
	    (settings.vmm && !(selection.vmm = vmm_find(settings.vmm, &error))) ||
	    !(selection.accel = choose_accel(settings.accel, list_host(), &error)) ||
	    !(suite = load_suite(&settings, &error)))
		return usage_error("%s", error->message);
	if (options.words) {
		list_words(suite, options.words);
		suite_free(suite);
		return EXIT_ALL_PASSED;
	}
	plans = options.plan_list ? g_strsplit(options.plan_list, ",", -1) : NULL;
	patterns = expand_quick(options.patterns, plans, suite, &error);
	if (error)
		return usage_error("%s", error->message);
	selection.patterns = patterns;
	selection.plan_names = plans;
	selection.host = list_host();
	cases = select_cases(suite, &selection, &error);
	if (!cases)
		return usage_error("%s", error->message);
	if (options.times)
		list_times(cases, selection.accel);
	else if (options.json)
		print_json(cases);
	else
		print_cases(cases);
	if (options.verbose && !options.json && !options.times)
		print_options();
	g_clear_pointer(&cases, g_ptr_array_unref);
	suite_free(suite);
	return EXIT_ALL_PASSED;
}

const struct command list_command = {
	.name = "list",
	.about = "list cases, and with -v their tests",
	.run = list,
};
