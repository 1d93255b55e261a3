// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest is in flight: L2's TSC, L1's timers and clock, and that no
 * entry or exit is lost or done twice.
 *
 * The truth is AMD's APM volume 2: TSC_OFFSET of the VMCB (15.5.1, appendix B), which is
 * added to what L2 reads of the TSC, and to nothing else; TSC_RATIO (15.30.5), by which
 * L1's TSC is multiplied first; physical interrupts with and without their intercept, with
 * and without V_INTR_MASKING (15.13.1, 15.21.1); GIF (15.17). Of the local APIC's timer the
 * truth is chapter 16.4 and Intel's SDM volume 3 (TSC deadline), of kvmclock Linux's
 * Documentation/virt/kvm/x86/msr.rst.
 *
 * In a move a VMM reads TSC, local APIC and clock while L2 runs, and writes them back into a
 * vCPU that is in L2 already or will be: a hypervisor may take L2's TSC for L1's, add
 * TSC_OFFSET twice or not at all, take it from the VMCB in memory and not from what VMRUN
 * has loaded, forget an interrupt for L1 or give it to L2, or begin L2's last entry anew.
 *
 * What L2 reads is compared with L1's TSC before VMRUN and after #VMEXIT, less the offset.
 * That is exact as to the offset, and says nothing about how fast the TSC goes: a TSC that
 * stands still, or leaps during a move, is seen only where a test says so. An interrupt's
 * place is known by the stack that it interrupts. Timers are measured by the library's time
 * source, which stands still while the guest does and the APIC may count on: so the
 * host is asked how long that was. Late is no failure short of a deadline.
 *
 * What is the same on VMX is in l2-time.c, l2-time-clock.c and l2-time-trips.c.
 *
 * QEMU's TCG may deliver an interrupt twice that KVM injects (docs/findings.md); such a one
 * comes with interrupts off or is not in service in the local APIC, and is counted apart.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_time/svm_time.h"

/* ======== what l2-time.c and the others ask for ======== */

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
		be_moved();
		change->moved = look_at_tsc();
		l2_call(HERE);
	}
}

/*
 * VMRUN loads the VMCB; nothing loads it again while L2 runs, nor does #VMEXIT store
 * TSC_OFFSET (15.6). A hypervisor that goes by the VMCB in memory when it restores an L2
 * in flight gives it an offset that L1 has not yet run it with.
 */
TEST(tsc_offset_in_memory, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a TSC_OFFSET written to the VMCB while L2 is in flight counts from the next VMRUN on")
{
	struct change change = { .offset = BEHIND };
	struct stay stay = { .offset = AHEAD }, next = { .offset = BEHIND };
	struct l2 *l2 = l2_new(change_own_vmcb, &change);
	u64 left;

	change.l2 = l2;
	if (visit(l2, &stay)) {
		bool before = check_look(&stay, &change.before, "before the change");
		bool changed = check_look(&stay, &change.changed, "after the change");
		bool moved = check_look(&stay, &change.moved, "after the change and the move");

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
