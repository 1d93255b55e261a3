// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest runs: L2's TSC, L1's timers and clock. No entry or exit may be lost or
 * done twice.
 *
 * Manuals: AMD APM volume 2: TSC_OFFSET (15.5.1 and appendix B), which is added to what L2 reads of
 * the TSC and to nothing else; TSC_RATIO (15.30.5), by which L1's TSC is multiplied first; physical
 * interrupts with and without their intercept, with and without V_INTR_MASKING (15.13.1, 15.21.1);
 * GIF (15.17); the local APIC's timer (16.4). Intel SDM volume 3 for the timer's TSC-deadline mode;
 * Linux's Documentation/virt/kvm/x86/msr.rst for kvmclock.
 *
 * In a migration a VMM reads TSC, local APIC and clock while L2 runs, and writes them into a vCPU
 * that is in L2 already or will be. A broken hypervisor takes L2's TSC for L1's; adds TSC_OFFSET
 * twice or not at all; uses the TSC_OFFSET in memory and not the one that VMRUN has loaded; forgets
 * an interrupt for L1 or gives it to L2; or repeats L2's last entry.
 *
 * How the tests see it: L1 reads its TSC before VMRUN and after #VMEXIT, and what L2 reads, less
 * the offset, has to be between. The stack that an interrupt was taken on tells whether it came to
 * L1 or L2. Timers are measured by the library's time source. The APIC's timer may go on while the
 * guest, and this time source with it, stands still; so the tests ask the host how long that was.
 *
 * What they cannot tell: how fast the TSC goes. A TSC that stands still, or jumps during a
 * migration, is seen only where a test says so. A late interrupt is a failure only if a deadline
 * passes.
 *
 * Tests that VMX has as well are in x86/nested/time*.c.
 *
 * QEMU's TCG may deliver an interrupt twice that KVM injects (docs/findings.md). The second one
 * comes with interrupts off, or is not in service in the local APIC; such interrupts are counted
 * separately.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_time/svm_time.h"

/* ======== what x86/nested/time*.c need ======== */

bool use_nested_paging(struct l2 *l2)
{
	if (!SVM_NPT[0]->present())
		return false;
	svm_use_npt(l2);
	return true;
}

u64 ask_l1(u64 number, u64 question)
{
	asm volatile("vmmcall" : "+b"(question) : "a"(number) : "memory");
	return question;
}

/* ======== TSC_OFFSET ======== */

struct change {
	struct l2 *l2;
	u64 offset;
	struct look before, changed, moved;
};

static void change_own_vmcb(void *data)
{
	struct change *change = data;

	for (;;) {
		change->before = look_at_tsc();
		change->l2->vmcb->control.tsc_offset = change->offset;
		change->changed = look_at_tsc();
		be_migrated();
		change->moved = look_at_tsc();
		l2_call(HERE);
	}
}

/*
 * VMRUN loads TSC_OFFSET. Nothing loads it again while L2 runs, and #VMEXIT does not store it
 * (15.6). A hypervisor that restores a running L2 from the VMCB in memory gives it an offset that
 * L1 has not yet run it with.
 */
TEST(tsc_offset_in_memory, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a TSC_OFFSET that is written to the VMCB while L2 runs takes effect at the next VMRUN, also across a migration")
{
	struct change change = { .offset = BEHIND };
	struct stay stay = { .offset = AHEAD }, next = { .offset = BEHIND };
	struct l2 *l2 = l2_new(change_own_vmcb, &change);
	u64 left;

	change.l2 = l2;
	if (visit(l2, &stay)) {
		bool before = check_look(&stay, &change.before, "before the change");
		bool changed = check_look(&stay, &change.changed, "after the change");
		bool moved = check_look(&stay, &change.moved, "after the change and the migration");

		if (before && changed && moved)
			report_pass("L2 kept the offset that it was entered with, 0x%lx",
				    stay.offset);
		left = l2->vmcb->control.tsc_offset;
		report(left == change.offset,
		       "#VMEXIT left TSC_OFFSET in the VMCB alone: 0x%lx (L2 wrote 0x%lx)", left,
		       change.offset);
		l2_start(l2, look_twice, &next);
		if (visit(l2, &next))
			check_stay(&next, "at the next entry");
	}
	l2_free(l2);
}
