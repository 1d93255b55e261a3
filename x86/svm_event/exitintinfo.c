// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * EXITINTINFO (15.7.2) describes the event that was being delivered when a fault made L2 exit. L1
 * injects the event again after a migration. See svm_event.c.
 *
 * A broken hypervisor forgets the event, reports another one, or also delivers it by itself.
 */
#include "libcflat.h"
#include "percpu.h"
#include "processor.h"
#include "x86/svm_event/svm_event.h"

static bool check_exitintinfo(const struct l2 *l2, u64 event)
{
	u64 is = l2->vmcb->control.exitintinfo;

	/* "If TYPE is 2 (NMI), the VECTOR field is ignored." */
	if ((is & SVM_EVTINJ_TYPE_MASK) == SVM_EVTINJ_TYPE_NMI)
		is = (is & ~SVM_EVTINJ_VEC_MASK) | NMI_VECTOR;
	return report(is == (event | SVM_EVTINJ_VALID), "EXITINTINFO is 0x%lx, should be 0x%lx",
		      l2->vmcb->control.exitintinfo, event | SVM_EVTINJ_VALID);
}

static void check_gate_fault(const struct l2 *l2, u64 gate)
{
	report(l2->vmcb->control.exitinfo2 == gate, "EXITINFO2 is 0x%lx, the gate is at 0x%lx",
	       l2->vmcb->control.exitinfo2, gate);
}

/*
 * A broken hypervisor reports the fault and forgets the event, or reports another event, or also
 * delivers the event by itself, so that L1 injects it a second time.
 */
static void fault_in_delivery(u64 event)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip;
	int vector = event & SVM_EVTINJ_VEC_MASK;

	l2->vmcb->control.nrip = rip;
	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NEVER_MAPPED;
	inject(l2, event);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "delivered where there is no IDT");
	check_exitintinfo(l2, event);
	check_gate_fault(l2, NEVER_MAPPED + vector * sizeof(idt_entry_t));
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	l2->vmcb->control.nrip = rip;
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, vector, event >> SVM_EVTINJ_ERR_SHIFT, rip, "delivered again");
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

#define FAULT_IN_DELIVERY(name, words, event)                                                      \
	TEST(fault_delivering_##name, .on = EACH_CPU, .needs = SVM,                                \
	     .about = words                                                                        \
	     " whose delivery met a #PF comes once when L1 injects it again after a migration")    \
	{                                                                                          \
		fault_in_delivery(event);                                                          \
	}

FAULT_IN_DELIVERY(interrupt, "an interrupt", SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR)
FAULT_IN_DELIVERY(nmi, "an NMI", SVM_EVTINJ_TYPE_NMI | NMI_VECTOR)
FAULT_IN_DELIVERY(exception, "an exception", SVM_EVTINJ_TYPE_EXEPT | UD_VECTOR)
FAULT_IN_DELIVERY(exception_with_code, "an exception with an error code",
		  SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR |
			  0x5a8ul << SVM_EVTINJ_ERR_SHIFT)
FAULT_IN_DELIVERY(software_interrupt, "a software interrupt", SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR)

L2_CODE(int_low, (void),
	"at_int:\n"
	"	int $0x51\n"
	"behind_int:\n"
	"	nop\n");
extern char at_int[], behind_int[];

static void in_int(void *data)
{
	int_low();
	l2_call(1);
}

/* L2 itself has raised this event. RIP is at INT, so L2 executes INT again. */
TEST(fault_delivering_int_n, .on = EACH_CPU, .needs = SVM,
     .about =
	     "INT n in L2 whose delivery met a #PF is in EXITINTINFO, and is executed again after a migration")
{
	struct l2 *l2 = event_l2_new(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;

	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NEVER_MAPPED;
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "INT where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_SOFT | LOW_VECTOR);
	check_gate_fault(l2, NEVER_MAPPED + LOW_VECTOR * sizeof(idt_entry_t));
	check_rip(l2, at_int, "at INT");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_int, "INT again");
	expect_call(l2, 1, "after INT");
	expect_end(l2);
	event_l2_free(l2);
}

/* V_IRQ is clear then, since EXITINTINFO has the interrupt (15.21.4). */
TEST(fault_delivering_virq, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a virtual interrupt whose delivery met a #PF is in EXITINTINFO, and is delivered once after a migration")
{
	struct l2 *l2 = event_l2_new(in_int, NULL);
	struct vmcb_save_area *save = &l2->vmcb->save;
	u64 rip = save->rip;

	l2_start(l2, count_run, &(u32){ 0 });
	svm_set_intercept(l2, INTERCEPT_EXCEPTION + PF_VECTOR);
	save->idtr.base = NEVER_MAPPED;
	request_interrupt(l2, LOW_VECTOR);
	expect_exit(l2, SVM_EXIT_EXCP_BASE + PF_VECTOR, "taken where there is no IDT");
	check_exitintinfo(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	check_virq(l2, false, "taken");
	migrate_quiet();
	save->idtr.base = (u64)event_l2_idt();
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, LOW_VECTOR, NO_CODE, rip, "delivered again");
	expect_end(l2);
	event_l2_free(l2);
}

/* The page of the gate or of the stack is missing in L1's nested tables, but not in L2's own. */
static void npf_in_delivery(bool stack, u64 event)
{
	volatile u32 runs = 0;
	struct l2 *l2 = event_l2_new(count_run, (void *)&runs);
	struct vmcb_save_area *save = &l2->vmcb->save;
	phys_addr_t gone =
		stack ? virt_to_phys((void *)(save->rsp - 8)) : virt_to_phys(event_l2_idt());
	u64 rip = save->rip;
	pteval_t *entry;

	svm_use_npt(l2);
	entry = svm_npt_entry(l2, gone & PAGE_MASK);
	*entry &= ~PT_PRESENT_MASK;
	inject(l2, event);
	expect_exit(l2, SVM_EXIT_NPF, "delivered without the page");
	check_exitintinfo(l2, event);
	report((l2->vmcb->control.exitinfo2 & PAGE_MASK) == (gone & PAGE_MASK),
	       "EXITINFO2 is 0x%lx, the missing page 0x%lx", l2->vmcb->control.exitinfo2,
	       gone & PAGE_MASK);
	check_rip(l2, (void *)rip, "not delivered");
	migrate_quiet();
	*entry |= PT_PRESENT_MASK;
	l2->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	inject(l2, l2->vmcb->control.exitintinfo);
	expect_event(l2, event & SVM_EVTINJ_VEC_MASK, event >> SVM_EVTINJ_ERR_SHIFT, rip,
		     "delivered again");
	report(!runs, "L2's code did not run before its event (%u times)", runs);
	expect_end(l2);
	report(runs == 1, "L2's code ran once (%u times)", runs);
	event_l2_free(l2);
}

TEST(npf_delivering_interrupt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "an interrupt whose delivery met a nested page fault at its gate is delivered once after a migration")
{
	npf_in_delivery(false, SVM_EVTINJ_TYPE_INTR | HIGH_VECTOR);
}

TEST(npf_delivering_exception, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "an exception whose delivery met a nested page fault at the stack is delivered once after a migration")
{
	npf_in_delivery(true, SVM_EVTINJ_TYPE_EXEPT | SVM_EVTINJ_VALID_ERR | GP_VECTOR |
				      0x5a8ul << SVM_EVTINJ_ERR_SHIFT);
}
