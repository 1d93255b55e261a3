// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: the word of KVM's paravirtual EOI (Documentation/virt/kvm/x86/msr.rst, MSR_KVM_PV_EOI_EN).
 * A part of the program dirty: see dirty.c.
 *
 * While an interrupt is in service KVM may set bit 0 of the word. A guest that then clears the bit
 * need not write the APIC's EOI register. KVM clears the bit itself when it takes that back, at
 * exits for example. So KVM writes the word all the time while the guest handles an interrupt, and
 * the guest only once, at the end.
 *
 * The guest is migrated in the interrupt's handler. A broken KVM does not mark the page dirty, so
 * that the destination has a bit that KVM had cleared. The guest takes it for the permission to do
 * without the EOI, and the interrupt stays in service for good. Or KVM forgets that it has set the
 * bit. Whether the page is sent with the bit set depends on the moment, so the test tries it
 * several times. It cannot tell a lost write from a bit that KVM forgot. A KVM that emulates every
 * instruction has been seen whose APIC never shows anything in service. There the test is skipped.
 */
#include "alloc_page.h"
#include "apic.h"
#include "isr.h"
#include "processor.h"
#include "pvclock.h"
#include "x86/dirty/dirty.h"

#define PV_EOI_ENABLED 1

#define VECTOR 0x65
#define ROUNDS 4

FEATURE(PV_EOI, "KVM's paravirtual EOI")
{
	return kvm_para_has_feature(KVM_FEATURE_PV_EOI);
}

static u32 *word;
static int handled, without_eoi;
static bool was_in_service;

static bool take_permission(void)
{
	bool was_set;

	asm volatile("lock btrl $0, %0" : "+m"(*word), "=@ccc"(was_set) : : "memory");
	return was_set || broken("eoi");
}

static void on_interrupt(isr_regs_t *regs)
{
	was_in_service = apic_read_bit(APIC_ISR, VECTOR);
	migrate_quiet();
	if (take_permission())
		without_eoi++;
	else
		eoi();
	WRITE_ONCE(handled, handled + 1);
}

TEST(pv_eoi, .needs = PV_EOI,
     .about =
	     "an interrupt whose handler is migrated ends if the guest sends or skips the EOI as KVM's paravirtual-EOI word says")
{
	bool all = true;

	word = alloc_page();
	handled = without_eoi = 0;
	handle_irq(VECTOR, on_interrupt);
	wrmsr(MSR_KVM_PV_EOI_EN, virt_to_phys(word) | PV_EOI_ENABLED);
	for (int round = 0; round < ROUNDS && all; round++) {
		int before = without_eoi;

		apic_send_self_ipi(VECTOR);
		wait_for(READ_ONCE(handled) > round, LIBRARY_DEADLINE_MS, "a self-IPI");
		all &= report_if_failed(
			!apic_read_bit(APIC_ISR, VECTOR),
			"round %d: the interrupt is still in service, though the guest has %s",
			round,
			without_eoi > before ? "cleared the bit that was set in KVM's word"
					     : "written the EOI register");
	}
	while (apic_read_bit(APIC_ISR, VECTOR))
		eoi();
	wrmsr(MSR_KVM_PV_EOI_EN, 0);
	unhandle_irq(VECTOR);
	if (!was_in_service)
		report_skip("needs an APIC that shows what is in service");
	else
		report(all, "%d interrupts, %d of them over without a write to the EOI register",
		       handled, without_eoi);
	free_page(word);
}
