// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * NMIs of L2: those that L1 injects, with virtual NMIs, and those of the local APIC (Intel SDM
 * volume 3, 25.6.1 for the controls, 26.3 for how they change IRET, 28.5.5 for the blocking that
 * exits leave).
 *
 * The moment at which the next NMI or NMI window comes shows whether NMIs were blocked. The tests
 * cannot tell whether the hypervisor or the CPU below it has lost the blocking.
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "smp.h"
#include "x86/vmx_event/vmx_event.h"

/* ======== NMIs that L1 injects: virtual NMIs ======== */

static struct l2 *new_target_of_nmi(void)
{
	struct l2 *l2 = new_target(&injections[INJECT_NMI]);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL,
			 PIN_BASED_NMI_EXITING | PIN_BASED_VIRTUAL_NMIS);
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	return l2;
}

/*
 * A broken hypervisor forgets the blocking, so that the window opens early and L1 injects a second
 * NMI into the handler; or it forgets the window, so that the second NMI never comes.
 */
TEST(nmi_window, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about =
	     "an NMI window survives a migration in L1 during L2's NMI handler: it opens after IRET")
{
	struct l2 *l2 = new_target_of_nmi();

	inject(l2, &injections[INJECT_NMI]);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)injection_point, "injected");
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI, "in the handler");
	migrate_quiet();
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "IRET");
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "the window is still open");
	inject(l2, &injections[INJECT_NMI]);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)injection_point, "a second NMI");
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "IRET again");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 1, "the window is off");
	event_l2_free(l2);
}

/* With AGAIN, the handler has run once before. */
static void move_in_nmi_handler(bool again)
{
	struct l2 *l2 = new_target_of_nmi();

	handle_exception(NMI_VECTOR, be_moved_in_handler);
	event_give_l2_handler(NMI_VECTOR);
	if (again) {
		handled.count = 1; /* no migration */
		inject(l2, &injections[INJECT_NMI]);
		check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "the first run's end");
	}
	handled.count = 0;
	inject(l2, &injections[INJECT_NMI]);
	check_window(l2, EXIT_REASON_NMI_WINDOW, injection_point, "the end of the handler");
	report(handled.count == 1 && handled.rip == (u64)injection_point,
	       "the handler ran %u times, for rip 0x%lx", handled.count, handled.rip);
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 1, "the window is off");
	event_l2_free(l2);
}

TEST(nmi_window_moved_in_l2, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "an NMI window survives a migration in L2's NMI handler: it opens after IRET")
{
	move_in_nmi_handler(false);
}

/*
 * The handler's first run has mapped all pages that the delivery touches. A delivery that faults
 * goes through the hypervisor, which then knows that NMIs are blocked; after a delivery without
 * faults only the CPU knows it.
 */
TEST(nmi_window_moved_in_second, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about =
	     "an NMI window survives a migration in the second run of L2's NMI handler, when all its pages are mapped")
{
	move_in_nmi_handler(true);
}

static void iret_then_call(void *data)
{
	l2_call(1);
	open_windows();
	l2_call(2);
}

/* A broken hypervisor forgets blocking that L1 sets, since it has seen no NMI handler begin. */
TEST(nmi_window_blocked_by_l1, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about = "virtual-NMI blocking that L1 sets before a migration ends with L2's IRET")
{
	struct l2 *l2 = new_target_of_nmi();

	l2_start(l2, iret_then_call, NULL);
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, broken("lost") ? 0 : GUEST_INTR_STATE_NMI);
	migrate_quiet();
	expect_call(l2, 1, "NMIs blocked");
	check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI, "NMIs blocked");
	check_window(l2, EXIT_REASON_NMI_WINDOW, behind_iret, "IRET");
	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	expect_call(l2, 2, "the window is off");
	expect_end(l2);
	event_l2_free(l2);
}

/* ======== NMIs of the local APIC ======== */

static void send_nmi(void)
{
	if (!broken("lost"))
		apic_send_nmi(smp_id());
	delay_us(EVENT_SILENCE_US);
}

static void be_moved_and_send_nmi(void *data)
{
	migrate_quiet();
	send_nmi();
	l2_call(1);
}

/*
 * NMIs are blocked after such an exit until L1's next IRET (28.5.5). A broken hypervisor also
 * delivers the NMI that caused the exit, or the migration loses the blocking or the pending NMI.
 */
TEST(nmi_exits, .on = EACH_CPU, .needs = VMX,
     .about = "an NMI exits; a second one, blocked during a migration, comes once, after L1's IRET")
{
	struct l2 *l2 = event_l2_new(be_moved_and_send_nmi, NULL);

	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_NMI_EXITING);
	irq_disable();
	if (expect_exit(l2, EXIT_REASON_EXCEPTION_NMI, "sent by L2 to itself"))
		check_field(l2, VM_EXIT_INTR_INFO, INTR_INFO_DEFINED,
			    INTR_INFO_VALID_MASK | INTR_TYPE_NMI_INTR | NMI_VECTOR, "the NMI");
	send_nmi();
	migrate_quiet();
	report(!l1_count(), "NMIs are blocked after the exit (L1 got %u)", l1_count());
	dispatch(NMI_VECTOR);
	l1_got("after IRET", NMI_VECTOR, NMI_VECTOR);
	irq_enable();
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	event_l2_free(l2);
}

static void be_moved_and_send_nmi_in_handler(struct ex_regs *regs)
{
	if (!event_in_l2(regs)) {
		l1_note(NMI_VECTOR);
		return;
	}
	if (handled.count++)
		return;
	migrate_quiet();
	send_nmi();
}

/* A broken hypervisor takes virtual-NMI blocking for blocking by NMI. */
TEST(nmi_exits_from_handler, .on = EACH_CPU, .needs = VMX_VIRTUAL_NMIS,
     .about =
	     "after a migration in L2's NMI handler an NMI of L1 exits though virtual NMIs are blocked")
{
	struct l2 *l2 = new_target_of_nmi();

	vmx_clear_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_NMI_WINDOW_EXITING);
	handled.count = 0;
	handle_exception(NMI_VECTOR, be_moved_and_send_nmi_in_handler);
	event_give_l2_handler(NMI_VECTOR);
	vmx_inject(l2, injections[INJECT_NMI].event, 0);
	if (expect_exit(l2, EXIT_REASON_EXCEPTION_NMI, "sent by the handler"))
		check_field(l2, GUEST_INTERRUPTIBILITY_INFO, ~0ul, GUEST_INTR_STATE_NMI,
			    "in the handler");
	l1_got_nothing("the exit has taken it");
	dispatch(NMI_VECTOR);
	l1_got("by INT", NMI_VECTOR);
	expect_call(l2, 1, "and then");
	report(handled.count == 1, "the handler ran %u times in L2", handled.count);
	event_l2_free(l2);
}

static void send_nmi_then_iret(void *data)
{
	irq_disable();
	send_nmi();
	migrate_quiet();
	open_windows();
	l2_call(1);
}

/* A broken hypervisor does not load blocking by NMI at the VM entry. */
TEST(nmi_blocked_by_l1, .on = EACH_CPU, .needs = VMX,
     .about =
	     "blocking by NMI that L1 sets survives a migration in L2, and holds an NMI until L2's IRET")
{
	struct l2 *l2 = event_l2_new(send_nmi_then_iret, NULL);

	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, GUEST_INTR_STATE_NMI);
	expect_event(l2, NMI_VECTOR, NO_CODE, (u64)behind_iret, "after IRET");
	expect_call(l2, 1, "and then");
	expect_end(l2);
	event_l2_free(l2);
}
