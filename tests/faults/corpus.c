// SPDX-License-Identifier: GPL-2.0-or-later
/* The corpus without its labs: the matrix, and the quick set that is computed from it. */
#include <signal.h>
#include <sys/stat.h>

#include "faults.h"

static void write_matrix(struct run *run, const char *text)
{
	g_autofree char *path = run_path(run, "matrix");

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void small_matrix(struct run *run)
{
	write_matrix(run, "unpatched selftest/none pass 1.0 -s -\n"
			  "unpatched svm_state_up/none pass 20.0 -a -\n"
			  "unpatched svm_state_up/precopy pass 30.0 -a -\n"
			  "p svm_state_up/none fail 2.0 p-a t\n"
			  "q svm_state_up/precopy fail 3.0 q-a t\n"
			  "r svm_state_up/precopy error 3.0 r-a -\n");
}

/* The matrix has no line for unpatched KVM. */
static void one_sided_matrix(struct run *run)
{
	write_matrix(run, "p svm_state_up/none fail 2.0 p-a t\n");
}

static void broken_matrix(struct run *run)
{
	write_matrix(run, "unpatched selftest/none pass 1.0 -s -\n=======\n");
}

static void broken_verdicts(struct run *run)
{
	g_autofree char *path = run_path(run, "verdicts");

	g_assert_true(g_file_set_contents(
		path, "qemu_cr8_lost missed - - 11 -\nqemu_xcr0_lost missd - - 11 -\n", -1, NULL));
}

static void some_verdicts(struct run *run)
{
	g_autofree char *path = run_path(run, "verdicts");

	g_assert_true(g_file_set_contents(
		path, "svm_gone caught a/none 1.0 11 t\nqemu_cr8_lost missed - - 11 -\n", -1,
		NULL));
}

/* The archive is a FIFO that nobody writes to, so the build reads it for ever. */
static void endless_source(struct run *run)
{
	g_autofree char *path = run_path(run, "fifo.tar");

	some_verdicts(run);
	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

/* Interrupts at a random moment after the build has begun. */
static gboolean interrupt_build(struct run *run)
{
	g_autofree char *log = run_path(run, "logs/qemu_cr8_lost/build");

	if (!g_file_test(log, G_FILE_TEST_EXISTS) || !run_random_moment_came(run, 1000))
		return FALSE;
	kill(run_runner(run), SIGINT);
	return TRUE;
}

/* The build has no source, so it fails at once. */
#define UNBUILT	  "corpus run qemu_cr8_lost --passes 0 --logdir @DIR@/logs --verdicts @DIR@/verdicts"
#define NO_SOURCE "XDG_CACHE_HOME=@DIR@/cache QEMU_SOURCE=@DIR@/none.tar.xz \"$@\""
#define SCORE	  "corpus score --verdicts @DIR@/verdicts --output @DIR@/page"

#define QUICK "corpus quick --matrix @DIR@/matrix --output @DIR@/quick"

static const struct fault rows[] = {
	{ "quick-set", QUICK, NULL, 0, NULL,
	  "^3 cases, 51 s of cases, about 1 min on 2 CPUs; they notice 3 of 3 patches that any "
	  "case notices \\(100 %\\)\n(.*\n)*selftest/none +# 1 s\nsvm_state_up/precopy +# 30 s; "
	  "notices q r\nsvm_state_up/none +# 20 s; notices p$",
	  .prepare = small_matrix, .wrapper = "\"$@\" && cat @DIR@/quick" },
	{ "quick-set-too-short", QUICK " --minutes 1 --jobs 1", NULL, 1, NULL,
	  "they notice 2 of 3 .*\n1 minutes are too short for 90 %; --minutes gives more$",
	  .prepare = small_matrix },
	{ "quick-set-one-sided", QUICK, NULL, 2, NULL,
	  "^ferry: .*/matrix: no case was measured on unpatched KVM$",
	  .prepare = one_sided_matrix },
	{ "quick-set-bad-line", QUICK, NULL, 2, NULL,
	  "^ferry: .*/matrix:2: 1 words, and a line is PATCH CASE VERDICT SECONDS HASH TEST$",
	  .prepare = broken_matrix },
	{ "quick-set-no-matrix", QUICK, NULL, 2, NULL,
	  "^ferry: .*/matrix.*: No such file or directory; 'ferry corpus matrix' measures$" },
	{ "quick-set-not-written", "corpus quick --matrix @DIR@/matrix --output /nowhere/quick",
	  NULL, 2, NULL, "^ferry: .*/nowhere/quick.*: No such file or directory",
	  .prepare = small_matrix },
	{ "verdict-kept", UNBUILT, NULL, 1, NULL,
	  "^NOT BUILT +qemu_cr8_lost: (.*\n)*0 of 1 caught, 0 false alarms; seed [0-9]+\n(.*\n)*"
	  "qemu_cr8_lost not-built - - [0-9a-f]{8} -\n\nsvm_gone caught a/none 1.0 11 t$",
	  .prepare = some_verdicts,
	  .wrapper = NO_SOURCE "; status=$?; cat @DIR@/verdicts; exit $status" },
	{ "verdicts-bad-line", UNBUILT, NULL, 2, NULL,
	  "^ferry: .*/verdicts:2: unknown verdict 'missd' \\(did you mean 'missed'\\?\\)$",
	  .prepare = broken_verdicts },
	{ "verdicts-no-folder", "corpus run qemu_cr8_lost --verdicts /nowhere/verdicts", NULL, 2,
	  NULL,
	  "^ferry: cannot write /nowhere/verdicts: No such file or directory; --verdicts=FILE names "
	  "another file$" },
	{ "verdicts-new", UNBUILT " --new", NULL, 1, NULL,
	  "^0 of 1 patches have a verdict in .*/verdicts; 1 left\nbuilding ",
	  .prepare = some_verdicts, .wrapper = NO_SOURCE },
	/* While the patch is built, something else replaces the file. */
	{ "verdict-not-kept", UNBUILT, NULL, 2, NULL,
	  "^NOT BUILT +qemu_cr8_lost: (.*\n)*ferry: this is not kept: cannot write .*/verdicts: Is a "
	  "directory; (.*\n)*0 of 1 caught",
	  .wrapper =
		  "(until [ -e @DIR@/logs/qemu_cr8_lost ]; do :; done; rm @DIR@/verdicts; mkdir @DIR@/verdicts) & " NO_SOURCE },
	{ "verdicts-interrupted", UNBUILT, NULL, 130, NULL,
	  "^interrupted: 0 of 1 patches were tried; 0 of 1 caught, 0 false alarms; seed [0-9]+$",
	  .prepare = endless_source, .act = interrupt_build,
	  .wrapper = "XDG_CACHE_HOME=@DIR@/cache QEMU_SOURCE=@DIR@/fifo.tar exec \"$@\"" },
	{ "score", SCORE, NULL, 0, NULL,
	  "^ferry: .*/verdicts: there is no patch svm_gone; take the line out$(.*\n)*"
	  "[0-9]+ of [0-9]+ are caught, ",
	  .prepare = some_verdicts },
	{ "score-bad-line", SCORE, NULL, 2, NULL, "^ferry: .*/verdicts:2: unknown verdict 'missd'",
	  .prepare = broken_verdicts },
	{ "score-no-verdicts", SCORE, NULL, 2, NULL,
	  "^ferry: .*/verdicts.*: No such file or directory; 'ferry corpus run' writes it$" },
	{ "score-of-some", "corpus score 'svm_*'", NULL, 2, NULL,
	  "^ferry: 'ferry corpus score' is about all patches; leave 'svm_\\*' out$" },
	{ "corpus-runs-nothing", "corpus run --unpatched --passes 0", NULL, 2, NULL,
	  "^ferry: --unpatched with --passes 0 would run nothing$" },
	{ "corpus-unknown-command", "corpus matrx", NULL, 2, NULL,
	  "^ferry: say 'ferry corpus list', 'run', 'matrix', 'quick' or 'score'$" },
	{ "corpus-unknown-patch", "corpus matrix nothing_like_it", NULL, 2, NULL,
	  "^ferry: no patch below .*corpus matches$" },
	{ "corpus-no-percent", QUICK " --percent 0", NULL, 2, NULL,
	  "^ferry: --percent is 1 to 100$" },
	{ "matrix-bad-line", "corpus matrix --matrix @DIR@/matrix", NULL, 2, NULL,
	  "^ferry: .*/matrix:2: 1 words", .prepare = broken_matrix },
	{ "matrix-no-folder", "corpus matrix --matrix /nowhere/matrix", NULL, 2, NULL,
	  "^ferry: cannot open /nowhere: No such file or directory$" },
	{ "matrix-in-use", "corpus matrix --matrix @DIR@/matrix", NULL, 2, NULL,
	  "^ferry: another 'ferry corpus matrix' is writing .*/matrix; wait until it has ended$",
	  .prepare = small_matrix, .wrapper = "exec flock @DIR@ \"$@\"" },
	{ "matrix-unknown-plan", "corpus matrix --plan precpy --matrix @DIR@/matrix", NULL, 2, NULL,
	  "^ferry: --plan: unknown plan 'precpy'" },
};

const struct fault_table corpus_faults = { rows, G_N_ELEMENTS(rows) };
