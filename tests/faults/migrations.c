// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Live migrations by fake-qemu: some fail or prove nothing, some are cancelled or broken. Also
 * options of plans.
 */
#include "faults.h"

/* The source, the destination, and the source of the previous case. */
#define MOST_VMMS 3

static gboolean count_vmms(struct run *run)
{
	if (run_find_vmms(run).count <= MOST_VMMS)
		return FALSE;
	run_complain(run, "processes of cases that have ended go on");
	return TRUE;
}

static const struct fault rows[] = {
	/* Migrations that fail, or prove nothing. */
	{ "refuses-migrate", "run selftest/precopy", "refuses-migrate", 1, "ERROR",
	  "^ERROR selftest/precopy: QMP command 'migrate' failed: State blocked\\\\x0aby \\\\x1b\\[1mdevice.*last line: Now migrate the VM" },
	{ "cases-leave-nothing", "run selftest/precopy --repeat 30 -j 1", "refuses-migrate", 1,
	  "ERROR", "^30 cases: 0 passed, 30 failed(; |$)", .act = count_vmms, .cases = 30 },
	{ "migration-fails", "run selftest/precopy", "migration-fails", 1, "ERROR",
	  "^ERROR selftest/precopy: QEMU says that the migration failed: Unable to\\\\x0awrite",
	  .kind = "plan" },
	{ "not-live", "run selftest/precopy", "not-live", 1, "ERROR",
	  "^ERROR selftest/precopy: the migration was not live: in 4 attempts no page was sent twice \\(100 of 100 pages\\)",
	  .kind = "plan" },
	{ "no-figures", "run selftest/precopy", "no-figures", 1, "ERROR",
	  "^ERROR selftest/precopy: query-migrate does not tell downtime, page size and pages" },
	{ "odd-figures", "run selftest/precopy", "odd-figures", 1, "ERROR",
	  "^ERROR selftest/precopy: query-migrate answers with nonsense" },
	{ "ends-in-move", "run selftest/storm --moves 1", "ends-in-move", 0, "PASS",
	  "^PASS  selftest/storm .* 1 migration, " },

	/* Options of plans that QEMU does not have, or does not use. */
	{ "normal-delay", "run selftest --plan precopy+delay", "", 0, "PASS",
	  "^PASS  selftest/precopy\\+delay .* 1 migration, " },
	{ "normal-norandom", "run selftest --plan precopy+norandom", "tells-if-predictable", 1,
	  "ERROR", "^ERROR selftest/precopy\\+norandom: .*my addresses are not random" },
	{ "random", "run selftest --plan precopy", "tells-if-predictable", 0, "PASS",
	  "^PASS  selftest/precopy " },
	{ "option-not-here", "run selftest --plan precopy+xbzrle", "refuses-use", 0, "SKIP",
	  "^SKIP  selftest/precopy\\+xbzrle: plan precopy\\+xbzrle needs what qemu cannot do here: QMP command 'migrate-set-capabilities' failed: Userfaultfd is not to be had" },
	{ "no-file", "run selftest --plan precopy+file", "refuses-file", 0, "SKIP",
	  "^SKIP  selftest/precopy\\+file: plan precopy\\+file needs what qemu cannot do here: QMP command 'migrate' failed: unknown migration protocol; it has file: since 8.2" },
	{ "option-idle", "run selftest --plan precopy+multifd", "", 1, "ERROR",
	  "^ERROR selftest/precopy\\+multifd: query-migrate shows no use of multifd in 7 attempts" },
	{ "no-port", "run selftest --plan precopy+tcp", "deaf", 1, "ERROR",
	  "^ERROR selftest/precopy\\+tcp: destination: query-migrate does not tell the TCP port" },
	{ "option-refused-here", "run selftest --plan none+tcp", NULL, 2, NULL,
	  "^ferry: --plan: plan 'none' takes no options, and 'none\\+tcp' names some" },

	/* Migrations that are cancelled or broken, or should be. */
	{ "normal-cancel", "run selftest --plan cancel", "", 0, "PASS",
	  "^PASS  selftest/cancel .* \\d broken migrations?, stopped for 0 us" },
	{ "normal-dstkill", "run selftest --plan dstkill", "", 0, "PASS",
	  "^PASS  selftest/dstkill .* 1 broken migration, stopped for 0 us" },
	{ "normal-late-cancel", "run selftest --plan cancel+late", "", 0, "PASS",
	  "^PASS  selftest/cancel\\+late .* \\d broken migrations?, stopped for " },
	{ "normal-late-dstkill", "run selftest --plan dstkill+late", "", 0, "PASS",
	  "^PASS  selftest/dstkill\\+late .* 1 broken migration, stopped for " },
	{ "normal-peek", "run selftest --plan precopy+peek", "", 0, "PASS",
	  "^PASS  selftest/precopy\\+peek .* 1 migration, stopped for " },
	{ "refuses-peek", "run selftest --plan precopy+peek", "refuses-peek", 1, "ERROR",
	  "^ERROR selftest/precopy\\+peek: QMP command 'human-monitor-command' failed: Not now" },
	{ "refuses-cancel", "run selftest --plan cancel", "refuses-cancel", 1, "ERROR",
	  "^ERROR selftest/cancel: QMP command 'migrate_cancel' failed: Not now" },
	{ "completes-when-cancelled", "run selftest --plan cancel", "completes-when-cancelled", 1,
	  "ERROR", "^ERROR selftest/cancel: QEMU completed a migration that was cancelled" },
	{ "stops-when-cancelled", "run selftest --plan cancel", "stops-when-cancelled", 1, "ERROR",
	  "^ERROR selftest/cancel: QEMU left the guest stopped \\(paused\\) when the migration was cancelled" },
	{ "paused-by-lost-destination", "run selftest --plan dstkill", "paused-by-lost-destination",
	  0, "PASS", "^PASS  selftest/dstkill .* 1 broken migration" },
	{ "stopped-by-lost-destination", "run selftest --plan dstkill",
	  "stopped-by-lost-destination", 1, "ERROR",
	  "^ERROR selftest/dstkill: QEMU left the guest stopped \\(internal-error\\) when the migration had lost its destination" },
	{ "nothing-sent", "run selftest --plan cancel", "nothing-sent", 1, "ERROR",
	  "^ERROR selftest/cancel: no migration was broken off in mid-flight: in 6 attempts nothing had been sent" },
	{ "nothing-left", "run selftest --plan dstkill", "nothing-left", 1, "ERROR",
	  "^ERROR selftest/dstkill: no migration was broken off in mid-flight: in 6 attempts nothing was left to send" },
	{ "not-in-flight", "run selftest --plan cancel", "not-in-flight", 1, "ERROR",
	  "^ERROR selftest/cancel: the migration was not in flight when it was to be broken off" },
	{ "source-dies-before-cancel", "run selftest --plan cancel", "source-dies", 1, "ERROR",
	  "^ERROR selftest/cancel: the source died in mid-migration \\(killed by signal 9" },
	{ "destination-dies-before-cancel", "run selftest --plan cancel",
	  "destination-dies-at-start", 1, "ERROR",
	  "^ERROR selftest/cancel: the destination died before the migration" },
	{ "migration-fails-before-cancel", "run selftest --plan cancel", "migration-fails", 1,
	  "ERROR", "^ERROR selftest/cancel: QEMU says that the migration failed: Unable to" },
	{ "normal-srckill", "run selftest --plan srckill", "", 0, "PASS",
	  "^PASS  selftest/srckill .* 1 migration, " },
	{ "completes-too-early", "run selftest --plan srckill", "completes-too-early", 1, "ERROR",
	  "^ERROR selftest/srckill: the destination died with the source, which had sent all \\(exit status 1: fake-qemu: the stream ended early\\)" },
	{ "loses-a-byte-in-srckill", "run selftest --plan srckill", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/srckill: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },

	/* Actions of several kinds on the same guest. */
	{ "normal-mixed", "run selftest --plan mixed", "", 0, "PASS",
	  "^PASS  selftest/mixed .* 2 actions \\(1 (cancel|dstkill), \\d (precopy|postcopy|snapshot)\\), stopped for " },
	{ "normal-cancel-precopy", "run selftest --plan cancel-precopy", "", 0, "PASS",
	  "^PASS  selftest/cancel-precopy .* [2-4] migrations \\([1-3] cancel, 1 precopy\\), stopped for " },
	{ "normal-precopy-pause", "run selftest --plan precopy-pause", "", 0, "PASS",
	  "^PASS  selftest/precopy-pause .* 1 action \\(1 precopy\\), stopped for " },
	{ .name = "mixed-as-before",
	  .arguments = "run selftest --plan mixed --repeat 8 --seed 7",
	  .script = "",
	  .status = 0,
	  .verdict = "PASS",
	  .cases = 8,
	  /* The number of cancelled migrations depends on the number of attempts. */
	  .wrapper =
		  "\"$@\" && cp @DIR@/json @DIR@/one && \"$@\" || exit; cd @DIR@; for f in one json; do grep -o '\"case\":\"[^\"]*\"\\|\"plan\":\"[a-z]*\",\"action' $f | awk '/case/ { printf \"\\n\" } $0 != last { printf \"%s \", $0 } { last = $0 }' | sort >$f.order; done; cmp one.order json.order && grep -c action one.order",
	  .words = "^8$" },
	{ "mixed-tells-what-went-before", "run selftest --plan mixed", "fails-when-answered", 1,
	  "FAIL",
	  "^FAIL  selftest/mixed: fake: a word was 1, not 2 \\(console line \\d+, after (cancel|dstkill), (precopy|postcopy|snapshot)\\)" },
	{ "mixed-loses-a-byte", "run selftest --plan cancel-precopy", "loses-a-byte", 1, "FAIL",
	  "^FAIL  selftest/cancel-precopy: console line \\d+: machine line \\d+ follows \\d+: 1 lost" },
	{ "mixed-finds-no-broken-one", "run selftest --plan cancel-precopy", "nothing-left", 1,
	  "ERROR",
	  "^ERROR selftest/cancel-precopy: no migration was broken off in mid-flight: in 6 attempts nothing was left to send" },
};

const struct fault_table migration_faults = { rows, G_N_ELEMENTS(rows) };
