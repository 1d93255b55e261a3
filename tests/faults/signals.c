// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Signals that come at a random moment, to the runner or to its QEMUs, in the middle of actions.
 *
 * Most signals have three rows: while a real QEMU migrates its guest, which needs KVM; while
 * fake-qemu migrates; and on TCG, while a real QEMU carries out actions other than complete
 * migrations.
 */
#include <signal.h>

#include "faults.h"

/* A migration begins within this time after its destination has started. */
#define MIGRATION_MS 60
/* A signal comes within this time. Without it each run would take longer. */
#define SIGNAL_MS 1500

/*
 * Kills again and again until ferry has ended, because the signal may hit a source that has just
 * quit. Once one VMM is dead, fewer than two are left, so the other one stays alive.
 */
static gboolean kill_in_migration(struct run *run, gboolean newest)
{
	struct run_vmms vmms = run_find_vmms(run);

	if (vmms.count >= 2 && run_random_moment_came(run, MIGRATION_MS))
		kill(newest ? vmms.newest : vmms.oldest, SIGKILL);
	return FALSE;
}

static gboolean kill_source(struct run *run)
{
	return kill_in_migration(run, FALSE);
}

static gboolean kill_destination(struct run *run)
{
	return kill_in_migration(run, TRUE);
}

static gboolean kill_any_vmm(struct run *run)
{
	struct run_vmms vmms = run_find_vmms(run);

	if (vmms.count && run_random_moment_came(run, MIGRATION_MS))
		kill(vmms.oldest, SIGKILL);
	return FALSE;
}

static gboolean signal_runner_when(struct run *run, gboolean when)
{
	if (!when)
		return FALSE;
	kill(run_runner(run), run_signal(run));
	return TRUE;
}

static gboolean signal_runner(struct run *run)
{
	return signal_runner_when(run, run_find_vmms(run).count &&
					       run_random_moment_came(run, SIGNAL_MS));
}

static gboolean signal_at_once(struct run *run)
{
	return signal_runner_when(run, run_find_vmms(run).count);
}

/* Stops the runner again and again, as if the host's scheduler did not run it. */
#define HOLDS	20
#define HOLD_US 100000

static gboolean hold_runner(struct run *run)
{
	if (!run_find_vmms(run).count)
		return FALSE;
	kill(run_runner(run), SIGSTOP);
	g_usleep(HOLD_US);
	kill(run_runner(run), SIGCONT);
	return run_count(run) == HOLDS;
}

#define INTERRUPTED "^interrupted: 1 of 1 cases have no verdict"

#define SIGNAL_RUNNER(which)                                                                       \
	.act = signal_runner, .signal = which, .status = which == SIGKILL ? 128 + SIGKILL : 130,   \
	.words = which == SIGKILL ? "" : INTERRUPTED, .leaves_folder = which == SIGKILL

#define STORM_SIGNAL(number, which)                                                                \
	{                                                                                          \
		.name = "storm-" #which "-" #number, SIGNAL_RUNNER(which), .on_kvm = TRUE,         \
		.arguments = "run selftest --plan storm --moves 1000"                              \
	}

#define FAKE_STORM_SIGNAL(number, which)                                                           \
	{                                                                                          \
		.name = "fake-storm-" #which "-" #number, SIGNAL_RUNNER(which), .script = "",      \
		.arguments = "run selftest --plan storm --moves 1000"                              \
	}

#define SNAPSHOT_SIGNAL(number, which)                                                             \
	{                                                                                          \
		.name = "snapshot-" #which "-" #number, SIGNAL_RUNNER(which),                      \
		.arguments = "run console --plan snapshot"                                         \
	}

#define CANCEL_SIGNAL(number, which)                                                               \
	{                                                                                          \
		.name = "cancel-" #which "-" #number, SIGNAL_RUNNER(which),                        \
		.arguments = "run console --plan cancel"                                           \
	}

#define KILLED "\\(killed by signal 9 \\(Killed\\)\\)"

#define DESTINATION_KILLED                                                                         \
	"^ERROR selftest/storm: .*" KILLED                                                         \
	"|^ERROR selftest/storm: QEMU says that the migration failed"

/* Runs ferry with a TMPDIR whose name a shell would expand. */
#define IN_ODD_FOLDER                                                                              \
	"odd=\"$TMPDIR/it's \\$(odd)\"; mkdir \"$odd\" && { "                                      \
	"TMPDIR=\"$odd\" \"$@\"; status=$?; rmdir \"$odd\" && exit $status; }"

static const struct fault rows[] = {
	STORM_SIGNAL(1, SIGINT),
	STORM_SIGNAL(2, SIGINT),
	STORM_SIGNAL(3, SIGINT),
	STORM_SIGNAL(1, SIGTERM),
	STORM_SIGNAL(1, SIGHUP),
	STORM_SIGNAL(1, SIGKILL),
	STORM_SIGNAL(2, SIGKILL),
	FAKE_STORM_SIGNAL(1, SIGINT),
	FAKE_STORM_SIGNAL(2, SIGINT),
	FAKE_STORM_SIGNAL(1, SIGTERM),
	FAKE_STORM_SIGNAL(1, SIGHUP),
	FAKE_STORM_SIGNAL(1, SIGKILL),
	SNAPSHOT_SIGNAL(1, SIGINT),
	SNAPSHOT_SIGNAL(2, SIGINT),
	SNAPSHOT_SIGNAL(1, SIGKILL),
	CANCEL_SIGNAL(1, SIGINT),
	CANCEL_SIGNAL(2, SIGINT),
	CANCEL_SIGNAL(1, SIGTERM),
	CANCEL_SIGNAL(1, SIGHUP),
	CANCEL_SIGNAL(1, SIGKILL),
	{ "signal-at-start", "run selftest/none", "hangs", 130, NULL, INTERRUPTED,
	  .act = signal_at_once, .signal = SIGINT },
	{ "signal-while-measuring", "run selftest/none", "hangs", 130, NULL, "",
	  .act = signal_at_once, .signal = SIGINT, .default_deadlines = TRUE },

	/* Output of the guest while the runner is stopped must not get lost or come twice. */
	{ .name = "slow-runner",
	  .arguments = "run console --plan storm",
	  .on_kvm = TRUE,
	  .status = 0,
	  .verdict = "PASS",
	  .act = hold_runner,
	  .words = "^PASS  console/storm " },
	{ .name = "slow-runner-fake",
	  .arguments = "run selftest --plan storm --moves 100",
	  .script = "",
	  .status = 0,
	  .verdict = "PASS",
	  .act = hold_runner,
	  .words = "^PASS  selftest/storm " },
	{ .name = "slow-runner-tcg",
	  .arguments = "run console --plan cancel",
	  .status = 0,
	  .verdict = "PASS",
	  .act = hold_runner,
	  .words = "^PASS  console/cancel " },

	/*
	 * The commands of exec: must accept any character in a path, and end with their QEMUs. In
	 * plan cancel the guest stays at the source, so the data that they carry does not matter.
	 */
	{ .name = "exec-in-odd-folder",
	  .arguments = "run selftest --plan precopy+exec --arg test=survives_a_move",
	  .on_kvm = TRUE,
	  .status = 0,
	  .verdict = "PASS",
	  .wrapper = IN_ODD_FOLDER,
	  .words = "^PASS  selftest/precopy\\+exec " },
	{ .name = "exec-in-odd-folder-tcg",
	  .arguments = "run selftest --plan cancel+exec --arg test=survives_a_move",
	  .status = 0,
	  .verdict = "PASS",
	  .wrapper = IN_ODD_FOLDER,
	  .words = "^PASS  selftest/cancel\\+exec " },
	{ .name = "exec-killed",
	  .arguments = "run selftest --plan storm+exec --moves 1000",
	  .on_kvm = TRUE,
	  .status = 128 + SIGKILL,
	  .words = "",
	  .act = signal_runner,
	  .signal = SIGKILL,
	  .leaves_folder = TRUE },
	{ .name = "exec-killed-tcg",
	  .arguments = "run console --plan cancel+exec",
	  .status = 128 + SIGKILL,
	  .words = "",
	  .act = signal_runner,
	  .signal = SIGKILL,
	  .leaves_folder = TRUE },

	/* QEMUs that are killed in the middle. What ferry reports depends on the moment. */
	{ .name = "kill-source",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .on_kvm = TRUE,
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_source,
	  .words = "^ERROR selftest/storm: .*(source|qemu) died.*" KILLED },
	{ .name = "kill-source-fake",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .script = "",
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_source,
	  .words = "^ERROR selftest/storm: .*(source|qemu) died.*" KILLED },
	{ .name = "kill-source-tcg",
	  .arguments = "run console --plan cancel",
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_source,
	  /*
	   * The destination may notice the source's end, and end itself, before the runner notices
	   * it.
	   */
	  .words = "^ERROR console/cancel: (.*(source|qemu) died.*" KILLED
		   "|the destination died in mid-.*load of migration failed)" },
	{ .name = "kill-destination",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .on_kvm = TRUE,
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_destination,
	  .words = DESTINATION_KILLED },
	{ .name = "kill-destination-fake",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .script = "",
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_destination,
	  .words = DESTINATION_KILLED },
	{ .name = "kill-vmm",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .on_kvm = TRUE,
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_any_vmm,
	  .words = "^ERROR selftest/storm: .*" KILLED },
	{ .name = "kill-vmm-fake",
	  .arguments = "run selftest --plan storm --moves 1000",
	  .script = "",
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_any_vmm,
	  .words = "^ERROR selftest/storm: .*" KILLED },
	{ .name = "kill-vmm-tcg",
	  .arguments = "run console --plan snapshot",
	  .status = 1,
	  .verdict = "ERROR",
	  .act = kill_any_vmm,
	  .words = "^ERROR console/snapshot: .*" KILLED },
};

const struct fault_table signal_faults = { rows, G_N_ELEMENTS(rows) };
