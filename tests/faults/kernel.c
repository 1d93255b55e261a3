// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Messages of the host's kernel while a case runs. fake-qemu writes them into a FIFO, which the
 * runner reads instead of /dev/kmsg.
 */
#include "faults.h"

#define FIFO .wrapper = "mkfifo @DIR@/kmsg && FERRY_KMSG=@DIR@/kmsg exec \"$@\""

/* A folder in place of /proc, in which thread 9 belongs to a VMM. Its parent is WHOSE. */
#define VMM_OF(whose)                                                                                                                                                \
	.wrapper =                                                                                                                                                   \
		"p=@DIR@/proc; mkdir -p $p/self/ns $p/9 $p/8/fd && echo >$p/9/status 'Name:\tCPU 0/KVM\nTgid:\t8' && echo >$p/8/status \"Name:\tqemu\nPPid:\t" whose \
		"\" && ln -s 'pid:[4026531836]' $p/self/ns/pid && ln -s anon_inode:kvm-vm $p/8/fd/3 && mkfifo @DIR@/kmsg && FERRY_PROC=$p FERRY_KMSG=@DIR@/kmsg exec \"$@\""

#define WARNING                                                                                    \
	"the host's kernel said: WARNING: CPU: 1 PID: 9 at arch/x86/kvm/x86\\.c:612 x\\+0x1/0x2 "  \
	"\\[kvm\\]"
#define ISSUE(key) "[x]\ncase = *\nhost = *\nreason = it is known\nevidence = somewhere\n" key "\n"

static const struct fault rows[] = {
	{ "kernel-warns", "run selftest/none", "kernel-warns", 1, "FAIL",
	  "^FAIL  selftest/none: " WARNING "$\n +WARNING: .*\n +CPU: .*\n +Call Trace:\n", FIFO },
	{ "kernel-warns-late", "run selftest/none", "kernel-warns-late", 1, "FAIL",
	  "^FAIL  selftest/none: " WARNING "$", FIFO },
	{ "kernel-warns-and-it-fails", "run selftest/none", "failing:kernel-warns", 1, "FAIL",
	  "^FAIL  selftest/none: fake: it fails as known .*; and " WARNING "$", FIFO },
	{ "kernel-warns-and-it-dies", "run selftest/none --timeout 3", "kernel-warns-in-all", 1,
	  "FAIL", "^FAIL  selftest/none: no end within 3 s.*; and " WARNING "$", FIFO },
	/* Nobody knows which of the cases has caused the warning. */
	{ "kernel-warns-two", "run selftest --plan none,precopy -j8 --timeout 3",
	  "kernel-warns-in-all", 1, "FAIL", WARNING " \\(while 2 cases ran\\)$", FIFO, .cases = 2 },
	{ "kernel-warns-of-others", "run selftest/none", "kernel-warns-of-others", 0, "PASS",
	  "^PASS  selftest/none .*\n +warning: the host's kernel said: WARNING: CPU: 0 .*dev\\.c:12",
	  FIFO },
	/* Another VM on the same host has caused it. */
	{ "kernel-warns-of-another-vm", "run selftest/none", "kernel-warns", 0, "PASS",
	  "^PASS  selftest/none .*\n +warning: " WARNING
	  " \\(in thread 9 of a virtual machine that does not belong to this run\\)",
	  VMM_OF("1") },
	{ "kernel-warns-of-our-vm", "run selftest/none", "kernel-warns", 1, "FAIL",
	  "^FAIL  selftest/none: " WARNING "$", VMM_OF("$$") },
	{ "kernel-stalls", "run selftest/none", "kernel-stalls", 1, "FAIL",
	  "^FAIL  selftest/none: the host's kernel said: rcu: INFO: rcu_sched self-detected stall on CPU in vcpu_enter_guest",
	  FIFO },
	/* If the CPU is emulated, a stall may come from the emulator. */
	{ "kernel-stalls-in-a-lab",
	  "run selftest/none --host local --stream --emulated-host --prefork", "kernel-stalls", 0,
	  "PASS", "\"verdict\":\"PASS\".*\"warning\":\"the host's kernel said: rcu: INFO", FIFO },
	{ "kernel-warns-in-a-lab",
	  "run selftest/none --host local --stream --emulated-host --prefork", "kernel-warns", 1,
	  "FAIL", "\"verdict\":\"FAIL\",.*\"reason\":\"" WARNING "\"", FIFO },
	{ "kernel-chats", "run selftest/none", "kernel-chats", 0, "PASS",
	  "^PASS  selftest/none .*\n1 case: 1 passed", FIFO },
	{ "kernel-log-not-there", "run selftest/none", "", 0, "PASS", "^PASS  selftest/none ",
	  .wrapper = "FERRY_KMSG=/nowhere/kmsg exec \"$@\"" },

	/* A known issue matches it by its text only. */
	{ "kernel-warns-known", "run selftest/none", "kernel-warns", 0, "XFAIL",
	  "^XFAIL selftest/none: it is known \\(somewhere\\): " WARNING, FIFO,
	  .known_issues = ISSUE("failure = .*kernel said: WARNING: .*x86[.]c:612 x.*") },
	{ "kernel-warns-not-known", "run selftest/none", "kernel-warns", 1, "FAIL",
	  "^FAIL  selftest/none: " WARNING "$", FIFO,
	  .known_issues = ISSUE("failure = .*kernel said: WARNING: .*x86[.]c:613 x.*") },
	{ "kernel-warns-beside-known", "run selftest/none", "failing:kernel-warns", 1, "FAIL",
	  "^FAIL  selftest/none: " WARNING " \\(besides known issues\\)$", FIFO,
	  .known_issues = ISSUE("test = *") },
};

const struct fault_table kernel_faults = { rows, G_N_ELEMENTS(rows) };
