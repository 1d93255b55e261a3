// SPDX-License-Identifier: GPL-2.0-or-later
/* Wrong input from the user: QEMUs, command lines, unittests.cfg. */
#include "faults.h"

/* Makes one run that fails and one that passes, and then asks ferry about both. */
#define RUN "\"$1\" run --accel tcg --timescale 1 --logdir @DIR@/logs --json @DIR@/"
#define TWO_RUNS                                                                                   \
	RUN "a.json misbehave --arg test=hang --timeout 1 >/dev/null; " RUN                        \
	    "b.json selftest/none >/dev/null; \"$@\""

/* The case selftest/none got worse from one run to the next. */
#define RESULT(plan, verdict)                                                                      \
	"'{\"case\":\"selftest/" plan "\",\"program\":\"selftest\",\"plan\":\"" plan               \
	"\",\"reason\":\"why\",\"host\":\"local\",\"accel\":\"tcg\",\"verdict\":\"" verdict        \
	"\"}' "
#define COMPARED                                                                                   \
	"printf '%s\\n' " RESULT("none", "PASS") ">@DIR@/old.json; printf '%s\\n' " RESULT(        \
		"none", "FAIL") RESULT("storm", "PASS") ">@DIR@/new.json; \"$@\""

static const struct fault rows[] = {
	/* QEMUs that do not exist or are no QEMUs, and pairs that do not fit together. */
	{ "qemu-not-there", "run selftest/none --qemu /nowhere/qemu", NULL, 2, NULL,
	  "^ferry: there is no program '/nowhere/qemu'; install QEMU" },
	{ "qemu-is-no-qemu", "run selftest/none --qemu cat", NULL, 1, "ERROR",
	  "^ERROR selftest/none: qemu did not start \\(exit status 1: .*\\)", .kind = "vmm-start" },
	{ "two-qemus", "run selftest --plan storm --qemu @FAKE@ --qemu-dst @FAKE@", "", 0, "PASS",
	  "^PASS  selftest/storm between 7.2.0 and 7.2.0 " },
	{ "qemu-dst-not-there", "run selftest/none --qemu-dst /nowhere/qemu", "", 2, NULL,
	  "^ferry: --qemu-dst: there is no program '/nowhere/qemu'" },
	{ "no-ovmf", "run selftest/none --firmware uefi", "", 2, NULL,
	  "^ferry: --firmware uefi: no UEFI firmware for q35 is installed \\(no descriptor in /nowhere/ovmf names one\\); 'scripts/packages --install efi' brings it, in Debian's package ovmf",
	  .wrapper = "FERRY_OVMF=/nowhere/ovmf exec \"$@\"" },
	{ "firmware-unknown", "run selftest/none --firmware bios", "", 2, NULL,
	  "^ferry: --firmware is usual, uefi or uefi-secure, not 'bios'" },
	{ "firmware-has-no-room", "run selftest/none --firmware uefi --memory 64", "", 2, NULL,
	  "^ferry: with --firmware uefi --memory is 128 MiB or more" },
	{ "firmware-is-needed", "run uefi/none", "", 0, "SKIP",
	  "^SKIP  uefi/none: needs UEFI firmware; --firmware uefi runs it", .keeps_no_logs = TRUE },
	{ "qemu-dst-is-no-qemu", "run selftest/none --qemu-dst false", "", 2, NULL,
	  "^ferry: '.*false -machine help' failed: " },
	{ "no-common-machine", "run selftest/none --qemu-dst true", "", 2, NULL,
	  "^ferry: no machine type pc-q35-X.Y is known to both .*; name one that is with --machine "
	  "TYPE" },
	{ "machine-of-one-only", "run selftest/none --machine pc-q35-7.11", "", 2, NULL,
	  "^ferry: --machine: .* has no 'pc-q35-7.11' \\(did you mean 'pc-q35-7.10'\\?\\)" },
	{ "qemu-says-nothing", "run selftest/none --qemu true", NULL, 1, "ERROR",
	  "^ERROR selftest/none: qemu did not start \\(exit status 0\\)" },
	{ "qemu-refuses-arguments",
	  "run selftest --plan none --suite @DIR@/unittests.cfg --bindir @BUILD@/x86", NULL, 1,
	  "ERROR", "^ERROR selftest/none: qemu did not start \\(exit status 1: .*nonesuch.*\\)",
	  .config = "[selftest]\nfile = selftest.flat\nextra_params = -device nonesuch\n" },

	/* Command lines. */
	{ "no-arguments", "", NULL, 2, NULL, "^Usage: ferry COMMAND" },
	{ "unknown-command", "rum", NULL, 2, NULL,
	  "^ferry: unknown command 'rum' \\(did you mean 'run'\\?\\)" },
	{ "version", "--version", NULL, 0, NULL,
	  "\\Aferry [0-9]+\\.[0-9.]*[0-9]( \\([^ ]+\\))?\n\\Z" },
	{ "help", "--help", NULL, 0, NULL, "^  ferry run +run cases" },
	{ "list-times", "list --times --accel tcg selftest/none selftest/storm", NULL, 0, NULL,
	  "\\Aselftest/none +[0-9.]+ s  (guessed|built in) +local\n"
	  "selftest/storm +[0-9.]+ s  (guessed|built in) +local\n"
	  "2 cases: about [0-9]+ (s|min) on 2 CPUs\n" },
	{ "list-plan", "list --accel tcg --plan none,precopy+tcp selftest", NULL, 0, NULL,
	  "\\Aselftest/none\nselftest/precopy\\+tcp\n\\Z" },
	{ "list-host-auto", "list --host auto --accel tcg selftest/none", NULL, 0, NULL,
	  "\\Aselftest/none\n\\Z" },
	{ "list-host", "list --host labs selftest", NULL, 2, NULL,
	  "^ferry: --host is auto, local, lab, .*, not 'labs'" },
	{ "results", "results @DIR@/a.json @DIR@/b.json", NULL, 1, NULL,
	  "\\AFAIL  misbehave/none: no end within 1 s.*\n"
	  "      logs in /.*/logs/misbehave/none\n"
	  "2 files of results\n2 cases: 1 passed, 1 failed; .*\n\\Z",
	  .wrapper = TWO_RUNS },
	{ "results-of-none", "results", NULL, 2, NULL,
	  "^ferry: no FILE is named; see 'ferry results --help'" },
	{ "results-not-there", "results /nowhere/json", NULL, 2, NULL,
	  "^ferry: .*/nowhere/json.*: No such file" },
	/* Half of the list would look like all of it. */
	{ "results-half-there", "results @DIR@/new.json /nowhere/json", NULL, 2, NULL,
	  "\\Aferry: .*/nowhere/json.*: No such file.*\n\\Z", .wrapper = COMPARED },
	{ "report-none", "report", NULL, 2, NULL,
	  "^ferry: name one results file, or two; see 'ferry report --help'" },
	{ "report-two-as-text", "report --text a.json b.json", NULL, 2, NULL,
	  "^ferry: --text and --markdown take one results file; 'ferry compare' prints what changed" },
	{ "report-text", "report --text @DIR@/new.json", NULL, 0, NULL,
	  "\\AFerry: 1 of 2 cases failed\n(.|\n)*^FAIL selftest/none\n(.|\n)*"
	  "ferry run selftest --plan none --accel tcg --seed",
	  .wrapper = COMPARED },
	{ "report-nowhere", "report -o /nowhere/page.html @DIR@/new.json", NULL, 2, NULL,
	  "^ferry: .*/nowhere/page.html.*: No such file or directory", .wrapper = COMPARED },
	{ "report-before-is-none", "report README.md @DIR@/new.json", NULL, 2, NULL,
	  "^ferry: README.md:1: this is no result" },
	{ "report-corpus", "report --corpus -o -", NULL, 0, NULL,
	  "<h1 class=\"[A-Z]+\">[0-9]+ of [0-9]+ that were tried are noticed</h1>(.|\n)*>kvmclock_steps_back</th>" },
	{ "report-corpus-of-two", "report --corpus a b", NULL, 2, NULL,
	  "^ferry: --corpus makes a page of one matrix" },
	{ "report-corpus-of-none", "report --corpus README.md -o @DIR@/page", NULL, 2, NULL,
	  "^ferry: .*README.md:" },
	{ "report-no-results", "report README.md", NULL, 2, NULL,
	  "^ferry: README.md:1: this is no result; give files that 'ferry run --json FILE' wrote" },
	{ "compare-worse", "compare @DIR@/old.json @DIR@/new.json", NULL, 1, NULL,
	  "\\Aworse:\n  selftest/none: pass -> fail: why\nnew:\n  selftest/storm: pass\n"
	  "1 worse, 0 better, 1 new, 0 gone, 0 slower, 0 the same\n\\Z",
	  .wrapper = COMPARED },
	{ "compare-same", "compare @DIR@/new.json @DIR@/new.json", NULL, 0, NULL,
	  "\\A0 worse, 0 better, 0 new, 0 gone, 0 slower, 2 the same\n\\Z", .wrapper = COMPARED },
	{ "compare-one", "compare a.json", NULL, 2, NULL,
	  "^ferry: name two results files, BEFORE and AFTER; see 'ferry compare --help'" },
	{ "compare-no-results", "compare README.md README.md", NULL, 2, NULL,
	  "^ferry: README.md:1: this is no result" },
	{ "unknown-option", "run --plam none", NULL, 2, NULL, "^ferry: Unknown option --plam" },
	{ "unknown-plan", "run selftest --plan none,precpy", NULL, 2, NULL,
	  "^ferry: --plan: unknown plan 'precpy' \\(did you mean 'precopy'\\?\\)" },
	{ "no-plan", "run selftest --plan ''", NULL, 2, NULL, "^ferry: --plan: no plan is named" },
	{ "plan-twice", "run selftest --plan none,none", NULL, 2, NULL,
	  "^ferry: --plan: 'none' is named twice" },
	{ "unknown-accel", "run selftest --accel hvf", NULL, 2, NULL,
	  "^ferry: --accel is kvm or tcg, not 'hvf'" },
	{ "kcidb-origin", "run selftest --kcidb-origin MyCI", NULL, 2, NULL,
	  "^ferry: --kcidb-origin is a name of small letters, digits and '_', not 'MyCI'" },
	/* The annotation comes in addition to the line for people. */
	{ "github", "run selftest/none --arg test=none --github", NULL, 1, "FAIL",
	  "^::error title=FAIL selftest/none::no test .*\nFAIL  selftest/none: no test ",
	  .wrapper = "unset GITHUB_STEP_SUMMARY; exec \"$@\"" },
	{ "kvm-on-tcg", "run selftest --kvm npt=0", NULL, 2, NULL,
	  "^ferry: --kvm is about KVM's modules, and --accel tcg runs without KVM; leave one out" },
	{ "kvm-no-value", "run selftest --kvm npt", NULL, 2, NULL,
	  "^ferry: --kvm takes NAME=VALUE,..., such as npt=0,vgif=0, and not 'npt'" },
	{ "unknown-vmm", "run selftest --vmm quemu", NULL, 2, NULL,
	  "^ferry: --vmm: there is no VMM 'quemu'; known: " },
	{ "unknown-host", "run selftest --host moon", NULL, 2, NULL,
	  "^ferry: --host is .*, not 'moon'" },
	{ "pattern-typo", "run selftets", NULL, 2, NULL,
	  "^ferry: no case matches 'selftets' \\(did you mean 'selftest'\\?\\)" },
	{ "seed-out-of-range", "run selftest --seed 4294967296", NULL, 2, NULL,
	  "^ferry: --seed is a number from 0 to 4294967295" },
	{ "seed-negative", "run selftest --seed -2", NULL, 2, NULL,
	  "^ferry: --seed is a number from 0 to 4294967295" },
	{ "budget-negative", "run selftest --budget=-1", NULL, 2, NULL,
	  "^ferry: --budget is 1 or more minutes" },
	{ "budget", "run selftest --plan none --budget 30", "", 0, "PASS",
	  "^ferry: --budget: 1 of 1 cases in 30 min$" },
	{ "all-and-patterns", "run selftest --all", NULL, 2, NULL,
	  "^ferry: --all means all cases; leave it out, or leave out the patterns$" },
	/* Each case of corpus/quick exists. */
	{ "quick-listed", "list quick", NULL, 0, NULL, "\\Aselftest/none" },
	{ "quick-and-plan", "run quick --plan none", NULL, 2, NULL,
	  "^ferry: 'quick' names cases, each with its plan; leave out --plan or name programs$" },
	{ "quick-of-another-suite", "run quick --suite @DIR@/unittests.cfg --bindir @BUILD@/x86",
	  NULL, 2, NULL, "^ferry: no case matches 'quick'",
	  .config = "[selftest]\nfile = selftest.flat\n" },
	{ "no-jobs", "run selftest -j 0", NULL, 2, NULL,
	  "^ferry: --jobs, --repeat and --moves are 1 or more" },
	{ "no-repeat", "run selftest --repeat=-1", NULL, 2, NULL,
	  "^ferry: --jobs, --repeat and --moves are 1 or more" },
	{ "timescale-out-of-range", "run selftest --timescale 0.5", NULL, 2, NULL,
	  "^ferry: --timescale is a number from 1 to 10000", .default_deadlines = TRUE },
	/* The host's speed is measured without --arg, so --arg causes no complaint there. */
	{ "speed-without-args", "run selftest/none --arg test=printf*", NULL, 0, "PASS",
	  "\\A1 case on local", .default_deadlines = TRUE },
	/* The deadlines of another suite's programs are scaled, too. */
	{ "speed-with-a-suite",
	  "run selftest --plan none --suite @DIR@/unittests.cfg --bindir @BUILD@/x86", "", 0,
	  "PASS",
	  "^ferry: cannot measure this host, so deadlines stay as they are: it did not tell its speed",
	  .config = "[selftest]\nfile = selftest.flat\n[calibrate]\nfile = calibrate.flat\n",
	  .default_deadlines = TRUE },
	{ "long-timeout", "run selftest/none --timeout 2000000000", "", 0, "PASS", "^PASS " },
	{ "no-skip", "run kvmclock/none --no-skip", NULL, 1, "SKIP",
	  "^SKIP  kvmclock/none: needs kvmclock, which KVM offers and TCG does not" },
	/* This guest would end before a migration begins, so it waits for the first one. */
	{ "suite-storm", "run tiny --plan storm --suite @DIR@/unittests.cfg --bindir @BUILD@/x86",
	  NULL, 0, "PASS", "^PASS  tiny/storm \\(.*migrations?, ",
	  .config = "[tiny]\nfile = calibrate.flat\nextra_params = -append 'test=nothing'\n",
	  .on_kvm = TRUE },
	{ "suite-not-there", "run --suite /nowhere/unittests.cfg", NULL, 2, NULL,
	  "^ferry: .*/nowhere/unittests.cfg" },

	/* unittests.cfg. */
	{ "config-complaints", "run", "", 2, NULL,
	  "^ferry: .*unittests.cfg:3: smp = 'two' is not a number from 1 to 255\n"
	  ".*unittests.cfg:4: unknown key 'grops' \\(did you mean 'groups'\\?\\)\n"
	  ".*unittests.cfg:5: duplicate name \\[a\\], first used at line 1$",
	  .config =
		  "[a]\nfile = selftest.flat\nsmp = two\ngrops = x\n[a]\nfile = selftest.flat\n" },
	{ "config-missing-file", "run", "", 2, NULL,
	  "^ferry: .*unittests.cfg:1: \\[a\\]: .*/x86/absent.flat does not exist; correct 'file', "
	  "or run make$",
	  .config = "[a]\nfile = absent.flat\n" },
	{ "config-unknown-need", "run", "", 2, NULL,
	  "^ferry: .*unittests.cfg:1: \\[a\\] names the unknown need 'kvmm' \\(did you mean "
	  "'kvm'\\?\\)",
	  .config = "[a]\nfile = selftest.flat\nneeds = kvmm\n" },
	/* In another project's suite an unknown key is no error. */
	{ "suite-unknown-key",
	  "run selftest --plan none --suite @DIR@/unittests.cfg --bindir @BUILD@/x86", "", 0,
	  "PASS", "^.*unittests.cfg:3: unknown key 'kvmtool_params'; known: ",
	  .config = "[selftest]\nfile = selftest.flat\nkvmtool_params = --x\n" },
	{ "config-empty", "run", "", 2, NULL, "^ferry: .*unittests.cfg:\\d+: holds no program",
	  .config = "\n" },
};

const struct fault_table usage_faults = { rows, G_N_ELEMENTS(rows) };
