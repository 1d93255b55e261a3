// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events of nested guests while they are migrated: whatever was in flight, pending or held
 * back is delivered exactly once.
 *
 * The truth: AMD APM volume 2, chapter 15: 15.17 (GIF), 15.20 (EVENTINJ), 15.21
 * (interrupts, V_TPR, V_IRQ), 15.7.2 (EXITINTINFO), 15.13 (INTR and NMI), 15.33 (virtual
 * GIF); 8.5 for the order of events, 13.1 for debug exceptions.
 *
 * A broken hypervisor forgets an event that was pending when it saved a guest, or
 * delivers it a second time after it was restored; lets in what the guest had masked, by
 * RFLAGS.IF, an interrupt shadow, V_TPR, GIF or a running NMI handler; delivers to L1 what
 * is L2's or the other way round; or comes back with a vector, error code or return
 * address that is not the event's.
 *
 * How the tests see it: every event in L2 is an exit (l2-event.h), and the order of L2's exits
 * is the order of events.
 *
 * They cannot tell an event that is late by some instructions from one that is in
 * time where it comes from an interrupt controller, since nothing says how fast that is;
 * virtual interrupts and single steps are held to the very instruction.
 *
 * What QEMU's TCG may deliver twice (svm-event.h) is XFAIL where the CPU says that it is TCG, and
 * FAIL elsewhere.
 *
 * Here is what L1 asks for in the VMCB: EVENTINJ, V_IRQ, V_NMI, and EXITINTINFO, which tells of
 * what was not delivered. The program's other files: svm-event-apic.c, -order.c and -halt.c, and,
 * with the tests that VMX has as well, l2-interrupts.c and l2-steps.c.
 *
 * On the command line: break=lost has L1 inject nothing, and ask for no virtual interrupt.
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
 * QEMU's TCG takes a virtual interrupt for an exception if a page of the hypervisor's is
 * missing while it is delivered (docs/findings.md), as after a migration. There, L2 looks at what
 * delivery needs; elsewhere the missing page is a part of the test.
 */
void after_move(void)
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
 * A hypervisor that loses EVENTINJ on the way to the other side, or where the first
 * delivery there cannot read the IDT or write the stack yet; that delivers it again; or
 * takes the return address from elsewhere.
 */
static void inject_across_move(u64 event, u32 error_code)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip, rsp = save->rsp, cr2 = 0x123456789000;

	save->cr2 = cr2;
	/* Pushed by a software interrupt where there is next-RIP save, else RIP is. */
	l2->vmcb->control.nrip = rip;
	/* EVENTINJ does not ask RFLAGS.IF. */
	l2_irq_off(l2);
	inject(l2, event | (u64)error_code << SVM_EVTINJ_ERR_SHIFT);
	migrate_quiet();
	if (expect_event(l2, event & SVM_EVTINJ_VEC_MASK, error_code, rip, "injected"))
		report(last_event_frame()->rsp == rsp, "rsp on the stack is 0x%lx, was 0x%lx",
		       last_event_frame()->rsp, rsp);
	report(save->cr2 == cr2, "L2's CR2 is 0x%lx, was set to 0x%lx", save->cr2, cr2);
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

#define INJECT(name, words, event, error_code)                                                     \
	TEST(inject_##name, .on = EACH_CPU, .needs = SVM,                                          \
	     .about = words " in EVENTINJ during the migration is delivered once, as it was set")  \
	{                                                                                          \
		inject_across_move(event, error_code);                                             \
	}

INJECT(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR, 0)
INJECT(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR, 0)
INJECT(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR, 0)
INJECT(exception_with_code, "an exception with an error code",
       SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR, 0x5a8)
INJECT(page_fault, "a page fault", SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | PF_VECTOR,
       PFERR_WRITE_MASK | PFERR_PRESENT_MASK)
INJECT(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR, 0)
