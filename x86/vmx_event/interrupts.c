// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts of L1's local APIC that come while L2 runs (Intel SDM volume 3, 25.6.1
 * external-interrupt exiting, 25.7.1 acknowledgment at the exit).
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "x86/nested/interrupts.h"
#include "x86/vmx_event/vmx_event.h"

static void call_twice(void *data)
{
	l2_call(1);
	l2_call(2);
}

/* A hypervisor that acknowledges what it should not, or lets L2 run first. */
TEST(intr_pending, .on = EACH_CPU, .needs = VMX,
     .about = "interrupts pending at the entry, moved before: each entry exits until L1 takes them")
{
	struct l2 *l2 = event_l2_new(call_twice, NULL);
	u64 rip = vmx_get(l2, GUEST_RIP);

	if (!broken("lost"))
		vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	irq_disable();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	migrate_quiet();
	for (int i = 0; i < 2; i++) {
		expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "two interrupts pending");
		check_rip(l2, (void *)rip, "no instruction of L2 ran");
		report_if_failed(!(vmx_get(l2, VM_EXIT_INTR_INFO) & INTR_INFO_VALID_MASK),
				 "VM_EXIT_INTR_INFO is valid: 0x%lx",
				 vmx_get(l2, VM_EXIT_INTR_INFO));
		check_pending(LOW_VECTOR, "not acknowledged");
		check_pending(HIGH_VECTOR, "not acknowledged");
	}
	irq_enable();
	l1_got("L1 has set IF", HIGH_VECTOR, LOW_VECTOR);
	expect_call(l2, 1, "nothing pending");
	expect_call(l2, 2, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

static void check_acknowledged(struct l2 *l2, u8 vector)
{
	if (!expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "an interrupt pending"))
		return;
	check_field(l2, VM_EXIT_INTR_INFO, ~0ul, INTR_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | vector,
		    "acknowledged");
	report(apic_read_bit(APIC_ISR, vector) && !vector_is_pending(vector),
	       "vector 0x%x is in service and not pending", vector);
}

/* A hypervisor that loses one, or its priority, or acknowledges the same one twice. */
TEST(intr_acknowledged, .on = EACH_CPU, .needs = VMX_ACK_INTR_ON_EXIT,
     .about = "acknowledged at the exit, the higher of two is first; moved in its service, the "
	      "lower one waits for EOI")
{
	struct l2 *l2 = event_l2_new(call_twice, NULL);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	vmx_set_controls(l2, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT);
	irq_disable();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	check_acknowledged(l2, HIGH_VECTOR);
	migrate_quiet();
	expect_call(l2, 1, "the higher one is in service");
	check_pending(LOW_VECTOR, "the higher one is in service");
	if (!broken("lost"))
		dispatch(HIGH_VECTOR);
	check_acknowledged(l2, LOW_VECTOR);
	dispatch(LOW_VECTOR);
	l1_got("by INT", HIGH_VECTOR, LOW_VECTOR);
	irq_enable();
	expect_call(l2, 2, "nothing pending");
	expect_end(l2);
	event_l2_free(l2);
}

struct behind_if {
	bool exit; /* and come back, before L2 sets IF */
};

static void pend_behind_if(void *data)
{
	struct behind_if *how = data;

	irq_disable();
	if (!broken("lost"))
		pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	migrate_quiet();
	if (how->exit)
		l2_call(1);
	open_windows();
	l2_call(2);
}

static void take_behind_if(bool exit)
{
	struct behind_if how = { .exit = exit };
	struct l2 *l2 = event_l2_new(pend_behind_if, &how);

	l2_irq_off(l2);
	irq_disable();
	if (exit) {
		expect_call(l2, 1, "interrupts off in L2");
		check_pending(HIGH_VECTOR, "interrupts off in L2");
	}
	expect_event(l2, HIGH_VECTOR, NO_CODE, (u64)behind_sti, "L2 has set IF");
	report(apic_read_bit(APIC_ISR, HIGH_VECTOR) && !vector_is_pending(HIGH_VECTOR),
	       "it is in service in the local APIC, and no longer pending");
	eoi();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "the lower one");
	eoi();
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that gives them to L1, or forgets which waited behind L2's IF. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = VMX,
     .about = "moved with interrupts pending behind its IF, L2 takes them when it sets IF, in "
	      "their order, once")
{
	take_behind_if(false);
}

/* One that knows of them only where they came: L1's entry is another beginning. */
TEST(intr_taken_behind_exit, .on = EACH_CPU, .needs = VMX,
     .about = "the same where L2 has exited in between")
{
	take_behind_if(true);
}

static void pend_behind_tpr(void *data)
{
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR) && read_cr8() == VECTOR_CLASS(LOW_VECTOR),
	       "behind CR8 %lu vector 0x%x is pending", read_cr8(), LOW_VECTOR);
	l2_call(1);
	if (!broken("lost"))
		write_cr8(0);
	await_seen();
	l2_call(2);
}

/* A hypervisor that lets it out of the move past the priority, or not at all any more. */
TEST(intr_behind_tpr, .on = EACH_CPU, .needs = VMX,
     .about = "moved with an interrupt pending behind the task priority: it exits when L2 lowers "
	      "CR8, once")
{
	struct l2 *l2 = event_l2_new(pend_behind_tpr, NULL);

	seen = false;
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	expect_call(l2, 1, "behind CR8");
	l1_got_nothing("behind CR8");
	expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "CR8 lowered");
	l1_got("CR8 lowered", LOW_VECTOR);
	seen = true;
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}
