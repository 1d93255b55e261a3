// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events that wait while GIF is clear (15.17): between CLGI and STGI, or between #VMEXIT and STGI.
 * See svm_event.c.
 *
 * A broken hypervisor restores the guest with GIF set, or forgets an event that waits for GIF. Or
 * it forgets that GIF is set.
 */
#include "libcflat.h"
#include "apic.h"
#include "processor.h"
#include "x86/nested/held-init.h"
#include "x86/nested/interrupts.h"
#include "x86/svm_event/svm_event.h"

static void do_nothing(void *data)
{
}

/* Clears GIF, makes an NMI and two interrupts pending, and migrates. Returns an L2. */
static struct l2 *pend_with_gif_clear(void)
{
	struct l2 *l2 = event_l2_new(do_nothing, NULL);

	clgi();
	pend(LOW_VECTOR);
	pend(HIGH_VECTOR);
	send_nmi();
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	return l2;
}

/*
 * A hypervisor that restores a guest with GIF set lets the events in at once. One that forgets what
 * waited for GIF loses them.
 */
TEST(gif_holds_events, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an NMI and two interrupts wait through a migration between CLGI and STGI, and come once each: the NMI at STGI, the interrupts at STI")
{
	struct l2 *l2 = pend_with_gif_clear();

	check_pending(LOW_VECTOR, "before STGI");
	check_pending(HIGH_VECTOR, "before STGI");
	irq_disable();
	stgi();
	l1_got("after STGI, interrupts off", NMI_VECTOR);
	check_pending(LOW_VECTOR, "interrupts off");
	check_pending(HIGH_VECTOR, "interrupts off");
	irq_enable();
	l1_got("interrupts on", HIGH_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
}

TEST(gif_holds_events_if_set, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an NMI and two interrupts wait through a migration between CLGI and STGI, and come at STGI by priority if interrupts are on")
{
	struct l2 *l2 = pend_with_gif_clear();

	stgi();
	l1_got("after STGI", NMI_VECTOR, HIGH_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
}

/* A hypervisor that restores L1 with GIF clear gives it no event until L1 has run an L2. */
TEST(gif_stays_set, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an interrupt and an NMI that L1 sends to itself come after a migration in L1, with GIF set")
{
	struct l2 *l2 = event_l2_new(do_nothing, NULL);

	migrate_quiet();
	apic_send_self_ipi(LOW_VECTOR);
	l1_got("an interrupt, with GIF set", LOW_VECTOR);
	send_nmi();
	l1_got("an NMI, with GIF set", NMI_VECTOR);
	/* Otherwise an event that did not come would come in L2. */
	stgi();
	expect_end(l2);
	event_l2_free(l2);
}

/* The timer counts while GIF is clear; only its interrupt waits. */
TEST(gif_holds_timer, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an APIC timer that expires between CLGI and STGI, with a migration there, interrupts after STGI")
{
	struct l2 *l2 = event_l2_new(do_nothing, NULL);

	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	clgi();
	apic_start_timer(apic_timer_hz() / 100);
	migrate_quiet();
	report(wait_until(vector_is_pending(TIMER_VECTOR), PATIENCE_MS),
	       "the timer expires while GIF is clear");
	report(!l1_count(), "nothing comes before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", TIMER_VECTOR);
	apic_cleanup_timer();
	expect_end(l2);
	event_l2_free(l2);
}

/*
 * An exit that leaves GIF set lets both events in at once. What is pending at VMRUN exits in the
 * order of priority, and exits again until L1 sets GIF.
 */
TEST(gif_clear_after_exit, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an NMI and an interrupt that are pending in a migration between #VMEXIT and STGI come after STGI, once each")
{
	struct l2 *l2 = event_l2_new(call_once, NULL);
	u64 rip;

	svm_set_intercept(l2, INTERCEPT_INTR);
	svm_set_intercept(l2, INTERCEPT_NMI);
	l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	clgi();
	svm_enter_gif_clear(l2);
	call_came(l2, 1, "with nothing pending");
	rip = l2->vmcb->save.rip;
	pend(LOW_VECTOR);
	send_nmi();
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	svm_enter_gif_clear(l2);
	exit_came(l2, SVM_EXIT_NMI, "VMRUN with both pending");
	check_rip(l2, (void *)rip, "no instruction of L2 ran");
	report(!l1_count(), "nothing comes between #VMEXIT and STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", NMI_VECTOR, LOW_VECTOR);
	expect_end(l2);
	event_l2_free(l2);
}

static void enable_and_clgi(void)
{
	svm_enable();
	clgi();
}

static const struct init_holder gif = { enable_and_clgi, stgi, "with GIF clear", "STGI" };

TEST(gif_holds_init, .needs = ALL_OF(SVM, SMP),
     .about =
	     "an INIT that is sent to a CPU between CLGI and STGI waits through a migration, and stops the CPU after STGI")
{
	check_held_init(&gif);
}
