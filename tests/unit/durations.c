// SPDX-License-Identifier: GPL-2.0-or-later
/* host/run/durations.c and remembered.c: durations are remembered, whatever the file holds. */
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "lab/kinds.h"
#include "plan/plan.h"
#include "run/durations.h"
#include "run/remembered.h"

static char *cache; /* the user's cache for this test */

static struct environment here = {
	.host = "local",
	.accel = "kvm",
	.kernel = (char *)"6.1",
	.cpu = (char *)"A CPU [at 2 GHz]",
};
static struct environment amd = {
	.host = "amd",
	.accel = "kvm",
	.kernel = (char *)"6.1.9",
	.cpu = (char *)"TCG",
};
/* This program is not in durations.cfg. */
static struct program program = { .name = (char *)"unheard_of" };
static struct program table_program = { .name = (char *)"kvmclock_no_tsc" };

static struct test_case make_case(const struct program *of, const char *plan, const char *host)
{
	return (struct test_case){
		.program = of,
		.plan_name = plan,
		.name = (char *)"its name does not matter",
		.host = host,
	};
}

static char *path_of(const char *name)
{
	return g_build_filename(cache, "ferry", "durations", name, NULL);
}

static void forget_all(void)
{
	static const char *const names[] = { "local", "amd" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = path_of(names[i]);

		g_unlink(path);
	}
}

/* A run in which the case takes SECONDS. */
static void run_once(const struct environment *environment, const char *plan, double seconds,
		     enum verdict verdict)
{
	struct durations *durations = durations_open(&here, NULL);
	struct test_case test_case = make_case(&program, plan, environment->host);
	struct result *result = result_new(&test_case, environment);

	result->verdict = verdict;
	result->duration_ns = seconds * 1e9;
	result->logdir = g_strdup("logs");
	durations_learn(durations, result);
	result_free(result);
	durations_close(durations);
}

static double expected(const struct program *of, const char *plan, const char *host,
		       enum duration_source *source)
{
	struct durations *durations = durations_open(&here, NULL);
	struct test_case test_case = make_case(of, plan, host);
	double seconds = expected_seconds(durations, &test_case, source);

	durations_close(durations);
	return seconds;
}

static void assert_measured(const char *plan, const char *host, double seconds)
{
	enum duration_source source;
	double found = expected(&program, plan, host, &source);

	g_assert_cmpint(source, ==, DURATION_MEASURED);
	g_assert_cmpfloat_with_epsilon(found, seconds, 0.01);
}

static void test_learned(void)
{
	forget_all();
	run_once(&here, "precopy", 10, VERDICT_PASS);
	assert_measured("precopy", "local", 10);
	run_once(&here, "precopy", 20, VERDICT_XFAIL);
	assert_measured("precopy", "local", 15);
	/* Among many runs the last ones count most. */
	for (unsigned i = 0; i < 20; i++)
		run_once(&here, "precopy", 40, VERDICT_PASS);
	g_assert_cmpfloat(expected(&program, "precopy", "local", NULL), >, 39);
	g_assert_cmpfloat(expected(&program, "precopy", "local", NULL), <, 40);
}

/* A failure may have ended at a deadline, or at once, so its time says nothing. */
static void test_failures(void)
{
	forget_all();
	run_once(&here, "none", 30, VERDICT_FAIL);
	assert_measured("none", "local", 30);
	run_once(&here, "none", 5, VERDICT_ERROR);
	assert_measured("none", "local", 30);
	run_once(&here, "none", 7, VERDICT_PASS);
	assert_measured("none", "local", 7);
	run_once(&here, "none", 900, VERDICT_FAIL);
	assert_measured("none", "local", 7);
}

/* Each host has figures of its own, and so has each kernel. */
static void test_hosts(void)
{
	struct environment other = amd;

	forget_all();
	run_once(&here, "none", 1, VERDICT_PASS);
	run_once(&amd, "none", 6, VERDICT_PASS);
	assert_measured("none", "local", 1);
	assert_measured("none", "amd", 6);
	here.kernel = (char *)"6.2";
	g_assert_cmpfloat(expected(&program, "none", "local", NULL), !=, 1);
	/* A lab's kernel is known when the lab is up. Until then the last one counts. */
	assert_measured("none", "amd", 6);
	here.kernel = (char *)"6.1";
	other.kernel = (char *)"6.12";
	g_usleep(G_USEC_PER_SEC * 1.1);
	run_once(&other, "none", 8, VERDICT_PASS);
	assert_measured("none", "amd", 8);
}

static void test_boot(void)
{
	struct durations *durations;

	forget_all();
	durations = durations_open(&here, NULL);
	g_assert_cmpfloat(expected_boot_seconds(durations, "amd"), >, 0);
	durations_learn_boot(durations, "amd", "6.1.9", 77);
	durations_close(durations);
	durations = durations_open(&here, NULL);
	g_assert_cmpfloat_with_epsilon(expected_boot_seconds(durations, "amd"), 77, 0.01);
	durations_close(durations);
}

/* Guests with another command line, and cases that never started, do not count. */
static void test_unusual(void)
{
	struct settings wanted = default_settings;
	char *args[] = { (char *)"test=x", NULL };
	struct test_case test_case = make_case(&program, "none", "local");
	struct result *result = result_new(&test_case, &here);
	struct durations *durations;

	forget_all();
	wanted.args = args;
	result->logdir = g_strdup("logs");
	result->duration_ns = 3e9;
	durations = durations_open(&here, &wanted);
	durations_learn(durations, result);
	durations_close(durations);
	wanted.args = NULL;
	g_clear_pointer(&result->logdir, g_free);
	durations = durations_open(&here, &wanted);
	durations_learn(durations, result);
	durations_close(durations);
	result_free(result);
	g_assert_cmpfloat(expected(&program, "none", "local", NULL), !=, 3);
}

static void test_table_and_guesses(void)
{
	enum duration_source source;
	double none, precopy, other;

	forget_all();
	none = expected(&table_program, "none", "amd", &source);
	g_assert_cmpint(source, ==, DURATION_BUILT_IN);
	precopy = expected(&table_program, "precopy", "amd", &source);
	g_assert_cmpint(source, ==, DURATION_BUILT_IN);
	g_assert_cmpfloat(none, <, precopy);
	other = expected(&table_program, "precopy+tcp", "amd", &source);
	g_assert_cmpint(source, ==, DURATION_GUESSED);
	g_assert_cmpfloat(other, ==, precopy);
	g_assert_cmpfloat(expected(&table_program, "none", "local", &source), <, none);
	g_assert_cmpint(source, ==, DURATION_GUESSED);
	/* The time under one plan gives an estimate for another. */
	other = expected(&program, "storm", "local", &source);
	g_assert_cmpint(source, ==, DURATION_GUESSED);
	run_once(&here, "precopy", 1000, VERDICT_PASS);
	g_assert_cmpfloat(expected(&program, "storm", "local", &source), >, other);
	g_assert_cmpint(source, ==, DURATION_GUESSED);
	/* Every plan has a factor in the table: without one, this would be the same as `none`. */
	for (const char *const *plan = plan_names(); *plan; plan++)
		g_assert_true(g_str_equal(*plan, "none") ||
			      expected(&program, *plan, "local", NULL) !=
				      expected(&program, "none", "local", NULL));
}

/* If nothing is known of a lab, it is as slow as its row says, compared with the amd lab. */
static void test_unknown_lab(void)
{
	const struct lab_kind moon = { .name = "moon",
				       .slowness = 2 * lab_kind_find("amd")->slowness };

	forget_all();
	lab_kind_pretend(&moon);
	g_assert_cmpfloat_with_epsilon(expected(&table_program, "none", "moon", NULL),
				       2 * expected(&table_program, "none", "amd", NULL), 0.01);
	lab_kind_pretend(NULL);
}

/* A damaged file counts as empty, and is replaced when something is learned. */
static void test_damage(void)
{
	static const char *const texts[] = {
		"",
		"no key file",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_]\nunheard_of/none = many;times\n",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_]\nunheard_of/none = nan;1;\n",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_]\nunheard_of/none = -5;1;\n",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_]\nunheard_of/none = 1e300;1;\n",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_]\nunheard_of/none = 5\n",
		"[kvm, Linux 6.1 on A CPU _at 2 GHz_\n\xff\xfe",
	};
	g_autofree char *path = path_of("local");

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		enum duration_source source;

		g_test_message("%s", texts[i]);
		g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
		g_assert_cmpfloat(expected(&program, "none", "local", &source), >, 0);
		g_assert_cmpint(source, ==, DURATION_GUESSED);
		run_once(&here, "none", 4, VERDICT_PASS);
		assert_measured("none", "local", 4);
	}
}

/* Two runners that learn at the same time: neither loses what the other has saved. */
static void test_two_at_once(void)
{
	struct remembered *first, *second;

	forget_all();
	first = remembered_open("local");
	second = remembered_open("local");
	remembered_learn(first, "g", "a/none", 1, TRUE);
	remembered_learn(second, "g", "b/none", 2, TRUE);
	remembered_close(first);
	remembered_close(second);
	first = remembered_open("local");
	g_assert_cmpfloat(remembered_seconds(first, "g", "a/none"), ==, 1);
	g_assert_cmpfloat(remembered_seconds(first, "g", "b/none"), ==, 2);
	g_assert_cmpfloat(remembered_seconds(first, NULL, "b/none"), ==, 0);
	remembered_close(first);
}

/* If the file cannot be written, as on a full disk, the old one stays complete. */
static void test_full_disk(void)
{
	struct rlimit limit, tiny;
	struct remembered *remembered;
	g_autofree char *path = path_of("local"), *before = NULL, *after = NULL;
	g_autofree char *folder = g_path_get_dirname(path);
	g_autoptr(GDir) dir = NULL;
	guint files = 0;

	forget_all();
	run_once(&here, "none", 4, VERDICT_PASS);
	g_assert_true(g_file_get_contents(path, &before, NULL, NULL));
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	tiny = limit;
	tiny.rlim_cur = 10;
	setrlimit(RLIMIT_FSIZE, &tiny);
	remembered = remembered_open("local");
	remembered_learn(remembered, "g", "a/none", 1, TRUE);
	g_assert_false(remembered_save(remembered));
	/* This run still knows it. */
	g_assert_cmpfloat(remembered_seconds(remembered, "g", "a/none"), ==, 1);
	setrlimit(RLIMIT_FSIZE, &limit);
	g_assert_true(g_file_get_contents(path, &after, NULL, NULL));
	g_assert_cmpstr(after, ==, before);
	/* There is room again. */
	g_assert_true(remembered_save(remembered));
	remembered_close(remembered);
	remembered = remembered_open("local");
	g_assert_cmpfloat(remembered_seconds(remembered, "g", "a/none"), ==, 1);
	remembered_close(remembered);
	dir = g_dir_open(folder, 0, NULL);
	while (g_dir_read_name(dir))
		files++;
	g_assert_cmpuint(files, ==, 1);
}

/* A folder cannot be made where a file is, not even by root. */
static void test_unwritable_cache(void)
{
	g_autofree char *path = path_of("local"), *folder = g_path_get_dirname(path);

	forget_all();
	g_rmdir(folder);
	g_assert_true(g_file_set_contents(folder, "", 0, NULL));
	run_once(&here, "none", 4, VERDICT_PASS);
	g_assert_cmpfloat(expected(&program, "none", "local", NULL), !=, 4);
	g_unlink(folder);
	run_once(&here, "none", 4, VERDICT_PASS);
	assert_measured("none", "local", 4);
}

/* Old kernels are forgotten, so that the file does not grow for ever. */
static void test_old_groups_go(void)
{
	struct remembered *remembered;
	guint known = 0;

	forget_all();
	for (unsigned i = 0; i < 40; i++) {
		g_autofree char *group = g_strdup_printf("kernel %u", i);

		remembered = remembered_open("local");
		remembered_learn(remembered, group, "a/none", 1, TRUE);
		remembered_close(remembered);
	}
	remembered = remembered_open("local");
	for (unsigned i = 0; i < 40; i++) {
		g_autofree char *group = g_strdup_printf("kernel %u", i);

		known += remembered_seconds(remembered, group, "a/none") > 0;
	}
	remembered_close(remembered);
	g_assert_cmpuint(known, >, 1);
	g_assert_cmpuint(known, <, 20);
}

int main(int argc, char **argv)
{
	g_autofree char *ferry = NULL, *folder = NULL;
	int status;

	cache = g_dir_make_tmp("unit-durations-XXXXXX", NULL);
	g_setenv("XDG_CACHE_HOME", cache, TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/durations/learned", test_learned);
	g_test_add_func("/durations/failures", test_failures);
	g_test_add_func("/durations/hosts", test_hosts);
	g_test_add_func("/durations/boot", test_boot);
	g_test_add_func("/durations/unusual", test_unusual);
	g_test_add_func("/durations/table-and-guesses", test_table_and_guesses);
	g_test_add_func("/durations/unknown-lab", test_unknown_lab);
	g_test_add_func("/durations/damage", test_damage);
	g_test_add_func("/durations/two-at-once", test_two_at_once);
	g_test_add_func("/durations/full-disk", test_full_disk);
	g_test_add_func("/durations/unwritable-cache", test_unwritable_cache);
	g_test_add_func("/durations/old-groups-go", test_old_groups_go);
	status = g_test_run();
	forget_all();
	ferry = g_build_filename(cache, "ferry", NULL);
	folder = g_build_filename(ferry, "durations", NULL);
	g_rmdir(folder);
	g_rmdir(ferry);
	g_rmdir(cache);
	return status;
}
