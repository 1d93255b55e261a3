// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes the command line of a lab. See command-line.h. */
#include "lab/command-line.h"
#include "lab/script.h"
#include "suite/firmware.h"
#include "util/paths.h"

static void add(GPtrArray *arguments, const char *argument)
{
	g_ptr_array_add(arguments, g_strdup(argument));
}

static void add_option(GPtrArray *arguments, const char *name, const char *value)
{
	if (!value)
		return;
	add(arguments, name);
	add(arguments, value);
}

/* Names the plans of CASES. The user may have chosen others than the programs' own. */
static void add_plans(GPtrArray *arguments, const GPtrArray *cases)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		/* All cases with one plan share one string, so comparing addresses is enough. */
		if (!g_ptr_array_find(names, test_case->plan_name, NULL))
			g_ptr_array_add(names, (gpointer)test_case->plan_name);
	}
	g_ptr_array_add(names, NULL);
	add(arguments, "--plan");
	g_ptr_array_add(arguments, g_strjoinv(",", (char **)names->pdata));
}

static void add_patterns(GPtrArray *arguments, const GPtrArray *cases)
{
	add(arguments, "--");
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];

		add(arguments, test_case->name);
	}
}

/*
 * Names what the VMMs of CASES need, each once: a lab without QEMU and its firmware boots sooner.
 * If one of them does not tell, none is named, and the lab gets all.
 */
static void add_vmms(GPtrArray *arguments, const GPtrArray *cases)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	for (guint i = 0; i < cases->len; i++) {
		const char *word = ((const struct test_case *)cases->pdata[i])->vmm_files;

		if (!word)
			return;
		if (!g_ptr_array_find_with_equal_func(words, word, g_str_equal, NULL))
			g_ptr_array_add(words, (gpointer)word);
	}
	for (guint i = 0; i < words->len; i++)
		add_option(arguments, "--vmm", words->pdata[i]);
}

/*
 * Names the files that the lab needs but cannot see. lab/pack-files knows those of this checkout by
 * itself.
 */
static void add_files(GPtrArray *arguments, const GPtrArray *cases, const struct settings *wanted,
		      char **words)
{
	enum firmware firmware = firmware_of(wanted->firmware);

	add_option(arguments, "--firmware", wanted->firmware);
	for (char **word = words; *word; word++)
		if (g_str_equal(*word, "--suite") || g_str_equal(*word, "--qemu") ||
		    g_str_equal(*word, "--qemu-dst") || g_str_equal(*word, "--ferry-vmm") ||
		    (g_str_equal(*word, "--known-issues") &&
		     !g_str_equal(word[1], NO_KNOWN_ISSUES)))
			add_option(arguments, "--file", word[1]);
	add_vmms(arguments, cases);
	for (guint i = 0; i < cases->len; i++) {
		const struct test_case *test_case = cases->pdata[i];
		g_autofree char *image = firmware_image(firmware, test_case->program->file);

		if (g_file_test(image, G_FILE_TEST_EXISTS))
			add_option(arguments, "--file", image);
	}
}

static void add_inner_run(GPtrArray *arguments, const struct lab_kind *kind, gboolean emulated,
			  char **words, const GPtrArray *cases, const char *logdir)
{
	g_autofree char *ferry = build_path("ferry");

	g_ptr_array_add(arguments, g_canonicalize_filename(ferry, NULL));
	add(arguments, "run");
	add(arguments, "--stream");
	/* What the user's file says is in WORDS already. */
	add(arguments, "--no-config");
	/* The names may be those of single repeats, and tell the order in which the cases run. */
	add(arguments, "--in-order");
	if (emulated) {
		add(arguments, "--emulated-host");
		add(arguments, "--prefork");
	}
	add_option(arguments, "--host", "local");
	add_option(arguments, "--in-lab", kind->name);
	/* Inside the lab a KVM that cannot be used is an error, and no reason to skip. */
	add_option(arguments, "--accel", "kvm");
	add_option(arguments, "--logdir", logdir);
	for (char **word = words; *word; word++)
		add(arguments, *word);
	add_plans(arguments, cases);
	add_patterns(arguments, cases);
}

char **lab_command_line(const struct lab_kind *kind, const struct lab_options *options,
			const struct settings *wanted, const GPtrArray *cases, const char *logdir)
{
	GPtrArray *arguments = g_ptr_array_new();
	g_auto(GStrv) words = settings_to_arguments(wanted);
	gboolean emulated = !kind->is_hardware();

	g_ptr_array_add(arguments, lab_script_path(kind->name));
	add_option(arguments, "--kernel", options->kernel);
	add_option(arguments, "--modules", options->modules);
	add_option(arguments, "--clock", options->clock);
	add_option(arguments, "--kvm", wanted->kvm);
	add_option(arguments, "--accel", emulated ? kind->emulator : "kvm");
	add_option(arguments, "--results", logdir);
	if (emulated && !kind->shares_files)
		add_files(arguments, cases, wanted, words);
	add(arguments, "--");
	add_inner_run(arguments, kind, emulated, words, cases, logdir);
	g_ptr_array_add(arguments, NULL);
	return (char **)g_ptr_array_free(arguments, FALSE);
}
