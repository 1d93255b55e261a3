// SPDX-License-Identifier: GPL-2.0-or-later
/* Events in an L2 on SVM. See svm-event.h and l2-event.h. */
#include "nested/svm/svm-event.h"
#include "cpuid.h"
#include "percpu.h"
#include "processor.h"

/* How many interrupts came to L2 a second time before their handler's first instruction. */
static PER_CPU(u32, doubled);

EVENT_TRAPS("vmmcall");

/* Whether the event has interrupted its own handler at the first instruction. */
static bool came_twice(const struct l2 *l2)
{
	int vector = event_of(l2);

	return vector >= 32 && event_frame_of(l2)->rip == (u64)event_traps[vector] &&
	       !(event_frame_of(l2)->rflags & X86_EFLAGS_IF);
}

/* Counts a second delivery, and returns from it into the first one's handler. */
void event_enter_gif_clear(struct l2 *l2)
{
	svm_enter_gif_clear(l2);
	while (came_twice(l2)) {
		this_cpu(doubled)++;
		leave_event(l2);
		svm_enter_gif_clear(l2);
	}
}

/* ---- for l2-event.c ---- */

void event_begin(void)
{
	this_cpu(doubled) = 0;
}

void event_end(void)
{
	if (this_cpu(doubled))
		report_xfail(is_tcg(), false,
			     "L2 got %u interrupts twice, before their handler's first instruction",
			     this_cpu(doubled));
}

void event_enter(struct l2 *l2)
{
	clgi();
	event_enter_gif_clear(l2);
	stgi();
}

void leave_event(struct l2 *l2)
{
	l2_skip_call(l2);
}

void event_state_text(const struct l2 *l2, char *text, size_t size)
{
	snprintf(text, size, ", V_INTR 0x%lx, EVENTINJ 0x%lx", l2->vmcb->control.v_intr,
		 l2->vmcb->control.eventinj);
}

/* ---- what differs from VMX ---- */

void l2_intercept_event(struct l2 *l2, u8 vector)
{
	svm_set_intercept(l2, vector == NMI_VECTOR ? INTERCEPT_NMI : INTERCEPT_INTR);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
}

u64 exit_of_event(u8 vector)
{
	return vector == NMI_VECTOR ? SVM_EXIT_NMI : SVM_EXIT_INTR;
}

/* L1 has taken the event already, at STGI after the exit. */
void take_intercepted(u8 vector)
{
}

/* ---- checks ---- */

bool check_virq(const struct l2 *l2, bool pending, const char *when)
{
	return report(!!(l2->vmcb->control.v_intr & V_IRQ_MASK) == pending,
		      "%s: V_IRQ is %s: V_INTR 0x%lx", when, pending ? "still set" : "clear",
		      l2->vmcb->control.v_intr);
}
