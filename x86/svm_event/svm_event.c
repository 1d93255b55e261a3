// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of nested guests across a migration: each event that was injected, pending or held back is
 * delivered exactly once.
 *
 * Manual: AMD APM volume 2, chapter 15: 15.17 (GIF), 15.20 (EVENTINJ), 15.21 (interrupts, V_TPR,
 * V_IRQ), 15.7.2 (EXITINTINFO), 15.13 (INTR and NMI), 15.33 (virtual GIF); 8.5 for the order of
 * events, 13.1 for debug exceptions.
 *
 * A broken hypervisor forgets an event that was pending when it saved a guest, or delivers it again
 * after it was restored; lets in what RFLAGS.IF, an interrupt shadow, V_TPR, GIF or a running NMI
 * handler holds back; delivers to L1 what is L2's, or the other way round; or restores a wrong
 * vector, error code or return address.
 *
 * How the tests see it: every event in L2 is an exit (nested/l2-event.h), so that the order of L2's
 * exits is the order of events.
 *
 * What they cannot tell: whether an event of an interrupt controller is late by some instructions,
 * since nothing says how fast it has to be. Virtual interrupts and single steps have to come at the
 * exact instruction.
 *
 * Events that QEMU's TCG may deliver twice (nested/svm/svm-event.h) are XFAIL if the CPU says that
 * it is TCG, and FAIL otherwise.
 *
 * This file has the tests of EVENTINJ. apic.c, exitintinfo.c, gif.c, halt.c, order.c, virtual-gif.c
 * and virtual-interrupts.c have the other tests; x86/nested/interrupts.c and steps.c have those
 * that VMX has as well.
 *
 * On the command line: with break=lost, L1 injects nothing and asks for no virtual interrupt.
 */
#include "libcflat.h"
#include "apic.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "x86/svm_event/svm_event.h"

void inject(struct l2 *l2, u64 event)
{
	if (!broken("lost"))
		svm_inject(l2, event);
}

void request_interrupt(struct l2 *l2, u8 vector)
{
	if (!broken("lost"))
		svm_virtual_irq(l2, vector);
}

void send_nmi(void)
{
	if (!broken("lost"))
		apic_send_nmi(smp_id());
}

void call_once(void *data)
{
	l2_call(1);
}

/*
 * After a migration the hypervisor's page tables are empty. If QEMU's TCG finds a page missing
 * there while it delivers a virtual interrupt, it takes the interrupt for an exception
 * (docs/findings.md). So on TCG, L2 first reads what the delivery needs. Elsewhere the missing
 * pages are part of the test.
 */
void after_migration(void)
{
	const volatile u8 *gates = (const volatile u8 *)event_l2_idt();

	if (!is_tcg())
		return;
	for (unsigned i = 0; i < PAGE_SIZE; i += 256)
		(void)gates[i];
	for (unsigned i = 0; i < sizeof(event_traps); i += 256)
		(void)*(const volatile u8 *)&event_traps[0][i];
}

/* ======== EVENTINJ ======== */

void count_run(void *data)
{
	volatile u32 *runs = data;

	(*runs)++;
}

/*
 * A broken hypervisor loses EVENTINJ in the migration, or when the IDT or the stack is not yet
 * mapped on the destination; delivers the event again; or takes the return address from elsewhere.
 */
static void inject_across_migration(u64 event, u32 error_code)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip, rsp = save->rsp, cr2 = 0x123456789000;

	save->cr2 = cr2;
	/* A software interrupt pushes this with next-RIP save, and RIP without. */
	l2->vmcb->control.nrip = rip;
	/* EVENTINJ does not depend on RFLAGS.IF. */
	l2_irq_off(l2);
	inject(l2, event | (u64)error_code << SVM_EVTINJ_ERR_SHIFT);
	migrate_quiet();
	if (expect_event(l2, event & SVM_EVTINJ_VEC_MASK, error_code, rip, "injected"))
		report(last_event_frame()->rsp == rsp, "RSP on the stack is 0x%lx, was 0x%lx",
		       last_event_frame()->rsp, rsp);
	report(save->cr2 == cr2, "L2's CR2 is 0x%lx, was set to 0x%lx", save->cr2, cr2);
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

#define INJECT(name, words, event, error_code)                                                     \
	TEST(inject_##name, .on = EACH_CPU, .needs = SVM,                                          \
	     .about = words " in EVENTINJ during a migration is delivered once, as L1 has set it") \
	{                                                                                          \
		inject_across_migration(event, error_code);                                        \
	}

INJECT(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR, 0)
INJECT(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR, 0)
INJECT(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR, 0)
INJECT(exception_with_code, "an exception with an error code",
       SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR, 0x5a8)
INJECT(page_fault, "a page fault", SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR,
       PFERR_WRITE_MASK | PFERR_PRESENT_MASK)
INJECT(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR, 0)
