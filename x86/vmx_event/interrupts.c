// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts of L1's local APIC that come while L2 runs (Intel SDM volume 3, 25.6.1 for
 * external-interrupt exiting, 25.7.1 for acknowledgment at the exit).
 *
 * The local APIC's IRR and ISR tell whether an interrupt is pending or in service. L1's handlers
 * count how often it came.
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

/* A broken hypervisor acknowledges the interrupts at the exit, or lets L2 run first. */
TEST(intr_pending, .on = EACH_CPU, .needs = VMX,
     .about = "interrupts pending before a migration make each VM entry exit until L1 takes them")
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
	       "vector 0x%x should be in service and not pending", vector);
}

/* A broken hypervisor loses an interrupt, ignores priority, or acknowledges one twice. */
TEST(intr_acknowledged, .on = EACH_CPU, .needs = VMX_ACK_INTR_ON_EXIT,
     .about =
	     "the higher of two interrupts is acknowledged at the exit; the lower waits for EOI, across a migration")
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
	bool exit; /* L2 exits and is entered again before it sets IF */
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
	       "the interrupt should be in service in the local APIC, and no longer pending");
	eoi();
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_sti, "the lower one");
	eoi();
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}

/* A broken hypervisor gives the interrupts to L1, or forgets those that L2's IF held back. */
TEST(intr_taken_by_l2, .on = EACH_CPU, .needs = VMX,
     .about =
	     "interrupts that L2's IF holds back survive a migration, and come once, in order, when L2 sets IF")
{
	take_behind_if(false);
}

/*
 * A broken hypervisor looks for pending interrupts only when they arrive, and not when L1 enters
 * L2.
 */
TEST(intr_taken_behind_exit, .on = EACH_CPU, .needs = VMX,
     .about = "interrupts that L2's IF holds back during an exit come when L2 sets IF")
{
	take_behind_if(true);
}

static void pend_behind_tpr(void *data)
{
	write_cr8(VECTOR_CLASS(LOW_VECTOR));
	pend(LOW_VECTOR);
	migrate_quiet();
	report(vector_is_pending(LOW_VECTOR) && read_cr8() == VECTOR_CLASS(LOW_VECTOR),
	       "with CR8 %lu vector 0x%x should be pending", read_cr8(), LOW_VECTOR);
	l2_call(1);
	if (!broken("lost"))
		write_cr8(0);
	await_seen();
	l2_call(2);
}

/* After the migration a broken hypervisor delivers the interrupt at once, or never. */
TEST(intr_behind_tpr, .on = EACH_CPU, .needs = VMX,
     .about =
	     "an interrupt that CR8 holds back survives a migration, and exits once when L2 lowers CR8")
{
	struct l2 *l2 = event_l2_new(pend_behind_tpr, NULL);

	seen = false;
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_EXT_INTR_MASK);
	expect_call(l2, 1, "held back by CR8");
	l1_got_nothing("held back by CR8");
	expect_exit(l2, EXIT_REASON_EXTERNAL_INTERRUPT, "CR8 lowered");
	l1_got("CR8 lowered", LOW_VECTOR);
	seen = true;
	expect_call(l2, 2, "taken");
	expect_end(l2);
	event_l2_free(l2);
}
