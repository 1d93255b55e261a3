// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Labs, seen from both sides. The first rows run the runner like inside a lab with an emulated CPU,
 * where QEMU is forked. The others run it outside, with a script lab/amd that fails in various
 * ways.
 */
#include <signal.h>

#include "faults.h"

#define INSIDE " --host local --stream --emulated-host --prefork"

/* Makes the project of the run, with SCRIPT as the file NAME in its folder lab/. */
#define CONFIG "[selftest]\nfile = selftest.flat\n"
#define SCRIPT(name, script)                                                                       \
	"mkdir @DIR@/lab && cat >@DIR@/lab/" name " <<'END'\n#!/bin/sh\n" script "\nEND\n"         \
	"chmod +x @DIR@/lab/" name " && exec \"$@\""
#define AROUND(name, script)                                                                       \
	.config = CONFIG, .wrapper = SCRIPT(name, script), .keeps_no_logs = TRUE, .no_accel = TRUE
#define LAB(script) AROUND("amd", script)
#define NO_KERNEL                                                                                  \
	AROUND("find-kernel", "echo \"lab kernel: sought with $*\"; echo no source; exit 2")
/* As on a machine that has no /dev/kvm. */
#define WITHOUT_KVM "export FERRY_KVM=/nowhere/kvm && "
#define OUTSIDE	    "run selftest/none --host amd --kernel /dev/null"
/* Neither it nor its children end on SIGTERM. It has begun when its errors are in the log. */
#define HANG "trap '' TERM; echo hanging >&2; sleep 300 & timeout 300 sleep 300 & wait; sleep 300"
/* Each machine runs SCRIPT; $count is its number. */
#define DYING_LAB(script)                                                                                \
	LAB("begin() { echo '{\"event\":\"started\",\"case\":\"selftest/'$1'\"}'; }\n"                   \
	    "pass() { echo '{\"event\":\"ended\",\"case\":\"selftest/'$1'\",\"verdict\":\"PASS\"}'; }\n" \
	    "die() { echo 'lab/amd: the machine died' >&2; exit 70; }\n"                                 \
	    "echo >>@DIR@/machines; count=$(wc -l <@DIR@/machines)\n"                                    \
	    "echo '{\"event\":\"environment\",\"host\":\"local\",\"timescale\":1}'\n" script)

static gboolean signal_when_hanging(struct run *run)
{
	g_autofree char *path = run_path(run, "logs/lab-amd/console"), *text = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL) || !*text)
		return FALSE;
	kill(run_runner(run), run_signal(run));
	return TRUE;
}

static const struct fault rows[] = {
	{ "in-a-lab", "run selftest --plan precopy" INSIDE, "", 0, "PASS", "\"verdict\":\"PASS\"" },
	{ "in-a-lab-dies", "run selftest/none" INSIDE, "dies-at-start", 1, "ERROR",
	  "qemu did not start \\(exit status 1: fake-qemu: -machine: no machine today",
	  .kind = "vmm-start" },
	/* Plan cancel starts a destination each time, and the guest stays at the source. */
	{ "in-a-lab-real", "run console --plan pause,cancel" INSIDE, NULL, 0, "PASS",
	  "\"verdict\":\"PASS\"", .cases = 2 },
	{ "in-a-lab-real-kvm", "run console --plan precopy,storm" INSIDE, NULL, 0, "PASS",
	  "\"verdict\":\"PASS\"", .cases = 2, .on_kvm = TRUE },

	/* No case runs on this machine, so its speed is not measured. */
	{ "no-kvm-so-in-a-lab", "run selftest/none --kernel /dev/null", "", 0, "PASS",
	  "\\A1 case in the amd lab: qemu, kvm; seed 1\n"
	  "no local KVM, so cases run in labs: no /nowhere/kvm here\n"
	  "the amd lab is booting\n"
	  "PASS  selftest/none on amd ",
	  .config = "[calibrate]\nfile = calibrate.flat\nplans = none\n" CONFIG,
	  .keeps_no_logs = TRUE, .no_accel = TRUE, .default_deadlines = TRUE,
	  .wrapper = WITHOUT_KVM SCRIPT(
		  "amd",
		  "echo '{\"event\":\"environment\",\"host\":\"local\",\"timescale\":1}'\n"
		  "echo '{\"event\":\"ended\",\"case\":\"selftest/none\",\"verdict\":\"PASS\"}'") },
	{ "no-kvm-and-no-lab", "run selftest/none --host local", NULL, 0, "SKIP",
	  "^SKIP  selftest/none: no /nowhere/kvm here; without --host local it runs in the amd lab, "
	  "and with --accel tcg on QEMU's TCG$",
	  .keeps_no_logs = TRUE, .no_accel = TRUE, .wrapper = WITHOUT_KVM "exec \"$@\"" },
	{ "no-kvm-that-was-named", "run selftest/none --accel kvm", NULL, 2, NULL,
	  "^ferry: --accel kvm: no /nowhere/kvm here$", .wrapper = WITHOUT_KVM "exec \"$@\"" },
	{ "no-kvm-list", "list selftest/none", NULL, 0, NULL,
	  "^selftest/none  \\[in the amd lab: no /nowhere/kvm here\\]$",
	  .wrapper = WITHOUT_KVM "exec \"$@\"" },
	{ "tcg-in-a-lab", "run selftest/none --host amd --accel tcg", "", 2, NULL,
	  "^ferry: --accel tcg is TCG on this machine, and --host amd is KVM in a lab; leave one "
	  "out$" },

	{ "lab-fails", OUTSIDE, "", 1, "ERROR",
	  "^the amd lab is booting$(.|\n)*"
	  "^ERROR selftest/none on amd: the amd lab failed: the machine died before it was up$",
	  LAB("echo 'lab/amd: the kernel said:' >&2; echo '  panic' >&2\n"
	      "echo 'lab/amd: the machine died before it was up' >&2; sleep 300 & exit 70"),
	  .kind = "lab-boot" },
	/* A known issue of tests does not excuse a lab's end. */
	{ "lab-fails-known", OUTSIDE, "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab failed: the machine died$",
	  LAB("echo 'lab/amd: the machine died' >&2; exit 70"),
	  .known_issues = "[all]\ncase = *\nhost = *\nreason = r\nevidence = e\n" },
	{ "lab-misses-something", OUTSIDE, "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab failed: no busybox here$",
	  LAB("echo 'lab/amd: no busybox here' >&2; exit 2"), .kind = "lab-setup" },
	{ "lab-ends-without-verdict", OUTSIDE, "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab ended \\(status 0\\) before this case's "
	  "verdict$",
	  LAB("echo no event"), .kind = "lab-boot" },
	{ "lab-is-killed", OUTSIDE, "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab ended \\(signal 9\\) before this case's "
	  "verdict$",
	  LAB("sleep 300 & kill -KILL $$"), .kind = "lab-boot" },
	{ "lab-hangs", OUTSIDE " --lab-boot 1", "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab failed: its runner had not started within 1 s$",
	  LAB(HANG), .kind = "lab-boot" },
	/* The runner inside sends one line, and then no more. */
	{ "lab-falls-silent", OUTSIDE " --lab-boot 1 --timeout 1", "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab failed: it was silent for longer than "
	  "any case may take$",
	  LAB("echo '{\"event\":\"environment\",\"host\":\"local\",\"timescale\":1}'\n" HANG),
	  .kind = "lab" },
	/* Each machine dies while it runs a case. The first three are replaced. */
	{ "lab-dies-and-is-replaced",
	  "run selftest --plan none,pause,precopy --host amd --kernel /dev/null -j 1", "", 1,
	  "ERROR or PASS",
	  "^ERROR selftest/none on amd: the amd lab failed: the machine died$(.|\n)*"
	  "^the amd lab died; a new one runs what had not begun: selftest/pause and 1 more$(.|\n)*"
	  "^PASS  selftest/pause on amd (.|\n)*"
	  "^PASS  selftest/precopy on amd ",
	  DYING_LAB("case $count in 1) begin none; die;; esac\n"
		    "for plan in pause precopy; do begin $plan; pass $plan; done"),
	  .cases = 3 },
	{ "lab-dies-each-time",
	  "run selftest --plan none,pause,precopy,storm,cancel,reset --host amd --kernel /dev/null -j 1",
	  "", 1, "ERROR",
	  "^the amd lab died; a new one runs what had not begun: selftest/pause and 4 more$(.|\n)*"
	  "^the amd lab died; a new one runs what had not begun: selftest/precopy and 3 more$"
	  "(.|\n)*"
	  "^the amd lab died; a new one runs what had not begun: selftest/storm and 2 more$"
	  "(.|\n)*"
	  "^ERROR selftest/storm on amd: the amd lab failed: the machine died$(.|\n)*"
	  "^ERROR selftest/cancel on amd: the amd lab failed: the machine died$(.|\n)*"
	  "^ERROR selftest/reset on amd: the amd lab failed: the machine died$",
	  DYING_LAB("set -- none pause precopy storm; shift $((count - 1)); begin $1; die"),
	  .cases = 6 },
	/* Four die while the runner stands still: it hears of all before it replaces one. */
	{ "labs-die-at-once", "run selftest/none --repeat 40 --host amd --kernel /dev/null -j 4",
	  "", 1, "ERROR", "\\A(?!(?s:.*a new one runs){4})(?s:.*a new one runs){3}",
	  DYING_LAB("for word in \"$@\"; do case $word in selftest/*) break;; esac; done\n"
		    "begin \"${word#selftest/}\"; echo >>@DIR@/begun\n"
		    "if mkdir @DIR@/first 2>/dev/null; then\n"
		    "  until [ \"$(wc -l <@DIR@/begun)\" = 4 ]; do sleep 0.05; done\n"
		    "  kill -STOP $PPID; touch @DIR@/die\n"
		    "  { sleep 1; kill -CONT $PPID; } >/dev/null 2>&1 &\n"
		    "fi\n"
		    "until [ -e @DIR@/die ]; do sleep 0.05; done; die"),
	  .cases = 40 },
	{ "lab-hangs-interrupted", OUTSIDE, "", 130, NULL, "^interrupted: 1 of 1 cases",
	  .act = signal_when_hanging, .signal = SIGTERM, LAB(HANG) },
	{ "lab-hangs-killed", OUTSIDE, "", 137, NULL, "^the amd lab is booting$",
	  .act = signal_when_hanging, .signal = SIGKILL, .leaves_folder = TRUE,
	  LAB("echo waiting >&2; sleep 300 & trap \"kill $!\" TERM; wait") },
	{ "lab-not-there", OUTSIDE, "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab cannot be started: .*No such file",
	  .config = CONFIG, .keeps_no_logs = TRUE, .no_accel = TRUE, .kind = "lab-setup" },
	{ "lab-without-kernel", "run selftest/none --host amd", "", 1, "ERROR",
	  "^the amd lab's kernel: sought with --notes$(.|\n)*"
	  "^ERROR selftest/none on amd: the amd lab has no kernel: no source$",
	  NO_KERNEL, .kind = "lab-setup" },
	{ "lab-intel-takes-any-kernel", "run selftest/none --host intel", "", 1, "ERROR",
	  "^the intel lab's kernel: sought with --notes$", NO_KERNEL },
	{ "lab-with-chosen-kernel", "run selftest/none --host intel --kernel distribution", "", 1,
	  "ERROR", "^the intel lab's kernel: sought with --notes --distribution$", NO_KERNEL },
	{ "lab-with-modules", "run selftest/none --host amd --modules /nowhere", "", 1, "ERROR",
	  "^the amd lab's kernel: sought with --notes --small$", NO_KERNEL },
	{ "lab-kernel-says-nothing", "run selftest/none --host amd", "", 1, "ERROR",
	  "^ERROR selftest/none on amd: the amd lab has no kernel: lab/find-kernel said nothing$",
	  AROUND("find-kernel", "exit 0") },

	/* The progress of a run without a terminal. */
	{ "lab-boot-is-told", OUTSIDE " --progress 1", "", 1, "ERROR",
	  "^after [1-9] s: 0 of 1 case, about .* left; running: amd lab boots [1-9] of [0-9]+ s$",
	  LAB("sleep 4; exit 70") },
	{ "lab-kernel-is-told", "run selftest/none --host amd --progress 1", "", 1, "ERROR",
	  "^after [1-9] s: 0 of 1 case, about .* left; running: getting the labs' kernel for [3-9] s$",
	  AROUND("find-kernel", "sleep 7; exit 2") },
};

const struct fault_table lab_faults = { rows, G_N_ELEMENTS(rows) };
