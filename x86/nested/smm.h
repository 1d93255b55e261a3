/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMIs that come to a CPU while its L2 runs (AMD APM volume 2, 15.22 "SMM Support"; Intel SDM
 * volume 3, "SMIs and SMM with VMX"). L1 does not intercept them, so the handler runs, and RSM
 * takes the CPU back to L2.
 *
 * KVM leaves L2 for the handler without an exit for L1, and enters it again at RSM. In between the
 * CPU is neither in L2 nor in L1, which the saved nested state has to say (KVM API documentation,
 * KVM_GET_NESTED_STATE). A broken hypervisor forgets that RSM leads to L2, restores L1's registers
 * in its place, loses L1's own registers, or leaves VMX operation for good.
 *
 * How the tests see it: L2 counts, with patterns in its registers; another CPU sends the SMI, asks
 * for the action while the handler runs, and lets it end. L2 has to go on where it was, and in the
 * end L1 has to go on behind its entry, which was one.
 */
#ifndef X86_NESTED_SMM_H
#define X86_NESTED_SMM_H

#include "nested/l2.h"

struct smi_story {
	void (*prepare)(struct l2 *l2); /* may be NULL */
	int smis;
	bool act_in_handler, act_after;
};

/* The body of a test. Makes its checks itself. */
void smi_in_l2(const struct smi_story *story);

#endif
