// SPDX-License-Identifier: GPL-2.0-or-later
/* host/lab/: the table of lab kinds, and the command line that a lab is started with. */
#include <string.h>

#include "lab/command-line.h"
#include "lab/kinds.h"
#include "suite/needs.h"
#include "util/paths.h"

static void test_kinds(void)
{
	g_autofree char *hosts = lab_kind_hosts();
	g_auto(GStrv) words = g_strsplit_set(hosts, ", ", -1);

	g_assert_true(g_str_has_prefix(hosts, "auto, local, lab, amd"));
	g_assert_null(lab_kind_find("moon"));
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++) {
		g_assert_true(lab_kind_find(kind->name) == kind);
		g_assert_true(g_strv_contains((const char *const *)words, kind->name));
		for (const char *const *need = kind->offers; *need; need++)
			g_assert_true(g_strv_contains(need_names(), *need));
		for (const char *const *clock = kind->clocks; *clock; clock++)
			g_assert_true(g_strv_contains(lab_clocks(), *clock));
	}
}

/* The word after KEY= in TEXT, up to white space. The caller frees it. */
static char *value_of(const char *text, const char *key)
{
	g_autofree char *pattern = g_strdup_printf("(?m)^lab=.* %s=(\\S+)", key);
	g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
	g_autoptr(GMatchInfo) match = NULL;

	return g_regex_match(regex, text, 0, &match) ? g_match_info_fetch(match, 1) : NULL;
}

/* A row agrees with its script, and has all that the runner needs. */
static void test_rows(void)
{
	for (const struct lab_kind *kind = lab_kinds; kind->name; kind++) {
		g_autofree char *name = g_strconcat("lab/", kind->name, NULL);
		g_autofree char *path = source_path(name);
		g_autofree char *script = NULL, *cpus = NULL, *emulation = NULL;
		g_autofree char *row_cpus = g_strdup_printf("%u", kind->cpus);

		g_assert_true(g_file_get_contents(path, &script, NULL, NULL));
		cpus = value_of(script, "cpus");
		emulation = value_of(script, "emulation");
		if (g_strcmp0(cpus, row_cpus))
			g_error("%s has cpus=%s, and its row in host/lab/kinds.c %s", name, cpus,
				row_cpus);
		if (g_strcmp0(emulation, kind->emulator))
			g_error("%s has emulation=%s, and its row in host/lab/kinds.c %s", name,
				emulation, kind->emulator);
		if (!(kind->slowness >= 1) || !kind->boot_seconds)
			g_error("the row of %s in host/lab/kinds.c lacks slowness or boot_seconds",
				name);
		g_assert_true(!kind->emulates_like || lab_kind_find(kind->emulates_like));
	}
}

/* Some lab meets each need, with the clock that the need asks for. */
static void test_needs(void)
{
	for (const char *const *need = need_names(); *need; need++) {
		const char *clock = need_lab_clock(*need);
		gboolean met = FALSE;

		for (const struct lab_kind *kind = lab_kinds; kind->name; kind++)
			met = met || (lab_kind_offers(kind, *need) &&
				      (!clock || g_strv_contains(kind->clocks, clock)));
		g_test_message("%s", *need);
		g_assert_true(met);
	}
}

/* ---- the command line ---- */

static gboolean yes(void)
{
	return TRUE;
}

static gboolean no(void)
{
	return FALSE;
}

/* The command line of a lab that runs one case, without its first word. */
static char *command_line(const struct lab_kind *kind, const struct lab_options *options,
			  const struct settings *wanted)
{
	struct program program = { .name = (char *)"prog", .file = (char *)"/proc/version" };
	struct test_case test_case = { .program = &program,
				       .plan_name = "storm+tcp",
				       .vmm_name = "cheese",
				       .vmm_files = "cheddar",
				       .name = (char *)"prog/storm+tcp#3" };
	g_autoptr(GPtrArray) cases = g_ptr_array_new();
	g_auto(GStrv) words = NULL;
	g_autofree char *script = g_strconcat("/lab/", kind->name, NULL);

	g_ptr_array_add(cases, &test_case);
	words = lab_command_line(kind, options, wanted, cases, "/logs");
	g_assert_true(g_path_is_absolute(words[0]));
	g_assert_true(g_str_has_suffix(words[0], script));
	return g_strjoinv(" ", words + 1);
}

static void check(const struct lab_kind *kind, const struct lab_options *options,
		  const char *before, const char *inside, const char *wanted)
{
	char *args[] = { (char *)"test=a", (char *)"pages=2", NULL };
	struct settings settings = default_settings;
	g_autofree char *line = NULL;
	g_autofree char *expected = g_strdup_printf(
		"%s --results /logs*-- /*/ferry run --stream --no-config --in-order%s --host local --in-lab moon --accel kvm --logdir /logs --seed 7 --moves 20 --memory 32 --repeat 1 --timeout 0%s --plan storm+tcp -- prog/storm+tcp#3",
		before, inside, wanted);

	settings.seed = 7;
	if (*wanted) {
		settings.keep_ram = TRUE;
		settings.machine = (char *)"q35";
		settings.args = args;
		settings.timescale = 2.5;
		settings.kvm = (char *)"npt=0,vgif=0";
	}
	line = command_line(kind, options, &settings);
	g_test_message("%s", line);
	g_assert_true(g_pattern_match_simple(expected, line));
}

static void test_command_line(void)
{
	struct lab_kind kind = {
		.name = "moon", .emulator = "cheese", .is_hardware = no, .shares_files = TRUE
	};
	const struct lab_options none = { 0 };
	const struct lab_options all = { .kernel = "K", .modules = "M", .clock = "hpet" };

	check(&kind, &none, "--accel cheese", " --emulated-host --prefork", "");
	check(&kind, &all, "--kernel K --modules M --clock hpet --kvm npt=0,vgif=0 --accel cheese",
	      " --emulated-host --prefork",
	      " --timescale 2.5 --keep-ram --kvm npt=0,vgif=0 --machine q35 --arg test=a --arg pages=2");
	/* On a real CPU the runner inside behaves as usual. */
	kind.is_hardware = yes;
	check(&kind, &none, "--accel kvm", "", "");
}

/* Only an emulated machine that does not see the host's files needs copies of them. */
static void test_files(void)
{
	struct lab_kind kind = { .name = "moon", .emulator = "cheese", .is_hardware = no };
	struct settings settings = default_settings;
	const struct lab_options options = { 0 };
	g_autofree char *line = NULL, *shared = NULL, *hardware = NULL;

	settings.suite = (char *)"/a/unittests.cfg";
	line = command_line(&kind, &options, &settings);
	g_assert_nonnull(
		strstr(line, " --file /a/unittests.cfg --vmm cheddar --file /proc/version -- "));
	kind.shares_files = TRUE;
	shared = command_line(&kind, &options, &settings);
	g_assert_null(strstr(shared, "--file"));
	g_assert_nonnull(strstr(shared, " --suite /a/unittests.cfg "));
	kind.shares_files = FALSE;
	kind.is_hardware = yes;
	hardware = command_line(&kind, &options, &settings);
	g_assert_null(strstr(hardware, "--file"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/lab/kinds", test_kinds);
	g_test_add_func("/lab/rows", test_rows);
	g_test_add_func("/lab/needs", test_needs);
	g_test_add_func("/lab/command-line", test_command_line);
	g_test_add_func("/lab/files", test_files);
	return g_test_run();
}
