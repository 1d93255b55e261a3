// SPDX-License-Identifier: GPL-2.0-or-later
/* host/suite/suite.c: how unittests.cfg is read, and every complaint about it. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "suite/suite.h"
#include "util/text.h"

/* Writes CONFIG to a file and reads it. In the message the file is called CFG. */
static struct suite *load(const char *config, gboolean kvm_unit_tests, char **message)
{
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	struct suite *suite;
	int fd = g_file_open_tmp("unit-suite-XXXXXX", &path, &error);

	g_assert_no_error(error);
	close(fd);
	g_assert_true(g_file_set_contents(path, config, -1, &error));
	suite = suite_load(path, "bin", kvm_unit_tests, &error);
	g_unlink(path);
	if (error) {
		g_auto(GStrv) pieces = g_strsplit(error->message, path, -1);

		g_assert_error(error, FERRY_ERROR, 0);
		*message = g_strjoinv("CFG", pieces);
	}
	return suite;
}

/* The programs of CONFIG, which is read without a complaint. */
static struct suite *load_good(const char *config)
{
	g_autofree char *message = NULL;
	struct suite *suite = load(config, FALSE, &message);

	g_assert_cmpstr(message, ==, NULL);
	g_assert_nonnull(suite);
	return suite;
}

static const struct program *program(const struct suite *suite, guint index)
{
	g_assert_cmpuint(index, <, suite->programs->len);
	return suite->programs->pdata[index];
}

static void assert_words(char **words, const char *joined)
{
	g_autofree char *text = g_strjoinv("|", words);

	g_assert_cmpstr(text, ==, joined);
}

static void test_defaults(void)
{
	struct suite *suite = load_good("[one]\nfile = one.flat\n");
	const struct program *one = program(suite, 0);

	g_assert_cmpstr(one->name, ==, "one");
	g_assert_cmpstr(one->file, ==, "bin/one.flat");
	g_assert_cmpuint(one->smp, ==, 1);
	g_assert_cmpuint(one->timeout, ==, 90);
	g_assert_cmpuint(one->line, ==, 1);
	g_assert_cmpuint(one->disk, ==, 0);
	g_assert_cmpstr(one->arch, ==, "");
	g_assert_cmpstr(one->accel, ==, "");
	g_assert_cmpstr(one->machine, ==, "");
	g_assert_cmpstr(one->test_args, ==, NULL);
	assert_words(one->groups, "");
	assert_words(one->checks, "");
	assert_words(one->needs, "");
	assert_words(one->plans, "");
	assert_words(one->qemu_params, "");
	suite_free(suite);
}

static void test_every_key(void)
{
	struct suite *suite = load_good("# a comment\n"
					"\n"
					"  [full]  \r\n"
					"file=full.flat\n"
					"  smp = 255  \n"
					"groups = a b, c\n"
					"timeout = 0\n"
					"arch = x86_64\n"
					"accel = kvm\n"
					"machine = pc\n"
					"check = /proc/a=1 /proc/b=N\n"
					"qemu_params = -cpu max -m 64\n"
					"test_args = one two\n"
					"needs = kvm kvmclock\n"
					"plans = none, storm\n"
					"disk = 1024\n"
					"[next]\nfile = next.flat\n");
	const struct program *full = program(suite, 0);

	g_assert_cmpuint(full->smp, ==, 255);
	g_assert_cmpuint(full->timeout, ==, 0);
	assert_words(full->groups, "a|b|c");
	assert_words(full->checks, "/proc/a=1|/proc/b=N");
	assert_words(full->qemu_params, "-cpu|max|-m|64");
	assert_words(full->needs, "kvm|kvmclock");
	assert_words(full->plans, "none|storm");
	g_assert_cmpuint(full->disk, ==, 1024);
	g_assert_cmpstr(full->arch, ==, "x86_64");
	g_assert_cmpstr(full->accel, ==, "kvm");
	g_assert_cmpstr(full->machine, ==, "pc");
	g_assert_cmpstr(full->test_args, ==, "one two");
	g_assert_cmpstr(program(suite, 1)->name, ==, "next");
	suite_free(suite);
}

static void test_timeout_suffix(void)
{
	struct suite *suite = load_good("[a]\nfile = a\ntimeout = 180s\n");

	g_assert_cmpuint(program(suite, 0)->timeout, ==, 180);
	suite_free(suite);
}

static void test_max_smp(void)
{
	struct suite *suite = load_good("[a]\nfile = a\nsmp = $MAX_SMP\n");

	g_assert_cmpuint(program(suite, 0)->smp, ==, MIN(g_get_num_processors(), 255));
	suite_free(suite);
}

static void test_shell_words(void)
{
	static const struct {
		const char *value, *words;
	} rows[] = {
		{ "", "" },
		{ "plain words", "plain|words" },
		{ "'one word' \"and another\"", "one word|and another" },
		{ "a\\ b", "a b" },
		{ "`echo from a shell`", "from|a|shell" },
		{ "\"`echo one word`\"", "one word" },
		{ "$((6 * 7))", "42" },
		{ "\"\"", "" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *config =
			g_strdup_printf("[a]\nfile = a\ntest_args = %s\nextra_params = %s\n",
					rows[i].value, rows[i].value);
		struct suite *suite = load_good(config);
		g_auto(GStrv) pieces = g_strsplit(rows[i].words, "|", -1);
		g_autofree char *spaced = g_strjoinv(" ", pieces);

		g_test_message("%s", rows[i].value);
		g_assert_cmpstr(program(suite, 0)->test_args, ==, spaced);
		assert_words(program(suite, 0)->qemu_params, rows[i].words);
		suite_free(suite);
	}
}

static void test_triple_quotes(void)
{
	static const struct {
		const char *value, *words;
	} rows[] = {
		{ "\"\"\"one line\"\"\"", "one|line" },
		{ "\"\"\"-a b\n-c d\"\"\"", "-a|b|-c|d" },
		{ "\"\"\"-a b \\\n    -c d\"\"\"", "-a|b|-c|d" },
		{ "\"\"\"\n-a\n\"\"\"", "-a" },
		{ "\"\"\"-a jo\\\nined\"\"\"", "-a|joined" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *config = g_strdup_printf(
			"[a]\nfile = a\nqemu_params = %s\n[b]\nfile = b\n", rows[i].value);
		struct suite *suite = load_good(config);

		g_test_message("%s", rows[i].value);
		assert_words(program(suite, 0)->qemu_params, rows[i].words);
		/* The lines after the value are read one by one again. */
		g_assert_cmpstr(program(suite, 1)->name, ==, "b");
		suite_free(suite);
	}
}

static void test_lines_are_counted_behind_triple_quotes(void)
{
	g_autofree char *message = NULL;

	g_assert_null(load("[a]\nfile = a\ntest_args = \"\"\"x\ny\nz\"\"\"\nsmp = many\n", FALSE,
			   &message));
	g_assert_cmpstr(message, ==, "CFG:6: smp = 'many' is not a number from 1 to 255");
}

static void test_complaints(void)
{
	static const struct {
		const char *config, *message;
	} rows[] = {
		{ "", "CFG:0: holds no program" },
		{ "# nothing\n", "CFG:2: holds no program" },
		{ "[a]\nfile = a\nplan = none\n",
		  "CFG:3: unknown key 'plan' (did you mean 'plans'?)" },
		{ "[a]\nfile = a\nextra_parms = -m 1\n",
		  "CFG:3: unknown key 'extra_parms' (did you mean 'extra_params'?)" },
		{ "[a]\nfile = a\ncolour = red\n",
		  "CFG:3: unknown key 'colour'; known: file, smp, groups, timeout, arch, accel, machine, check, qemu_params, extra_params, test_args, needs, plans, disk" },
		{ "[a]\nfile = a\nsmp = 0\n", "CFG:3: smp = '0' is not a number from 1 to 255" },
		{ "[a]\nfile = a\nsmp = 256\n",
		  "CFG:3: smp = '256' is not a number from 1 to 255" },
		{ "[a]\nfile = a\nsmp = two\n",
		  "CFG:3: smp = 'two' is not a number from 1 to 255" },
		{ "[a]\nfile = a\nsmp =\n", "CFG:3: smp = '' is not a number from 1 to 255" },
		{ "[a]\nfile = a\ndisk = 0\n",
		  "CFG:3: disk = '0' is not a number of MiB from 1 to 1024" },
		{ "[a]\nfile = a\ndisk = 1025\n",
		  "CFG:3: disk = '1025' is not a number of MiB from 1 to 1024" },
		{ "[a]\nfile = a\ntimeout = -1\n",
		  "CFG:3: timeout = '-1' is not a number of seconds from 0 (none) to 86400" },
		{ "[a]\nfile = a\ntimeout = s\n",
		  "CFG:3: timeout = 's' is not a number of seconds from 0 (none) to 86400" },
		{ "[a]\nfile = a\ntimeout = 86401\n",
		  "CFG:3: timeout = '86401' is not a number of seconds from 0 (none) to 86400" },
		{ "[a]\nfile = a\naccel = hvf\n", "CFG:3: accel = 'hvf' is neither kvm nor tcg" },
		{ "[a]\nfile = a\ncheck = /proc/x\n",
		  "CFG:3: check = '/proc/x' is not PATH=VALUE" },
		{ "[a]\nfile = a\n[b]\nfile = b\n[a]\nfile = c\n",
		  "CFG:5: duplicate name [a], first used at line 1" },
		{ "[a]\nfile = a\nsmp = 1\nsmp = 2\n", "CFG:4: 'smp' is set twice in [a]" },
		{ "[a]\nfile = a\nqemu_params = -m 1\nextra_params = -m 2\n",
		  "CFG:4: 'extra_params' is set twice in [a]" },
		{ "[a]\nsmp = 1\n",
		  "CFG:3: [a], which begins at line 1, has no 'file = NAME.flat'" },
		{ "smp = 1\n[a]\nfile = a\n", "CFG:1: 'smp' stands before the first [NAME]" },
		{ "what is this\n[a]\nfile = a\n",
		  "CFG:1: 'what is this' is neither [NAME] nor KEY = VALUE" },
		{ "[a]\nfile = a\n[b\n", "CFG:3: '[b' is neither [NAME] nor KEY = VALUE" },
		{ "[a]\nfile = a\ntest_args = \"\"\"never\nclosed\n",
		  "CFG:3: \"\"\" is never closed" },
		{ "[a/b]\nfile = a\n",
		  "CFG:1: a program's name is not empty and holds no '/', '*', '?', bracket or space: 'a/b'" },
		{ "[]\nfile = a\n",
		  "CFG:1: a program's name is not empty and holds no '/', '*', '?', bracket or space: ''" },
		/* All complaints come at once, in the order of the file. */
		{ "[a]\nfile = a\nsmp = 0\nshape = round\n[a]\n",
		  "CFG:3: smp = '0' is not a number from 1 to 255\n"
		  "CFG:4: unknown key 'shape'; known: file, smp, groups, timeout, arch, accel, machine, check, qemu_params, extra_params, test_args, needs, plans, disk\n"
		  "CFG:5: duplicate name [a], first used at line 1\n"
		  "CFG:6: [a], which begins at line 5, has no 'file = NAME.flat'" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *message = NULL;

		g_assert_null(load(rows[i].config, FALSE, &message));
		g_assert_cmpstr(message, ==, rows[i].message);
	}
}

static void assert_program(const struct suite *suite, guint index, const char *name, unsigned smp,
			   unsigned timeout, const char *qemu_params)
{
	g_assert_cmpstr(program(suite, index)->name, ==, name);
	g_assert_cmpuint(program(suite, index)->smp, ==, smp);
	g_assert_cmpuint(program(suite, index)->timeout, ==, timeout);
	assert_words(program(suite, index)->qemu_params, qemu_params);
	g_assert_cmpuint(program(suite, index)->line, ==, 3);
}

/* Several counts of vCPUs, keys for one of them, and pieces of QEMU arguments. */
static void test_variants(void)
{
	struct suite *suite = load_good("{flag} = +svm,+x\n"
					"{cpu} = -cpu max,{flag} -smp {smp}\n"
					"[a]\nfile = a\nsmp = 1 4 2\ntimeout = 10\ntimeout.4 = 20\n"
					"qemu_params = {cpu} -device edu,n={smp} ${HOME:+{smp}}\n"
					"qemu_params.1 = {flag}\ntest_args.2 = {cpu}\n");

	g_assert_cmpuint(suite->programs->len, ==, 3);
	assert_program(suite, 0, "a", 4, 20, "-cpu|max,+svm,+x|-smp|4|-device|edu,n=4|4");
	assert_program(suite, 1, "a_smp2", 2, 10, "-cpu|max,+svm,+x|-smp|2|-device|edu,n=2|2");
	assert_program(suite, 2, "a_up", 1, 10, "+svm,+x");
	g_assert_null(program(suite, 0)->test_args);
	/* The guest's arguments are not changed. */
	g_assert_cmpstr(program(suite, 1)->test_args, ==, "{cpu}");
	suite_free(suite);
}

static void test_bad_variants(void)
{
	static const struct {
		const char *config, *message;
	} rows[] = {
		{ "[a]\nfile = a\nsmp = 1 x\n",
		  "CFG:3: smp = '1 x' is not a list of different numbers from 1 to 255" },
		{ "[a]\nfile = a\nsmp = 2 2\n",
		  "CFG:3: smp = '2 2' is not a list of different numbers from 1 to 255" },
		{ "[a]\nfile = a\nsmp = 1 2\ntimeout.3 = 1\n",
		  "CFG:4: 'timeout.3' is for no program of [a]" },
		{ "[a]\nfile = a\nsmp = 1 2\nsmp.2 = 1\n",
		  "CFG:4: 'smp.2' is for no program of [a]" },
		{ "[a]\nfile = a\nsmp = 1 2\ntimeout.2 = 1\ntimeout.2 = 3\n",
		  "CFG:5: 'timeout.2' is set twice in [a]" },
		{ "[a]\nfile = a\nsmp = 1 2\ntimeout = x\n",
		  "CFG:4: timeout = 'x' is not a number of seconds from 0 (none) to 86400" },
		{ "[a]\nfile = a\nsmp = 1 2\n[a_up]\nfile = a\n",
		  "CFG:4: duplicate name [a_up], first used at line 1" },
		{ "[a]\nfile = a\nsmp = 1 2\nqemu_params = {none}\n",
		  "CFG:4: '{none}' is not named by a line '{none} = TEXT' before the first "
		  "[NAME]" },
		{ "{a} = b\n{a} = c\n[a]\nfile = a\n", "CFG:2: '{a}' has a meaning already" },
		{ "{smp} = b\n[a]\nfile = a\n", "CFG:1: '{smp}' has a meaning already" },
		{ "[a]\nfile = a\n{a} = b\n",
		  "CFG:3: unknown key '{a}'; known: file, smp, groups, timeout, arch, accel, "
		  "machine, check, qemu_params, extra_params, test_args, needs, plans, disk" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *message = NULL;

		g_assert_null(load(rows[i].config, FALSE, &message));
		g_assert_cmpstr(message, ==, rows[i].message);
	}
}

/* kvm-unit-tests may add keys, and has none of Ferry's. */
static void test_unknown_keys_of_others(void)
{
	g_autofree char *message = NULL;
	struct suite *suite = load("[a]\nfile = a\nkvmtool_params = --x\nqemu_params = {x}\n"
				   "disabled_if = y\n[b]\nfile = b\n",
				   TRUE, &message);
	g_auto(GStrv) lines = NULL;

	g_assert_cmpstr(message, ==, NULL);
	g_assert_cmpuint(suite->programs->len, ==, 2);
	assert_words(program(suite, 0)->qemu_params, "{x}");
	lines = g_strsplit(suite->warnings, "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, 2);
	g_assert_nonnull(strstr(lines[0], ":3: unknown key 'kvmtool_params'"));
	g_assert_nonnull(strstr(lines[1], ":5: unknown key 'disabled_if'"));
	suite_free(suite);
}

/* The rest comes from GLib or from the shell, so only the beginning is compared. */
static void test_bad_shell_words(void)
{
	static const char *const values[] = { "'never closed", "`exit 3`$", "\"" };

	for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autofree char *config =
			g_strdup_printf("[a]\nfile = a\ntest_args = %s\n", values[i]);
		g_autofree char *message = NULL;
		struct suite *suite = load(config, FALSE, &message);

		if (suite) {
			g_test_message("a shell takes %s as '%s'", values[i],
				       program(suite, 0)->test_args);
			suite_free(suite);
			g_assert_cmpuint(i, ==, 1);
			continue;
		}
		g_assert_true(g_str_has_prefix(message, "CFG:3: test_args: "));
		g_assert_null(strchr(message, '\n'));
	}
}

static void test_file_is_not_there(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(suite_load("/nowhere/unittests.cfg", "bin", FALSE, &error));
	g_assert_nonnull(strstr(error->message, "/nowhere/unittests.cfg"));
}

/* Stanzas in the form of kvm-unit-tests' x86/unittests.cfg. */
static void test_kvm_unit_tests_suite(void)
{
	g_autofree char *message = NULL;
	struct suite *suite = load(
		"##############################################################################\n"
		"# unittest configuration\n"
		"##############################################################################\n"
		"\n"
		"[apic-split]\n"
		"file = apic.flat\n"
		"smp = 2\n"
		"qemu_params = -cpu qemu64,+x2apic,+tsc-deadline -machine kernel_irqchip=split\n"
		"arch = x86_64\n"
		"groups = apic\n"
		"\n"
		"[vmexit_cpuid]\n"
		"file = vmexit.flat\n"
		"test_args = 'cpuid'\n"
		"groups = vmexit\n"
		"\n"
		"[vmx]\n"
		"file = vmx.flat\n"
		"test_args = \"-exit_monitor_from_l2_test -vmx_*\"\n"
		"qemu_params = -cpu max,+vmx\n"
		"accel = kvm\n"
		"check = /sys/module/kvm_intel/parameters/nested=Y\n"
		"groups = vmx nested_exception nodefault\n"
		"\n"
		"[hyperv_stimer]\n"
		"file = hyperv_stimer.flat\n"
		"smp = 2\n"
		"extra_params = -cpu host,hv_time -device hyperv-testdev\n"
		"\n"
		"[tsc]\n"
		"file = tsc.flat\n"
		"extra_params = \"\"\"-cpu max\n-append 'a b' -m 64\"\"\"\n",
		TRUE, &message);

	g_assert_cmpstr(message, ==, NULL);
	g_assert_cmpuint(suite->programs->len, ==, 5);
	g_assert_true(suite->kvm_unit_tests);
	g_assert_cmpstr(program(suite, 1)->test_args, ==, "cpuid");
	g_assert_cmpstr(program(suite, 2)->test_args, ==, "-exit_monitor_from_l2_test -vmx_*");
	assert_words(program(suite, 3)->qemu_params, "-cpu|host,hv_time|-device|hyperv-testdev");
	assert_words(program(suite, 4)->qemu_params, "-cpu|max|-append|a b|-m|64");
	suite_free(suite);
}

/* Any file gives an answer, and no crash. */
static void test_any_bytes(void)
{
	static const char letters[] = "[]=\"\\\n\n\n #'/abfilesmp012 \t\r\x01\xff";
	g_autoptr(GRand) random = g_rand_new_with_seed(1);

	for (unsigned round = 0; round < 2000; round++) {
		char config[120] = "[a]\nfile = a\n";
		g_autofree char *message = NULL;
		struct suite *suite;

		for (gsize i = round % 2 ? strlen(config) : 0; i < sizeof(config) - 1; i++)
			config[i] = letters[g_rand_int_range(random, 0, sizeof(letters) - 1)];
		suite = load(config, FALSE, &message);
		g_assert_true(!suite == (message != NULL));
		if (suite)
			suite_free(suite);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/suite/defaults", test_defaults);
	g_test_add_func("/suite/every-key", test_every_key);
	g_test_add_func("/suite/timeout-suffix", test_timeout_suffix);
	g_test_add_func("/suite/max-smp", test_max_smp);
	g_test_add_func("/suite/shell-words", test_shell_words);
	g_test_add_func("/suite/triple-quotes", test_triple_quotes);
	g_test_add_func("/suite/lines-behind-triple-quotes",
			test_lines_are_counted_behind_triple_quotes);
	g_test_add_func("/suite/complaints", test_complaints);
	g_test_add_func("/suite/variants", test_variants);
	g_test_add_func("/suite/bad-variants", test_bad_variants);
	g_test_add_func("/suite/unknown-keys-of-others", test_unknown_keys_of_others);
	g_test_add_func("/suite/bad-shell-words", test_bad_shell_words);
	g_test_add_func("/suite/file-not-there", test_file_is_not_there);
	g_test_add_func("/suite/kvm-unit-tests", test_kvm_unit_tests_suite);
	g_test_add_func("/suite/any-bytes", test_any_bytes);
	return g_test_run();
}
