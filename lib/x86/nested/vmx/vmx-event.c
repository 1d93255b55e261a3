// SPDX-License-Identifier: GPL-2.0-or-later
/* Events in an L2 on VMX. See vmx-event.h and l2-event.h. */
#include "nested/vmx/vmx-event.h"
#include "apic.h"

EVENT_TRAPS("vmcall");

/*
 * Runs an IRET, which unblocks NMIs. After an exit from an NMI handler, NMIs may stay blocked in L1
 * until its next IRET (28.5.5), and on the intel lab's CPU even in other guests (docs/labs.md).
 */
static void iret(void)
{
	asm volatile("mov %%rsp, %%rax\n"
		     "	mov %%ss, %%ecx\n"
		     "	push %%rcx\n"
		     "	push %%rax\n"
		     "	pushf\n"
		     "	mov %%cs, %%ecx\n"
		     "	push %%rcx\n"
		     "	lea 1f(%%rip), %%rcx\n"
		     "	push %%rcx\n"
		     "	iretq\n"
		     "1:"
		     :
		     :
		     : "rax", "rcx", "memory", "cc");
}

/* ---- for l2-event.c ---- */

void event_begin(void)
{
	iret();
}

/* Without an EOI a late interrupt would hold back others of the same class or a lower one. */
static void end_service(void)
{
	int vectors = 0;

	for (u32 reg = APIC_ISR; reg < APIC_ISR + 8 * 0x10; reg += 0x10)
		for (u32 bits = apic_read(reg); bits; bits &= bits - 1)
			vectors++;
	report_if_failed(!vectors, "%d interrupts are left in service", vectors);
	while (vectors--)
		eoi();
}

/*
 * A hypervisor that has forgotten a pending interrupt delivers it together with the next one. So L1
 * sends itself one, and the next test begins clean.
 */
void event_end(void)
{
	end_service();
	apic_send_self_ipi(LOW_VECTOR);
	report_if_failed(wait_until(l1_count(), PATIENCE_MS),
			 "an interrupt that L1 sends itself after all this does not come");
	l1_forget();
}

void event_enter(struct l2 *l2)
{
	l2_enter(l2);
}

void leave_event(struct l2 *l2)
{
	if (event_of(l2) == NMI_VECTOR)
		iret();
	l2_skip_call(l2);
}

void event_state_text(const struct l2 *l2, char *text, size_t size)
{
	snprintf(text, size, "; interruptibility 0x%lx", vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO));
}

/* ---- checks ---- */

bool check_field(const struct l2 *l2, enum vmcs_field field, u64 mask, u64 value, const char *when)
{
	u64 is = vmx_get(l2, field);

	return report_if_failed((is & mask) == value, "%s: %s is 0x%lx, %s0x%lx should be 0x%lx",
				when, vmcs_field_name(field), is, mask == ~0ul ? "" : "of which ",
				mask == ~0ul ? is : mask, value);
}

/* ---- what differs from SVM ---- */

void l2_intercept_event(struct l2 *l2, u8 vector)
{
	vmx_set_controls(l2, PIN_BASED_VM_EXEC_CONTROL,
			 vector == NMI_VECTOR ? PIN_BASED_NMI_EXITING : PIN_BASED_EXT_INTR_MASK);
}

u64 exit_of_event(u8 vector)
{
	return vector == NMI_VECTOR ? EXIT_REASON_EXCEPTION_NMI : EXIT_REASON_EXTERNAL_INTERRUPT;
}

/* The exit has consumed an NMI. An interrupt is still pending, and comes when L1 sets IF. */
void take_intercepted(u8 vector)
{
	if (vector == NMI_VECTOR)
		dispatch(NMI_VECTOR);
}

/* ---- acknowledged by an exit ---- */

void dispatch(u8 vector)
{
	switch (vector) {
	case NMI_VECTOR:
		asm volatile("int %0" : : "i"(NMI_VECTOR) : "memory");
		break;
	case LOW_VECTOR:
		asm volatile("int %0" : : "i"(LOW_VECTOR) : "memory");
		break;
	case TIMER_VECTOR:
		asm volatile("int %0" : : "i"(TIMER_VECTOR) : "memory");
		break;
	case HIGH_VECTOR:
		asm volatile("int %0" : : "i"(HIGH_VECTOR) : "memory");
		break;
	default:
		assert_msg(false, "no INT for vector 0x%x", vector);
	}
}
