// SPDX-License-Identifier: GPL-2.0-or-later
/* The runs where something goes wrong, and what ferry must make of each. See faults.h. */
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "faults.h"

/* ---- what is done before a run ---- */

/* A log that cannot grow: the disk under it is full. */
static void fill_disk_under(struct run *run, const char *name)
{
	g_autofree char *folder = run_path(run, "logs/selftest/none");
	g_autofree char *path = g_build_filename(folder, name, NULL);

	g_mkdir_with_parents(folder, 0755);
	g_assert_cmpint(symlink("/dev/full", path), ==, 0);
}

static void fill_disk_under_console(struct run *run)
{
	fill_disk_under(run, "console");
}

static void fill_disk_under_transcript(struct run *run)
{
	fill_disk_under(run, "qmp");
}

static void fill_disk_under_command(struct run *run)
{
	fill_disk_under(run, "command");
}

/* What another run does that writes to the same folder. */
static void use_log_folder(struct run *run)
{
	g_autofree char *folder = run_path(run, "logs");
	g_autofree char *path = g_build_filename(folder, ".lock", NULL);
	int fd;

	g_mkdir_with_parents(folder, 0755);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
	run_hold(run, fd);
}

static void make_file_named_like_case_folder(struct run *run)
{
	g_autofree char *folder = run_path(run, "logs");
	g_autofree char *path = g_build_filename(folder, "selftest", NULL);

	g_mkdir_with_parents(folder, 0755);
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

/* ---- what is done during a run ---- */

/* As soon as there is a destination, a move begins: within so long. */
#define MOVE_MS 60
/* A storm of the real thing takes about two seconds. */
#define STORM_MS 1500

static gboolean kill_when_moving(struct run *run, gboolean newest)
{
	struct run_vmms vmms = run_find_vmms(run);

	if (vmms.count < 2 || !run_random_moment_came(run, MOVE_MS))
		return FALSE;
	kill(newest ? vmms.newest : vmms.oldest, SIGKILL);
	return TRUE;
}

static gboolean kill_source(struct run *run)
{
	return kill_when_moving(run, FALSE);
}

static gboolean kill_destination(struct run *run)
{
	return kill_when_moving(run, TRUE);
}

static gboolean kill_any_vmm(struct run *run)
{
	struct run_vmms vmms = run_find_vmms(run);

	if (!vmms.count || !run_random_moment_came(run, MOVE_MS))
		return FALSE;
	kill(vmms.oldest, SIGKILL);
	return TRUE;
}

static gboolean signal_runner_when(struct run *run, gboolean when)
{
	if (!when)
		return FALSE;
	kill(run_runner(run), run_signal(run));
	return TRUE;
}

static gboolean signal_in_storm(struct run *run)
{
	return signal_runner_when(run, run_find_vmms(run).count &&
					       run_random_moment_came(run, STORM_MS));
}

static gboolean signal_at_once(struct run *run)
{
	return signal_runner_when(run, run_find_vmms(run).count);
}

/* The source, the destination, and a source that was left a moment ago. */
#define MOST_VMMS 3

static gboolean count_vmms(struct run *run)
{
	if (run_find_vmms(run).count <= MOST_VMMS)
		return FALSE;
	run_complain(run, "processes of cases that have ended go on");
	return TRUE;
}

/* A runner that the host's scheduler does not let run, now and then. */
#define HOLDS	20
#define HOLD_US 100000

static gboolean hold_runner(struct run *run)
{
	static unsigned holds; /* one run does this */

	if (!run_find_vmms(run).count)
		return FALSE;
	kill(run_runner(run), SIGSTOP);
	g_usleep(HOLD_US);
	kill(run_runner(run), SIGCONT);
	return ++holds == HOLDS;
}

/* ---- the table ---- */

#define NO_CASES "^ferry: "

/* The program misbehave, on TCG, and what the runner says of one of its tests. */
#define MISBEHAVE(test, expected_verdict, expected)                                                \
	{                                                                                          \
		.name = "guest-" test, .arguments = "run misbehave --arg test=" test, .status = 1, \
		.verdict = expected_verdict,                                                       \
		.words = "^" expected_verdict " +misbehave/none: " expected                        \
	}

#define MISBEHAVE_ON_KVM(test, expected_verdict, expected)                                         \
	{                                                                                          \
		.name = "guest-" test "-kvm",                                                      \
		.arguments = "run misbehave --accel kvm --arg test=" test, .status = 1,            \
		.verdict = expected_verdict, .needs_kvm = TRUE,                                    \
		.words = "^" expected_verdict " +misbehave/none: " expected                        \
	}

/* Memory that the guest itself makes stale, behind the back of a test. */
#define BROKEN_MEMORY(test, how)                                                                   \
	{                                                                                          \
		.name = "dirty-" how "-" test,                                                     \
		.arguments = "run dirty/none --arg test=" test " --arg break=" how, .status = 1,   \
		.verdict = "FAIL",                                                                 \
		.words = "^FAIL  dirty/none: " test ": CPU 1's page \\d+, 0x[0-9a-f]+ "            \
			 "\\(physical 0x[0-9a-f]+\\): ",                                           \
	}

/*
 * Memory that goes wrong under a plan. The verdict has to name the page that filtering-qemu has
 * damaged, what it held and what not, and who writes it.
 */
#define DAMAGED_MEMORY_BY(accel, plan, how, run)                                                   \
	.name = plan "-memory-" how,                                                               \
	.arguments = "run dirty --plan " plan " --moves 8 --arg test=dense "                       \
		     "--accel " accel " --qemu @BUILD@/tests/filtering-qemu",                      \
	.status = 1, .verdict = "FAIL", .vmm_has_child = TRUE,                                     \
	.wrapper = run "cat @DIR@/logs/dirty/" plan "/stderr; exit $status"

#define DAMAGED_MEMORY_ON(accel, plan, how)                                                        \
	DAMAGED_MEMORY_BY(accel, plan, how, "FERRY_DAMAGE=" how " \"$@\"; status=$?; ")

/* TCG loses some by itself while a guest that runs is moved. */
#define DAMAGED_MEMORY(plan, how) DAMAGED_MEMORY_ON("kvm", plan, how), .needs_kvm = TRUE

/* QEMU 7.2 crashes in recoveries now and then (docs/findings.md), which is no verdict on it. */
#define DAMAGED_MEMORY_UNLESS_CRASHED(plan, how)                                                   \
	DAMAGED_MEMORY_BY("kvm", plan, how,                                                        \
			  "for try in 1 2 3 4 5 6 7 8; do "                                        \
			  "FERRY_DAMAGE=" how " \"$@\" >@DIR@/try 2>&1; status=$?; "               \
			  "grep -q ^XFAIL @DIR@/try || break; done; cat @DIR@/try; "),             \
		.needs_kvm = TRUE

#define DAMAGED_PAGE(plan, held, damage)                                                           \
	"^FAIL  dirty/" plan ": dense: (CPU 1's page \\d+), 0x[0-9a-f]+ "                          \
	"\\(physical (0x[0-9a-f]+)[0-9a-f]{3}\\): " held                                           \
	"; the writer is at generation \\d+, page \\d+ of(.*\n)+.*"                                \
	"filtering-qemu: page \\g{2}000 of RAM, \\1, .*; now " damage

/* By whoever looked first: the writer, at all of it, or the boot CPU. */
#define OTHER_GENERATION                                                                           \
	"(held 0x[0-9a-f]+ \\(.*\\), not 0x[0-9a-f]+ of generation \\d+|"                          \
	"begins 0x[0-9a-f]+, ends 0x[0-9a-f]+, not 0x[0-9a-f]+ to .* \\(generation \\d+, by .*, "  \
	"to \\d+\\))"
#define CHANGED_BYTE                                                                               \
	"held 0x[0-9a-f]+ \\(no stamp of this page\\), not 0x[0-9a-f]+ of generation \\d+"

/* A guest that spoils what a device has written, or its disk, behind the back of a test. */
#define BROKEN_DMA(test, how, expected)                                                            \
	{                                                                                          \
		.name = "dma-" how "-" test,                                                       \
		.arguments = "run dma/none --accel tcg --arg test=" test " --arg break=" how,      \
		.status = 1, .verdict = "FAIL", .words = "^FAIL  dma/none: " test ": " expected,   \
	}

#define STORM_SIGNAL(number, which, expected)                                                      \
	{                                                                                          \
		.name = "storm-" #which "-" #number,                                               \
		.arguments = "run selftest --plan storm --moves 1000", .status = expected,         \
		.words = expected == 130 ? "^interrupted: 1 of 1 cases have no verdict" : "",      \
		.act = signal_in_storm, .signal = which, .leaves_folder = which == SIGKILL         \
	}

const struct fault
	faults[] = {
		/* Those that wait for the longest deadlines first. */
		{ "migration-hangs", "run selftest/precopy", "migration-hangs", 1, "ERROR",
		  "^ERROR selftest/precopy: the move did not end in time; source: migration active, destination: setup" },
		{ "no-greeting", "run selftest/precopy", "no-greeting", 1, "ERROR",
		  "^ERROR selftest/precopy: no QMP greeting within 15 s" },
		{ "no-answer", "run selftest/precopy", "no-answer", 1, "ERROR",
		  "^ERROR selftest/precopy: no answer to QMP command '[a-z-]+' within 15 s" },
		{ "no-answer-to-incoming", "run selftest/precopy", "no-answer-to-incoming", 1,
		  "ERROR",
		  "^ERROR selftest/precopy: destination: no answer to QMP command 'migrate-incoming' within" },
		{ "closes-monitor", "run selftest/pause", "closes-monitor", 1, "ERROR",
		  "^ERROR selftest/pause: no answer to QMP command 'stop' within 15 s" },
		{ "no-reset", "run selftest/reset", "no-reset", 1, "ERROR",
		  "^ERROR selftest/reset: QEMU did not reset the machine in time" },
		{ "save-hangs", "run selftest --plan snapshot", "save-hangs", 1, "ERROR",
		  "^ERROR selftest/snapshot: QEMU did not save the guest in time \\(migration active\\)" },
		{ "restore-hangs", "run selftest --plan snapshot", "restore-hangs", 1, "ERROR",
		  "^ERROR selftest/snapshot: (destination: )?no answer to QMP command 'cont' within 15 s" },
		{ "ignores-quit", "run selftest/precopy", "ignores-quit", 1, "ERROR",
		  "^ERROR selftest/precopy: source: QEMU did not end when it was told to quit" },

		/* A fake where all is well, so that the rest fails for its own reason. */
		{ "normal-none", "run selftest/none", "", 0, "PASS",
		  "^PASS  selftest/none \\(1 tests, 1 checks" },
		{ "normal-pause", "run selftest/pause", "", 0, "PASS",
		  "^PASS  selftest/pause .* 1 pause, " },
		{ "normal-precopy", "run selftest/precopy", "", 0, "PASS",
		  "^PASS  selftest/precopy .* 1 move, " },
		{ "normal-reset", "run selftest/reset", "", 0, "PASS",
		  "^PASS  selftest/reset \\(1 tests, 2 checks; 1 reset, back after " },
		{ "normal-storm", "run selftest/storm --moves 50", "", 0, "PASS",
		  "^PASS  selftest/storm .* 5\\d moves, " },

		/* The monitor. */
		{ "too-old", "run selftest/none", "too-old", 1, "ERROR",
		  "^ERROR selftest/none: QEMU 4.2.0 is too old: Ferry needs 6.0 or newer \\(--qemu BINARY\\)" },
		{ "nonsense", "run selftest/none", "nonsense", 1, "ERROR",
		  "^ERROR selftest/none: QMP answered with nonsense: Welcome to " },
		{ "nonsense-later", "run selftest/precopy", "nonsense-later", 1, "ERROR",
		  "^ERROR selftest/precopy: QMP answered with nonsense: \\{\"return\":  in test fake on CPU 0; last line: " },
		{ "two-answers", "run selftest/precopy", "two-answers", 1, "ERROR",
		  "^ERROR selftest/precopy: a QMP answer to nothing that was asked" },
		{ "refuses-capabilities", "run selftest/none", "refuses-capabilities", 1, "ERROR",
		  "^ERROR selftest/none: QMP command 'migrate-set-capabilities' failed: No such capability" },

		/* Processes that die. */
		{ "dies-at-start", "run selftest/none", "dies-at-start", 1, "ERROR",
		  "^ERROR selftest/none: qemu did not start \\(exit status 1: fake-qemu: -machine: no machine today\\)" },
		{ "dies-by-signal", "run selftest/none", "dies-by-signal", 1, "ERROR",
		  "^ERROR selftest/none: qemu died.*\\(killed by signal 11 \\(Segmentation fault\\)\\)" },
		{ "internal-error", "run selftest/none", "internal-error", 1, "ERROR",
		  "^ERROR selftest/none: QEMU has stopped the guest \\(internal-error; its stderr says why\\)" },
		{ "exits-under-the-guest", "run selftest/precopy", "exits-under-the-guest", 1,
		  "ERROR",
		  "^ERROR selftest/precopy: qemu failed \\(exit status 1: fake-qemu: lost my way\\)" },
		{ "source-dies", "run selftest/precopy", "source-dies", 1, "ERROR",
		  "^ERROR selftest/precopy: the source died in mid-move \\(killed by signal 9 \\(Killed\\)\\)" },
		{ "destination-dies-at-start", "run selftest/precopy", "destination-dies-at-start",
		  1, "ERROR",
		  "^ERROR selftest/precopy: the destination died before the move \\(exit status 1: fake-qemu: no more room\\)" },
		{ "destination-dies-in-move", "run selftest/precopy", "destination-dies-in-move", 1,
		  "ERROR",
		  "^ERROR selftest/precopy: the destination died in mid-move \\(exit status 1: fake-qemu: bad section\\)" },
		{ "destination-killed-in-move", "run selftest/storm", "destination-killed-in-move",
		  1, "ERROR",
		  "^ERROR selftest/storm: the destination died in mid-move \\(killed by signal 9 \\(Killed\\)\\)" },
		{ "destination-dies-later", "run selftest/precopy", "destination-dies-later", 1,
		  "ERROR",
		  "^ERROR selftest/precopy: (qemu died|the destination died in mid-move).*\\(killed by signal 6 \\(Aborted\\)\\)" },
		{ "dies-on-quit", "run selftest/precopy", "dies-on-quit", 1, "ERROR",
		  "^ERROR selftest/precopy: after the guest had left it, the source died instead of quitting \\(killed by signal 11" },

		/* Moves that do not succeed, or prove nothing. */
		{ "refuses-migrate", "run selftest/precopy", "refuses-migrate", 1, "ERROR",
		  "^ERROR selftest/precopy: QMP command 'migrate' failed: State blocked\\\\x0aby \\\\x1b\\[1mdevice.*last line: Now migrate the VM" },
		{ "cases-leave-nothing", "run selftest/precopy --repeat 30 -j 1", "refuses-migrate",
		  1, "ERROR", "^0 passed, 30 failed, 0 skipped", .act = count_vmms, .cases = 30 },
		{ "migration-fails", "run selftest/precopy", "migration-fails", 1, "ERROR",
		  "^ERROR selftest/precopy: QEMU says that the migration failed: Unable to\\\\x0awrite" },
		{ "not-live", "run selftest/precopy", "not-live", 1, "ERROR",
		  "^ERROR selftest/precopy: the move was not live: in 4 attempts no page was sent twice \\(100 of 100 pages\\)" },
		{ "no-figures", "run selftest/precopy", "no-figures", 1, "ERROR",
		  "^ERROR selftest/precopy: query-migrate does not tell downtime, page size and pages" },
		{ "odd-figures", "run selftest/precopy", "odd-figures", 1, "ERROR",
		  "^ERROR selftest/precopy: query-migrate answers with nonsense" },
		{ "ends-in-move", "run selftest/storm --moves 1", "ends-in-move", 0, "PASS",
		  "^PASS  selftest/storm .* 1 move, " },

		/* As the runner inside a lab, where QEMU is linked once. */
		{ "in-a-lab", "run selftest --plan precopy --host local --stream", "", 0, "PASS",
		  "\"verdict\":\"PASS\"" },
		{ "in-a-lab-dies", "run selftest/none --host local --stream", "dies-at-start", 1,
		  "ERROR",
		  "qemu did not start \\(exit status 1: fake-qemu: -machine: no machine today" },
		{ "in-a-lab-real", "run console --plan precopy,storm --host local --stream", NULL,
		  0, "PASS", "\"verdict\":\"PASS\"", .cases = 2 },

		/* Options that QEMU has not, or makes no use of. */
		{ "normal-delay", "run selftest --plan precopy+delay", "", 0, "PASS",
		  "^PASS  selftest/precopy\\+delay .* 1 move, " },
		{ "normal-norandom", "run selftest --plan precopy+norandom", "tells-if-predictable",
		  1, "ERROR", "^ERROR selftest/precopy\\+norandom: .*my addresses are not random" },
		{ "random", "run selftest --plan precopy", "tells-if-predictable", 0, "PASS",
		  "^PASS  selftest/precopy " },
		{ "option-not-here", "run selftest --plan precopy+xbzrle", "refuses-use", 0, "SKIP",
		  "^SKIP  selftest/precopy\\+xbzrle: plan precopy\\+xbzrle needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
		{ "no-file", "run selftest --plan precopy+file", "refuses-file", 0, "SKIP",
		  "^SKIP  selftest/precopy\\+file: plan precopy\\+file needs what qemu cannot do here: QMP command 'migrate' failed: unknown migration protocol; it has file: since 8.2" },
		{ "option-idle", "run selftest --plan precopy+multifd", "", 1, "ERROR",
		  "^ERROR selftest/precopy\\+multifd: query-migrate shows nothing of multifd: in 7 attempts no use was made of it" },
		{ "no-port", "run selftest --plan precopy+tcp", "deaf", 1, "ERROR",
		  "^ERROR selftest/precopy\\+tcp: destination: query-migrate does not tell the TCP port" },
		{ "option-refused-here", "run selftest --plan none+tcp", NULL, 2, NULL,
		  "^ferry: --plan: plan 'none' takes no options, and 'none\\+tcp' names some" },

		/* Post-copy moves that cannot be, or are none. */
		{ "normal-postcopy", "run selftest/postcopy --plan postcopy", "", 0, "PASS",
		  "^PASS  selftest/postcopy .* 1 move, " },
		{ "postcopy-not-here", "run selftest/postcopy --plan postcopy", "refuses-use", 0,
		  "SKIP",
		  "^SKIP  selftest/postcopy: plan postcopy needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
		{ "refuses-postcopy", "run selftest/postcopy --plan postcopy", "refuses-postcopy",
		  1, "ERROR",
		  "^ERROR selftest/postcopy: QMP command 'migrate-start-postcopy' failed: Too early" },
		{ "not-early", "run selftest/postcopy --plan postcopy", "not-early", 1, "ERROR",
		  "^ERROR selftest/postcopy: the move was not a post-copy one: in 4 attempts all memory was sent before the guest went" },
		{ "nothing-late", "run selftest/postcopy --plan postcopy", "nothing-late", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy: the move was not a post-copy one: in 4 attempts no memory was left to send when the guest went" },
		{ "destination-killed-late", "run selftest/postcopy --plan postcopy",
		  "destination-killed-late", 1, "ERROR",
		  "^ERROR selftest/postcopy: the destination died in mid-move \\(killed by signal 9 \\(Killed\\)\\)" },
		{ "loses-a-byte-late", "run selftest/postcopy --plan postcopy", "loses-a-byte", 1,
		  "FAIL",
		  "^FAIL  selftest/postcopy: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },

		/* Post-copy moves that are cut, and mended or not. */
		{ "normal-recover", "run selftest --plan postcopy-recover", "", 0, "PASS",
		  "^PASS  selftest/postcopy-recover .* 1 move, " },
		{ "refuses-pause", "run selftest --plan postcopy-recover", "refuses-pause", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy-recover: QMP command 'migrate-pause' failed: Not in the mood" },
		{ "refuses-recover", "run selftest --plan postcopy-recover", "refuses-recover", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy-recover: the destination would not go on after the cut: QMP command 'migrate-recover' failed: Incoming is busy" },
		{ "refuses-resume", "run selftest --plan postcopy-recover", "refuses-resume", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy-recover: the source would not go on after the cut: QMP command 'migrate' failed: Cannot resume" },
		{ "nothing-left-to-cut", "run selftest --plan postcopy-recover", "nothing-late", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy-recover: the stream was not cut in mid-flight: in 5 attempts no memory was left to send at the cut" },
		{ "dies-when-mended", "run selftest --plan postcopy-recover", "dies-when-mended", 1,
		  "ERROR",
		  "^ERROR selftest/postcopy-recover: the destination died in mid-move \\(killed by signal 9 \\(Killed\\)\\)" },

		/* Moves that are broken off, or should be. */
		{ "normal-cancel", "run selftest --plan cancel", "", 0, "PASS",
		  "^PASS  selftest/cancel .* \\d broken moves?, stopped for 0 us" },
		{ "normal-dstkill", "run selftest --plan dstkill", "", 0, "PASS",
		  "^PASS  selftest/dstkill .* 1 broken move, stopped for 0 us" },
		{ "refuses-cancel", "run selftest --plan cancel", "refuses-cancel", 1, "ERROR",
		  "^ERROR selftest/cancel: QMP command 'migrate_cancel' failed: Not now" },
		{ "completes-when-cancelled", "run selftest --plan cancel",
		  "completes-when-cancelled", 1, "ERROR",
		  "^ERROR selftest/cancel: QEMU completed a move that was cancelled" },
		{ "stops-when-cancelled", "run selftest --plan cancel", "stops-when-cancelled", 1,
		  "ERROR",
		  "^ERROR selftest/cancel: QEMU left the guest stopped \\(paused\\) when the move was cancelled" },
		{ "paused-by-lost-destination", "run selftest --plan dstkill",
		  "paused-by-lost-destination", 0, "PASS",
		  "^PASS  selftest/dstkill .* 1 broken move" },
		{ "stopped-by-lost-destination", "run selftest --plan dstkill",
		  "stopped-by-lost-destination", 1, "ERROR",
		  "^ERROR selftest/dstkill: QEMU left the guest stopped \\(internal-error\\) when the move had lost its destination" },
		{ "nothing-sent", "run selftest --plan cancel", "nothing-sent", 1, "ERROR",
		  "^ERROR selftest/cancel: no move was broken off in mid-flight: in 6 attempts nothing had been sent" },
		{ "nothing-left", "run selftest --plan dstkill", "nothing-left", 1, "ERROR",
		  "^ERROR selftest/dstkill: no move was broken off in mid-flight: in 6 attempts nothing was left to send" },
		{ "not-in-flight", "run selftest --plan cancel", "not-in-flight", 1, "ERROR",
		  "^ERROR selftest/cancel: the move was not in flight when it was to be broken off" },
		{ "source-dies-before-cancel", "run selftest --plan cancel", "source-dies", 1,
		  "ERROR",
		  "^ERROR selftest/cancel: the source died in mid-move \\(killed by signal 9" },
		{ "destination-dies-before-cancel", "run selftest --plan cancel",
		  "destination-dies-at-start", 1, "ERROR",
		  "^ERROR selftest/cancel: the destination died before the move" },
		{ "migration-fails-before-cancel", "run selftest --plan cancel", "migration-fails",
		  1, "ERROR",
		  "^ERROR selftest/cancel: QEMU says that the migration failed: Unable to" },
		{ "normal-srckill", "run selftest --plan srckill", "", 0, "PASS",
		  "^PASS  selftest/srckill .* 1 move, " },
		{ "completes-too-early", "run selftest --plan srckill", "completes-too-early", 1,
		  "ERROR",
		  "^ERROR selftest/srckill: the destination died with the source, which had sent all \\(exit status 1: fake-qemu: the stream ended early\\)" },
		{ "loses-a-byte-in-srckill", "run selftest --plan srckill", "loses-a-byte", 1,
		  "FAIL",
		  "^FAIL  selftest/srckill: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },

		/* Snapshots that cannot be made or read, or went bad. */
		{ "normal-snapshot", "run selftest --plan snapshot", "", 0, "PASS",
		  "^PASS  selftest/snapshot .* 1 snapshot, " },
		{ "refuses-getfd", "run selftest --plan snapshot", "refuses-getfd", 1, "ERROR",
		  "^ERROR selftest/snapshot: QMP command 'getfd' failed: No file descriptor supplied" },
		{ "cannot-save", "run selftest --plan snapshot", "cannot-save", 1, "ERROR",
		  "^ERROR selftest/snapshot: QEMU could not save the guest to .*: Unable to write to file: No space left on device" },
		{ "dies-in-save", "run selftest --plan snapshot", "dies-in-save", 1, "ERROR",
		  "^ERROR selftest/snapshot: QEMU died while it saved the guest \\(killed by signal 9 \\(Killed\\)\\)" },
		{ "dies-on-quit-when-saved", "run selftest --plan snapshot", "dies-on-quit", 1,
		  "ERROR",
		  "^ERROR selftest/snapshot: after the guest had left it, the source died instead of quitting \\(killed by signal 11" },
		{ "loses-a-byte-in-snapshot", "run selftest --plan snapshot", "loses-a-byte", 1,
		  "FAIL",
		  "^FAIL  selftest/snapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
		{ "normal-bgsnapshot", "run selftest --plan bgsnapshot", "", 0, "PASS",
		  "^PASS  selftest/bgsnapshot .* 1 snapshot, " },
		{ "bgsnapshot-not-here", "run selftest --plan bgsnapshot", "refuses-use", 0, "SKIP",
		  "^SKIP  selftest/bgsnapshot: plan bgsnapshot needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
		{ "stands-still", "run selftest --plan bgsnapshot", "stands-still", 1, "ERROR",
		  "^ERROR selftest/bgsnapshot: the snapshot was not a background one: the guest did not run while it was saved" },
		{ "original-loses-a-byte", "run selftest --plan bgsnapshot",
		  "original-loses-a-byte", 1, "FAIL",
		  "^FAIL  selftest/bgsnapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost.* \\(in the original, after the snapshot\\)" },
		{ "original-fails-a-check", "run selftest --plan bgsnapshot",
		  "original-fails-a-check", 1, "FAIL",
		  "^FAIL  selftest/bgsnapshot: fake: a word was 1, not 2 \\(in the original, after the snapshot\\)" },
		{ "original-dies", "run selftest --plan bgsnapshot", "original-dies", 1, "FAIL",
		  "^FAIL  selftest/bgsnapshot: the guest came to a bad end: killed by signal 6 .* \\(in the original, after the snapshot\\)" },
		{ "original-stands-still", "run selftest --plan bgsnapshot --timeout 3", "original-stands-still", 1, "FAIL", "^FAIL  selftest/bgsnapshot: no end within 3 s.*; the original of the last snapshot has not come to its test's end" },
		{ "loses-a-byte-in-bgsnapshot", "run selftest --plan bgsnapshot", "loses-a-byte", 1,
		  "FAIL",
		  "^FAIL  selftest/bgsnapshot: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
		{ .name = "snapshot-cut-short",
		  .arguments = "run selftest --plan snapshot --qemu @BUILD@/tests/filtering-qemu",
		  .status = 1,
		  .verdict = "ERROR",
		  .wrapper = "FERRY_DAMAGE=cut exec \"$@\"",
		  .words =
			  "^ERROR selftest/snapshot: the guest could not be restored \\(exit status 1: .*load of migration failed" },
		{ .name = "snapshot-file-size-limit",
		  .arguments = "run selftest --plan snapshot",
		  .status = 1,
		  .verdict = "ERROR",
		  .wrapper = "ulimit -f 1000; exec \"$@\"",
		  .words =
			  "^ERROR selftest/snapshot: QEMU could not save the guest to .*: .*File too large" },

		/* Resets. */
		{ "no-set-action", "run selftest/reset", "no-set-action", 1, "ERROR",
		  "^ERROR selftest/reset: QMP command 'set-action' failed: The command set-action has not been found; plan reset needs a QEMU that has it \\(--qemu BINARY\\)" },
		{ "refuses-reset", "run selftest/reset", "refuses-reset", 1, "ERROR",
		  "^ERROR selftest/reset: QMP command 'system_reset' failed: Not today" },
		{ "stays-down", "run selftest/reset --timeout 3", "stays-down", 1, "FAIL",
		  "^FAIL  selftest/reset: no end within 3 s in test fake on CPU 0; last line: Now migrate the VM \\(quiet\\); waits for the new boot's first line" },
		{ "guest-resets-first", "run selftest/reset", "guest-resets-first", 1, "FAIL",
		  "^FAIL  selftest/reset: the guest reset itself, by a triple fault or by order" },
		{ "cut-line", "run selftest/reset", "cut-line", 0, "PASS",
		  "^PASS  selftest/reset " },
		{ "jumps-to-start", "run selftest/none", "jumps-to-start", 1, "FAIL",
		  "^FAIL  selftest/none: console line \\d+: the guest boots again, and nobody has reset it" },
		{ "unclean-machine", "run selftest/reset", "unclean-machine", 1, "FAIL",
		  "^FAIL  selftest/reset: the machine was not reset: CPU 0: three is 0x3 and was not there at the first boot; two is 0x22 and was 0x2 at the first boot \\(console line \\d+\\)" },

		/* Stamps of a clock that was set, or of nonsense: the pause is then not known so
		   well. */
		{ "stale-stamps", "run selftest/storm", "stale-stamps", 0, "PASS",
		  "^PASS  selftest/storm " },
		{ "stale-stamps-pause", "run selftest/pause", "stale-stamps", 0,
		  "PASS", "^PASS  selftest/pause " },
		{ "future-stamps", "run selftest/storm", "future-stamps", 0,
		  "PASS", "^PASS  selftest/storm " },

		/* The console. */
		{ "loses-a-byte", "run selftest/precopy", "loses-a-byte", 1,
		  "FAIL", "^FAIL  selftest/precopy: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
		{ "doubles-a-byte", "run selftest/precopy", "doubles-a-byte", 1,
		  "FAIL", "^FAIL  selftest/precopy: console line \\d+: a damaged machine line: @@" },
		{ "doubles-a-line", "run selftest/precopy", "doubles-a-line", 1,
		  "FAIL", "^FAIL  selftest/precopy: console line \\d+: machine line (\\d+) came again after \\1" },
		{ "loses-first-byte", "run selftest/none --timeout 5", "loses-first-byte", 1,
		  "FAIL", "^FAIL  selftest/none: no end within 5 s; the guest never said hello" },
		{ "prints-garbage", "run selftest/none", "prints-garbage", 0,
		  "PASS", "^PASS  selftest/none " },
		{ "mad-backtrace", "run selftest/none", "mad-backtrace", 0,
		  "PASS", "^PASS  selftest/none " },
		{ "floods", "run selftest/none", "floods", 1, "ERROR",
		  "^ERROR selftest/none: the guest floods its console: more than 32 MiB" },
		{ "silent-guest", "run selftest/none", "silent-guest", 1,
		  "FAIL", "^FAIL  selftest/none: the guest left with status 0; the guest never said hello; it has written nothing" },
		{ "no-bye", "run selftest/none", "no-bye", 1,
		  "FAIL", "^FAIL  selftest/none: the guest left with status 0 without a word" },
		{ "another-bye", "run selftest/none", "another-bye", 1,
		  "FAIL", "^FAIL  selftest/none: the guest left with status 0 without a word" },

		/* Guest time against host time, with no guest's word about it. */
		{ "clock-agrees", "run selftest --plan storm", "clock-agrees", 0,
		  "PASS", "^PASS " },
		{ "clock-stands-still", "run selftest/none", "clock-stands-still", 1,
		  "FAIL", "^FAIL  selftest/none: fake on CPU 0 fell behind: at most \\d+ ns passed on it, \\d+ ns on the host" },
		{ "clock-stands-still-in-move", "run selftest/precopy", "clock-stands-still", 1,
		  "FAIL", "^FAIL  selftest/precopy: fake on CPU 0 fell behind: " },
		{ "clock-too-slow", "run selftest/none", "clock-too-slow", 1,
		  "FAIL", "^FAIL  selftest/none: fake on CPU 0 fell behind: " },
		{ "clock-too-fast", "run selftest/none", "clock-too-fast", 1,
		  "FAIL", "^FAIL  selftest/none: fake on CPU 0 ran ahead: at least \\d+ ns passed on it, \\d+ ns on the host" },
		{ "clock-leaps-ahead", "run selftest/precopy", "clock-leaps-ahead", 1,
		  "FAIL", "^FAIL  selftest/precopy: fake on CPU 0 ran ahead: " },
		{ "clock-leaps-back", "run selftest/precopy", "clock-leaps-back", 1,
		  "FAIL", "^FAIL  selftest/precopy: fake on CPU 0 fell behind: " },

		/* Disks and folders. */
		{ "full-disk-console", "run selftest/none", "", 1, "ERROR",
		  "^ERROR selftest/none: cannot write .*/selftest/none/console: No space left on device",
		  .prepare = fill_disk_under_console },
		{ "full-disk-transcript", "run selftest/none", "", 1, "ERROR",
		  "^ERROR selftest/none: cannot write .*/selftest/none/qmp: No space left on device",
		  .prepare = fill_disk_under_transcript },
		{ "full-disk-command", "run selftest/none", "", 1, "ERROR",
		  "^ERROR selftest/none: cannot write .*/selftest/none/command: No space left on device",
		  .prepare = fill_disk_under_command, .keeps_no_logs = TRUE },
		{ "file-size-limit", "run selftest/none", "floods", 1, "ERROR",
		  "^ERROR selftest/none: cannot write .*/console: File too large",
		  .wrapper = "ulimit -f 64; exec \"$@\"" },
		{ "full-disk-json", "run selftest/none --junit /dev/full", "", 2,
		  "PASS", "^ferry: cannot write /dev/full: No space left on device" },
		{ "full-disk-output", "run selftest/none", "", 2,
		  "PASS", "^ferry: cannot write to standard output",
		  .wrapper = "exec \"$@\" >/dev/full" },
		{ "reader-of-output-leaves", "run selftest/storm --moves 100", "", 0,
		  "PASS", "^status 2$", .wrapper = "{ \"$@\"; echo status $? >&2; } | true" },
		{ "log-folder-cannot-be", "run selftest/none --logdir /dev/null/logs", "", 2, NULL,
		  "^ferry: cannot write to the log folder /dev/null/logs: Not a directory" },
		{ "log-folder-in-use", "run selftest/none", "", 2, NULL,
		  "^ferry: another run writes to .*/logs; give this one its own with --logdir",
		  .prepare = use_log_folder },
		{ "case-folder-cannot-be", "run selftest/none", "", 1, "ERROR",
		  "^ERROR selftest/none: cannot create .*/logs/selftest/none",
		  .prepare = make_file_named_like_case_folder, .keeps_no_logs = TRUE },
		{ "no-folder-for-sockets", "run selftest/none", "", 2, NULL,
		  "^ferry: cannot make a folder for sockets in /dev/null: ",
		  .wrapper = "TMPDIR=/dev/null exec \"$@\"" },
		{ "json-cannot-be", "run selftest/none --junit /nowhere/x", "", 2, NULL,
		  "^ferry: cannot create /nowhere/x: No such file or directory" },

		/* A QEMU that is none. */
		{ "qemu-not-there", "run selftest/none --qemu /nowhere/qemu", NULL, 2, NULL,
		  "^ferry: there is no program '/nowhere/qemu'; install QEMU" },
		{ "qemu-is-no-qemu", "run selftest/none --qemu cat", NULL, 1, "ERROR",
		  "^ERROR selftest/none: qemu did not start \\(exit status 1: .*\\)" },
		{ "two-qemus", "run selftest --plan storm --qemu @FAKE@ --qemu-dst @FAKE@", "", 0,
		  "PASS", "^PASS  selftest/storm between 7.2.0 and 7.2.0 " },
		{ "qemu-dst-not-there", "run selftest/none --qemu-dst /nowhere/qemu", "", 2, NULL,
		  "^ferry: --qemu-dst: there is no program '/nowhere/qemu'" },
		{ "qemu-dst-is-no-qemu", "run selftest/none --qemu-dst false", "", 2, NULL,
		  "^ferry: '.*false -machine help' failed: " },
		{ "no-common-machine", "run selftest/none --qemu-dst true", "", 2, NULL,
		  "^ferry: no machine type pc-q35-X.Y is known to both .*; name one that is with --machine TYPE" },
		{ "machine-of-one-only", "run selftest/none --machine pc-q35-7.11", "", 2, NULL,
		  "^ferry: --machine: .* has no 'pc-q35-7.11' \\(did you mean 'pc-q35-7.10'\\?\\)" },
		{ "qemu-says-nothing", "run selftest/none --qemu true", NULL, 1, "ERROR",
		  "^ERROR selftest/none: qemu did not start \\(exit status 0\\)" },
		{ "qemu-refuses-arguments",
		  "run selftest --plan none --suite @DIR@/unittests.cfg --bindir @BUILD@/x86", NULL,
		  1, "ERROR",
		  "^ERROR selftest/none: qemu did not start \\(exit status 1: .*nonesuch.*\\)",
		  .config = "[selftest]\nfile = selftest.flat\nextra_params = -device nonesuch\n" },

		/* Command lines. */
		{ "no-arguments", "", NULL, 2, NULL, "^Usage: ferry COMMAND" },
		{ "unknown-command", "rum", NULL, 2, NULL,
		  "^ferry: unknown command 'rum' \\(did you mean 'run'\\?\\)" },
		{ "help", "--help", NULL, 0, NULL, "^  ferry run +run cases" },
		{ "unknown-option", "run --plam none", NULL, 2, NULL,
		  "^ferry: Unknown option --plam" },
		{ "unknown-plan", "run selftest --plan none,precpy", NULL, 2, NULL,
		  "^ferry: --plan: unknown plan 'precpy' \\(did you mean 'precopy'\\?\\)" },
		{ "no-plan", "run selftest --plan ''", NULL, 2, NULL,
		  "^ferry: --plan: no plan is named" },
		{ "plan-twice", "run selftest --plan none,none", NULL, 2, NULL,
		  "^ferry: --plan: 'none' is named twice" },
		{ "unknown-accel", "run selftest --accel hvf", NULL, 2, NULL,
		  "^ferry: --accel is kvm or tcg, not 'hvf'" },
		{ "unknown-host", "run selftest --host moon", NULL, 2, NULL,
		  "^ferry: --host is .*, not 'moon'" },
		{ "pattern-typo", "run selftets", NULL, 2, NULL,
		  "^ferry: no case matches 'selftets' \\(did you mean 'selftest'\\?\\)" },
		{ "seed-out-of-range", "run selftest --seed 4294967296", NULL, 2, NULL,
		  "^ferry: --seed is a number from 0 to 4294967295" },
		{ "seed-negative", "run selftest --seed -2", NULL, 2, NULL,
		  "^ferry: --seed is a number from 0 to 4294967295" },
		{ "no-jobs", "run selftest -j 0", NULL, 2, NULL,
		  "^ferry: --jobs, --repeat and --moves are 1 or more" },
		{ "no-repeat", "run selftest --repeat=-1", NULL, 2, NULL,
		  "^ferry: --jobs, --repeat and --moves are 1 or more" },
		{ "timescale-out-of-range", "run selftest --timescale 0.5", NULL, 2, NULL,
		  "^ferry: --timescale is a number from 1 to 10000", .default_deadlines = TRUE },
		{ "long-timeout", "run selftest/none --timeout 2000000000", "", 0,
		  "PASS", "^PASS " },
		{ "no-skip", "run kvmclock/none --no-skip", NULL, 1,
		  "SKIP", "^SKIP  kvmclock/none: needs kvmclock, which KVM offers and TCG does not" },
		{ "suite-not-there", "run --suite /nowhere/unittests.cfg", NULL, 2, NULL,
		  "^ferry: .*/nowhere/unittests.cfg" },

		/* unittests.cfg. */
		{ "config-complaints", "run", "", 2, NULL,
		  "^ferry: .*unittests.cfg:3: smp = 'two' is not a number from 1 to 255\n"
		  ".*unittests.cfg:4: unknown key 'grops' \\(did you mean 'groups'\\?\\)\n"
		  ".*unittests.cfg:5: duplicate name \\[a\\], first used at line 1$",
		  .config = "[a]\nfile = selftest.flat\nsmp = two\ngrops = x\n[a]\nfile = selftest.flat\n" },
		{ "config-missing-file", "run", "", 2, NULL,
		  "^ferry: .*unittests.cfg:1: \\[a\\]: .*/x86/absent.flat does not exist; correct 'file', or run make$",
		  .config = "[a]\nfile = absent.flat\n" },
		{ "config-unknown-need", "run", "", 2, NULL,
		  "^ferry: .*unittests.cfg:1: \\[a\\] names the unknown need 'kvmm' \\(did you mean 'kvm'\\?\\)",
		  .config = "[a]\nfile = selftest.flat\nneeds = kvmm\n" },
		{ "config-empty", "run", "", 2, NULL,
		  "^ferry: .*unittests.cfg:\\d+: holds no program", .config = "\n" },

		/* Signals, whenever they come. */
		STORM_SIGNAL(1, SIGINT, 130),
		STORM_SIGNAL(2, SIGINT, 130),
		STORM_SIGNAL(3, SIGINT, 130),
		STORM_SIGNAL(1, SIGTERM, 130),
		STORM_SIGNAL(1, SIGHUP, 130),
		STORM_SIGNAL(1, SIGKILL, 128 + SIGKILL),
		STORM_SIGNAL(2, SIGKILL, 128 + SIGKILL),
		{ "signal-at-start", "run selftest/none", "hangs", 130, NULL,
		  "^interrupted: 1 of 1 cases have no verdict", .act = signal_at_once,
		  .signal = SIGINT },
		{ "signal-while-measuring", "run selftest/none", "hangs", 130, NULL, "",
		  .act = signal_at_once, .signal = SIGINT, .default_deadlines = TRUE },

		/* What the guest writes meanwhile must neither get lost nor be written twice. */
		{ .name = "slow-runner",
		  .arguments = "run console --plan storm",
		  .status = 0,
		  .verdict = "PASS",
		  .act = hold_runner,
		  .words = "^PASS  console/storm " },

		/* The shell between two QEMUs must not make anything of a path, nor outlive them.
		 */
		{ .name = "exec-in-odd-folder",
		  .arguments = "run selftest --plan precopy+exec --arg test=survives_a_move",
		  .status = 0,
		  .verdict = "PASS",
		  .wrapper =
			  "odd=\"$TMPDIR/it's \\$(odd)\"; mkdir \"$odd\" && { TMPDIR=\"$odd\" \"$@\"; status=$?; rmdir \"$odd\" && exit $status; }",
		  .words = "^PASS  selftest/precopy\\+exec " },
		{ .name = "exec-killed",
		  .arguments = "run selftest --plan storm+exec --moves 1000",
		  .status = 128 + SIGKILL,
		  .words = "",
		  .act = signal_in_storm,
		  .signal = SIGKILL,
		  .leaves_folder = TRUE },

		/* Real QEMUs, killed in mid-move. What is told depends on the moment. */
		{ .name = "kill-source",
		  .arguments = "run selftest --plan storm --moves 1000",
		  .status = 1,
		  .verdict = "ERROR",
		  .act = kill_source,
		  .words =
			  "^ERROR selftest/storm: .*(source|qemu) died.*\\(killed by signal 9 \\(Killed\\)\\)" },
		{ .name = "kill-destination",
		  .arguments = "run selftest --plan storm --moves 1000",
		  .status = 1,
		  .verdict = "ERROR",
		  .act = kill_destination,
		  .words =
			  "^ERROR selftest/storm: .*\\(killed by signal 9 \\(Killed\\)\\)|^ERROR selftest/storm: QEMU says that the migration failed" },
		{ .name = "kill-vmm",
		  .arguments = "run selftest --plan storm --moves 1000",
		  .status = 1,
		  .verdict = "ERROR",
		  .act = kill_any_vmm,
		  .words = "^ERROR selftest/storm: .*\\(killed by signal 9 \\(Killed\\)\\)" },

		/* Guests that go wrong. */
		{ .name = "guest-turns",
		  .arguments = "run selftest/none --accel tcg --arg turns=sometimes",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  selftest/none: turns=sometimes is none of always, slow, never" },
		{ .name = "guest-hang",
		  .arguments = "run misbehave --arg test=hang --timeout 8",
		  .status = 1,
		  .verdict = "FAIL",
		  .words =
			  "^FAIL  misbehave/none: no end within 8 s in test hang on CPU 0; last line: PASS: hang: about to hang" },
		{ .name = "guest-hang_all",
		  .arguments = "run misbehave --arg test=hang_all --timeout 8",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  misbehave/none: no end within 8 s in test hang_all on CPU 0" },
		{ .name = "guest-never_answers",
		  .arguments = "run misbehave --arg test=never_answers --timeout 8",
		  .status = 1,
		  .verdict = "FAIL",
		  .words =
			  "^FAIL  misbehave/none: no end within 8 s in test never_answers on CPU 0; .*; the guest has not read the runner's answer" },
		{ .name = "guest-never_answers-in-storm",
		  .arguments = "run misbehave --plan storm --arg test=never_answers --timeout 8",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  misbehave/storm: no end within 8 s in test never_answers" },
		MISBEHAVE(
			"triple_fault", "FAIL",
			"the guest reset itself, by a triple fault or by order in test triple_fault on CPU 0"),
		MISBEHAVE(
			"reset", "FAIL",
			"the guest reset itself, by a triple fault or by order in test reset on CPU 0"),
		{ .name = "guest-triple_fault-under-reset",
		  .arguments = "run misbehave --plan reset --arg test=triple_fault",
		  .status = 1,
		  .verdict = "FAIL",
		  .words =
			  "^FAIL  misbehave/reset: the guest reset itself, by a triple fault or by order in test triple_fault on CPU 0" },
		{ .name = "guest-unclean_machine",
		  .arguments = "run misbehave --plan reset --arg test=unclean_machine",
		  .status = 1,
		  .verdict = "FAIL",
		  .words =
			  "^FAIL  misbehave/reset: the machine was not reset: CPU 2: boots is 0x2 and was 0x1 at the first boot \\(console line \\d+\\)" },
		MISBEHAVE("failing_check", "FAIL", ".*two is \"three\".* \\(console line \\d+\\)"),
		MISBEHAVE(
			"unexpected_exception", "FAIL",
			"unexpected exception 14 at 0x[0-9a-f]+ on CPU 0 in test unexpected_exception(.*\n)+ +#\\d write_to at misbehave\\.c:\\d+\n( +#\\d inner at misbehave\\.c:\\d+\n)? +#\\d outer at misbehave\\.c:\\d+\n"),
		MISBEHAVE(
			"stack_overflow", "FAIL",
			"unexpected exception \\d+ at 0x[0-9a-f]+ on CPU 0(.*\n)+ +#\\d recurse at misbehave\\.c"),
		MISBEHAVE("null_call", "FAIL",
			  "unexpected exception 14 at 0x0 on CPU 0 in test null_call"),
		MISBEHAVE("failed_assertion", "FAIL", ".*failed_assertion"),
		MISBEHAVE("missed_deadline", "FAIL",
			  "missed_deadline: waited 50 ms in vain for something that never comes"),
		MISBEHAVE("no_check", "FAIL", ".*no_check"),
		MISBEHAVE("sequence_gap", "FAIL",
			  "console line \\d+: machine line \\d+ follows \\d+: 1 lost"),
		MISBEHAVE("lost_bytes", "FAIL",
			  "console line \\d+: the guest had sent \\d+ bytes, \\d+ came: 7 lost"),
		MISBEHAVE(
			"doubled_bytes", "FAIL",
			"console line \\d+: the guest had sent \\d+ bytes, \\d+ came: 7 too many"),
		MISBEHAVE(
			"early_exit", "FAIL",
			"the guest left with status 0 without a word in test early_exit on CPU 0"),
		/* A slow host does not get as far as the limit. */
		{ .name = "guest-flood",
		  .arguments = "run misbehave --arg test=flood --timeout 8",
		  .status = 1,
		  .verdict = "FAIL or ERROR",
		  .words =
			  "^FAIL  misbehave/none: no end within 8 s in test flood on CPU 0; last line: this line is|^ERROR misbehave/none: the guest floods its console: more than 32 MiB" },
		{ .name = "guest-flood_no_newline",
		  .arguments = "run misbehave --arg test=flood_no_newline --timeout 8",
		  .status = 1,
		  .verdict = "FAIL or ERROR",
		  .words =
			  "^FAIL  misbehave/none: no end within 8 s in test flood_no_newline on CPU 0|^ERROR misbehave/none: the guest floods its console: more than 32 MiB" },
		{ .name = "guest-garbage",
		  .arguments = "run misbehave --arg test=garbage",
		  .status = 0,
		  .verdict = "PASS",
		  .words = "^PASS  misbehave/none " },
		{ .name = "guest-unknown_question",
		  .arguments = "run misbehave --arg test=unknown_question",
		  .status = 0,
		  .verdict = "PASS",
		  .words = "^PASS  misbehave/none " },
		{ .name = "guest-not-asked",
		  .arguments = "run misbehave",
		  .status = 0,
		  .verdict = "SKIP",
		  .words = "^SKIP  misbehave/none: " },
		MISBEHAVE_ON_KVM("triple_fault", "FAIL",
				 "the guest reset itself, by a triple fault or by order"),
		MISBEHAVE_ON_KVM("reset", "FAIL",
				 "the guest reset itself, by a triple fault or by order"),
		MISBEHAVE_ON_KVM(
			"unexpected_exception", "FAIL",
			"unexpected exception 14 at (.*\n)+ +#\\d outer at misbehave\\.c:\\d+\n"),
		MISBEHAVE_ON_KVM("stack_overflow", "FAIL", "unexpected exception \\d+ at "),

		BROKEN_MEMORY("staircase", "stale"),
		BROKEN_MEMORY("staircase", "torn"),
		BROKEN_MEMORY("dense", "stale"),
		BROKEN_MEMORY("dense", "torn"),
		BROKEN_MEMORY("dense", "late"),
		BROKEN_MEMORY("sparse", "stale"),
		BROKEN_MEMORY("flood", "stale"),
		BROKEN_MEMORY("two_mappings", "stale"),
		BROKEN_MEMORY("crossing", "torn"),
		BROKEN_MEMORY("code", "late"),
		BROKEN_MEMORY("zero", "stale"),
		BROKEN_MEMORY("no_change", "stale"),
		BROKEN_MEMORY("no_change", "unlocked"),
		BROKEN_MEMORY("walks", "stale"),
		BROKEN_MEMORY("large_walks", "stale"),
		{ .name = "dirty-clean-no_change_is_write",
		  .arguments = "run dirty/none --arg test=no_change_is_write --arg break=clean",
		  .status = 1,
		  .verdict = "FAIL",
		  .words =
			  "^FAIL  dirty/none: no_change_is_write: cpu 0: .*: moved once more: the entry is 0x[0-9a-f]+ without A or D" },
		BROKEN_DMA(
			"blk_modern_polled", "buffer",
			"virtio-blk 02.0 \\(modern, polled\\) queue 1: sector \\d+, word 63 \\(physical 0x[0-9a-f]+\\): held 0xdead[0-9a-f]+ \\(the poison of request \\d+: nothing was written here\\), may hold only 0x"),
		BROKEN_DMA(
			"blk_legacy_msix", "sector", "virtio-blk 02.0 \\(legacy, MSI-X\\) queue 1: sector \\d+, word 2 \\(physical 0x[0-9a-f]+\\): held 0x[0-9a-f]+ \\(generation \\d+ of sector \\d+, whole\\), may hold only 0x[0-9a-f]+, of generation \\d+"),
		BROKEN_DMA(
			"blk_modern_msix", "twice",
			"virtio-blk 02.0 \\(modern, MSI-X\\) queue 1: used element \\d+ \\(physical 0x[0-9a-f]+\\) returns descriptor \\d+, which the device does not have"),
		BROKEN_DMA(
			"blk_one_at_a_time_intx", "interrupt",
			"virtio-blk 02.0 \\(legacy, INTx\\) queue 0: not returned: avail idx (\\d+), used idx \\1 \\(physical 0x[0-9a-f]+\\), of which \\d+ were seen; it was, and no interrupt told so"),
		BROKEN_DMA(
			"rng_modern_msix", "buffer",
			"virtio-rng 03.0 \\(modern, MSI-X\\) queue 0: word \\d+ of \\d+ that were filled \\(physical 0x[0-9a-f]+\\) held 0xdead[0-9a-f]+, its poison: it was not written"),
		BROKEN_DMA(
			"blk_modern_polled", "disk",
			"virtio-blk 02.0 \\(modern, polled\\): the host finds 8 sectors of the image wrong, the first 8 .*; and the disk's sector 8 holds generation \\d+ of sector 8, and may hold only generation \\d+, which the guest has flushed; 8 sectors are wrong"),
		{ .name = "dirty-stale-kvm_pages",
		  .arguments = "run dirty/none --accel kvm --arg test=kvm_pages --arg break=stale",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  dirty/none: kvm_pages: CPU 1's page 0, ",
		  .needs_kvm = TRUE },

		/* Memory that QEMU damages, or what carries a guest from one to another. */
		{ DAMAGED_MEMORY("precopy", "change"),
		  .words = DAMAGED_PAGE("precopy", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY("precopy", "drop"),
		  .words = DAMAGED_PAGE("precopy", OTHER_GENERATION, "it (stays|is never sent)") },
		{ DAMAGED_MEMORY("precopy", "older"),
		  .words = DAMAGED_PAGE("precopy", OTHER_GENERATION,
					"it is sent with generation \\d+ of") },
		{ DAMAGED_MEMORY("storm", "older"),
		  .words = DAMAGED_PAGE("storm", OTHER_GENERATION,
					"it is sent with generation \\d+ of") },
		{ DAMAGED_MEMORY("srckill", "drop"),
		  .words = DAMAGED_PAGE("srckill", OTHER_GENERATION, "it (stays|is never sent)") },
		{ DAMAGED_MEMORY("postcopy", "change"),
		  .words = DAMAGED_PAGE("postcopy", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY("postcopy", "drop"),
		  .words = DAMAGED_PAGE("postcopy", OTHER_GENERATION, "it is never sent$") },
		{ DAMAGED_MEMORY_UNLESS_CRASHED("postcopy-recover", "change"),
		  .words =
			  DAMAGED_PAGE("postcopy-recover", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY_ON("tcg", "snapshot", "change"),
		  .words = DAMAGED_PAGE("snapshot", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY_ON("tcg", "snapshot", "drop"),
		  .words = DAMAGED_PAGE("snapshot", OTHER_GENERATION, "it is never sent$") },
		{ DAMAGED_MEMORY("bgsnapshot", "change"),
		  .words = DAMAGED_PAGE("bgsnapshot", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY("bgsnapshot", "newer"),
		  /* What is not in order with it may be seen first. */
		  .words =
			  "^FAIL  dirty/bgsnapshot: dense: CPU 1's page (\\d+), 0x[0-9a-f]+ \\(physical 0x[0-9a-f]+\\): (held .*|begins .* \\(generation \\d+, by (the notes|page (\\d+)), to \\d+\\)); the writer is at generation (.*\n)+filtering-qemu: .*, CPU 1's page (\\1|\\4), .*; now it is sent with" },
		{ DAMAGED_MEMORY("cancel", "migrate_cancel"),
		  .words = DAMAGED_PAGE("cancel", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY("dstkill", "query-yank"),
		  .words = DAMAGED_PAGE("dstkill", CHANGED_BYTE, "byte 4080 is changed$") },
		{ DAMAGED_MEMORY("pause", "cont"),
		  .words = DAMAGED_PAGE("pause", CHANGED_BYTE, "byte 4080 is changed$") },

		/* Images of memory that differ, do not, or cannot be made. */
		{ .name = "keep-ram-differ",
		  .arguments =
			  "run dirty --plan precopy --keep-ram --arg test=dense --accel kvm --qemu @BUILD@/tests/filtering-qemu",
		  .status = 1,
		  .verdict = "FAIL",
		  .needs_kvm = TRUE,
		  .vmm_has_child = TRUE,
		  .wrapper =
			  "FERRY_DAMAGE=change \"$@\"; status=$?; cd @DIR@/logs/dirty/precopy; cmp -l ram-source ram-destination; rm ram-*; cat stderr; exit $status",
		  .words =
			  "^FAIL  dirty/precopy: dense: .*\n"
			  " +memory: source and destination differed in \\d of \\d moves?; images of move \\d, 1 page not the same: .*/ram-source .*/ram-destination\n(.*\n)* +memory: move \\d, page (0x[0-9a-f]+), first at offset 0xff0: source( [0-9a-f]{2}){16}, destination( [0-9a-f]{2}){16}\n(.*\n)+ *\\d+ +[0-7]+ +[0-7]+\n"
			  "filtering-qemu: page \\g{2} of RAM, .*; now byte 4080 is changed" },
		{ .name = "keep-ram-equal",
		  .arguments = "run dirty --plan snapshot --keep-ram --arg test=staircase",
		  .status = 0,
		  .verdict = "PASS",
		  .wrapper = "\"$@\"; status=$?; ls @DIR@/logs/dirty/snapshot; exit $status",
		  .words =
			  "^PASS  dirty/snapshot .*\n +memory: source and destination held the same in 2 moves\n(?!(.*\n)*ram-)" },
		{ "keep-ram-moves-on", "run selftest/precopy --keep-ram", "refuses-pmemsave", 0,
		  "PASS",
		  "^PASS  selftest/precopy .* 1 move, .*\n +memory: there are no images: QMP command 'pmemsave' failed: Could not open the file$" },
		{ "keep-ram-destination-dies", "run selftest/precopy --keep-ram",
		  "dies-in-pmemsave", 1, "ERROR",
		  "^ERROR selftest/precopy: the destination died before the guest went on \\(killed by signal 9 \\(Killed\\)\\)" },
		{ "keep-ram-cannot-be", "run selftest/postcopy --plan postcopy --keep-ram", "", 0,
		  "PASS",
		  "^PASS  selftest/postcopy .*\n +memory: there are no images: the guest runs while its memory comes$" },

		/* A kvmclock that is broken on purpose: by the reader, in the page's address, by
		 * the host.
		 */
		{ .name = "kvmclock-broken-reader",
		  .arguments = "run kvmclock/none --accel kvm --arg break=reader",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  kvmclock/none: reader_arithmetic: ",
		  .needs_kvm = TRUE },
		{ .name = "kvmclock-broken-page",
		  .arguments = "run kvmclock/none --accel kvm --arg test=enable_* --arg break=page",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  kvmclock/none: enable_\\w+: ",
		  .needs_kvm = TRUE },
		{ .name = "kvmclock-broken-host",
		  .arguments = "run kvmclock/none --accel kvm --arg test=wall_clock_* --arg break=host",
		  .status = 1,
		  .verdict = "FAIL",
		  .words = "^FAIL  kvmclock/none: wall_clock_\\w+: ",
		  .needs_kvm = TRUE },
	};

const gsize fault_count = G_N_ELEMENTS(faults);
