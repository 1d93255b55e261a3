// SPDX-License-Identifier: GPL-2.0-or-later
/* fake-vmm replaces the native VMM. It fails to start, sends nonsense, fails, or dies. */
#include "faults.h"

#define RUN_IN(plan, word)                                                                         \
	"run selftest/" plan " --ferry-vmm @BUILD@/tests/fake-vmm --arg fake=" word
#define RUN(word) RUN_IN("cycle@exit", word)

static const struct fault rows[] = {
	/* Nothing goes wrong here, so the other rows fail for the reasons that they name. */
	{ "native-normal", RUN("nothing"), NULL, 0, "PASS",
	  "^PASS  selftest/cycle@exit \\(1 tests, 1 checks; 7 cycles, 3 in L2; ", .kind = "none",
	  .on_kvm = TRUE },
	{ "native-carries", RUN_IN("dirtylog", "nothing --moves 1"), NULL, 0, "PASS",
	  "^PASS  selftest/dirtylog \\(1 tests, 1 checks; [1-9][0-9]* migrations?, ",
	  .kind = "none", .on_kvm = TRUE },
	{ "native-not-live", RUN_IN("dirtylog", "not-live --moves 1"), NULL, 1, "ERROR",
	  "^ERROR selftest/dirtylog: memory was not carried live: no page was carried twice, so the guest did not run and write meanwhile",
	  .kind = "plan", .on_kvm = TRUE },
	{ "native-no-carry", RUN_IN("dirtylog", "refuses --moves 1"), NULL, 1, "ERROR",
	  "^ERROR selftest/dirtylog: the request 'carry' failed: not today", .kind = "plan",
	  .on_kvm = TRUE },
	{ "native-dies-carrying", RUN_IN("dirtylog", "gives-up --moves 1"), NULL, 1, "ERROR",
	  "^ERROR selftest/dirtylog: native ended, though the guest had not left \\(exit status 6: KVM gives up vCPU 0",
	  .kind = "vmm", .on_kvm = TRUE },
	{ "native-no-reset", RUN_IN("reset", "refuses --vmm native"), NULL, 1, "ERROR",
	  "^ERROR selftest/reset: the request 'reset' failed: not today", .kind = "plan",
	  .on_kvm = TRUE },

	{ "native-no-l2",
	  "run nested/cycle@exit --ferry-vmm @BUILD@/tests/fake-vmm --arg fake=no-l2 --bindir @BUILD@/x86",
	  NULL, 0, "PASS or SKIP",
	  "(warning: none of 7 cycles met the guest in L2, so its nested state was not tested|^SKIP  nested/cycle@exit: needs nested SVM)",
	  .config = "[nested]\nfile = selftest.flat\nneeds = svm\n", .on_kvm = TRUE },

	/* The start. */
	{ "native-missing", "run selftest/cycle@exit --ferry-vmm /nowhere/vmm", NULL, 2, NULL,
	  "^ferry: there is no program '/nowhere/vmm', which is the native VMM; correct --ferry-vmm",
	  .on_kvm = TRUE },
	{ "native-dies-at-start", RUN("no-start"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: native did not start \\(exit status 2: ferry-vmm: cannot open /dev/kvm: no such thing\\)",
	  .kind = "vmm-start", .on_kvm = TRUE },
	{ "native-unable", RUN("unable"), NULL, 0, "SKIP",
	  "^SKIP  selftest/cycle@exit: plan cycle@exit needs what native cannot do here: this KVM has no hv-stimer",
	  .kind = "none", .on_kvm = TRUE },
	{ "native-no-hello", RUN("no-hello"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm did not say hello within ", .kind = "vmm-start",
	  .on_kvm = TRUE },
	{ "native-other-protocol", RUN("protocol"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm speaks version '2' of the control protocol, and this ferry speaks 1; build both from one source",
	  .kind = "vmm-start", .on_kvm = TRUE },
	{ "native-on-tcg", "run selftest/none --vmm native --accel tcg", NULL, 2, NULL,
	  "^ferry: --vmm native runs guests on KVM alone, and --accel tcg is none; leave one out" },

	/* In mid-case. */
	{ "native-dies", RUN("dies"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: native died in test fake on CPU 0; .*\\(killed by signal 11 \\(Segmentation fault\\)",
	  .kind = "vmm", .on_kvm = TRUE },
	{ "native-gives-up", RUN("gives-up"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: native ended, though the guest had not left \\(exit status 6: KVM gives up vCPU 0 at rip 0x1234: internal error 1\\)",
	  .kind = "vmm", .on_kvm = TRUE },
	{ "native-differs", RUN("differs"), NULL, 1, "FAIL",
	  "^FAIL  selftest/cycle@exit: what was restored is not what was saved: vCPU 0: regs.rax was 0x1 when the guest was saved, and is 0x2 after the restore in test fake on CPU 0",
	  .kind = "host-check", .on_kvm = TRUE },
	{ "native-resets", RUN("resets"), NULL, 1, "FAIL",
	  "^FAIL  selftest/cycle@exit: the guest reset itself, by a triple fault or by order in test fake",
	  .kind = "guest-end", .on_kvm = TRUE },
	{ "native-fails-and-stays", RUN("fails-and-stays"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm (said that it had failed, and did not end|did not answer)",
	  .kind = "vmm", .on_kvm = TRUE },

	/* Answers. */
	{ "native-silent", RUN("silent"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm did not answer the request 'cycle count=1' within ",
	  .kind = "vmm", .on_kvm = TRUE },
	{ "native-refuses", RUN("refuses"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: the request 'cycle count=1' failed: not today",
	  .kind = "plan", .on_kvm = TRUE },
	{ "native-wrong-number", RUN("wrong-number"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm answers request 2, which waits for no answer",
	  .on_kvm = TRUE },
	{ "native-nonsense", RUN("nonsense"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: ferry-vmm says nonsense: how nice of you to ask",
	  .on_kvm = TRUE },
	{ "native-no-cycle", RUN("no-cycle"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: plan cycle@exit never saved and restored the guest",
	  .kind = "plan", .on_kvm = TRUE },
	{ "native-no-figures", RUN("no-figures"), NULL, 1, "ERROR",
	  "^ERROR selftest/cycle@exit: plan cycle@exit never saved and restored the guest",
	  .kind = "plan", .on_kvm = TRUE },

	/* Saved guests. */
	{ "native-file", RUN_IN("file", "nothing"), NULL, 0, "PASS",
	  "^PASS  selftest/file \\(1 tests, 1 checks; 1 snapshot, ", .kind = "none",
	  .on_kvm = TRUE },
	{ "native-fork", RUN_IN("fork", "nothing"), NULL, 0, "PASS",
	  "^PASS  selftest/fork \\(1 tests, 1 checks; 1 snapshot, ", .kind = "none",
	  .on_kvm = TRUE },
	{ "native-file-no-room", RUN_IN("file", "no-room"), NULL, 1, "ERROR",
	  "^ERROR selftest/file: the request 'save' failed: cannot save the guest: No space left on device",
	  .kind = "plan", .on_kvm = TRUE },
	{ "native-file-damaged", RUN_IN("file", "damaged"), NULL, 1, "ERROR",
	  "^ERROR selftest/file: the guest could not be restored .*the saved guest is damaged: its checksum is wrong",
	  .on_kvm = TRUE },
	{ "native-file-differs", RUN_IN("file", "restores-wrongly"), NULL, 1, "FAIL",
	  "^FAIL  selftest/file: .*what was restored is not what was saved: vCPU 0: regs.rax was 0x1 when the guest was saved, and is 0x2 after the restore",
	  .kind = "host-check", .on_kvm = TRUE },
};

const struct fault_table native_faults = { rows, G_N_ELEMENTS(rows) };
