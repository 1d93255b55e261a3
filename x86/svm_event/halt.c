// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An L2 on SVM that has halted is migrated. It must stay asleep on the destination until an event
 * wakes it. See svm_event.c for the manual, and x86/nested/wake.h for how it is woken.
 *
 * A broken hypervisor restores L2 running, so that it wakes for nothing; restores L1 as halted, so
 * that L2 never wakes, or L1 wakes instead; or forgets the timer.
 *
 * Or it restores L2 in an interrupt shadow that has ended before L2 halted, and holds back what
 * should wake it.
 *
 * On the command line: with break=awake, L2 does not halt. x86/nested/wake.c has break=early.
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/nested/interrupts.h"
#include "x86/nested/wake.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "nested/svm/svm-event.h"

L2_CODE(sti_hlt, (void),
	"	sti\n"
	"at_hlt:\n"
	"	hlt\n"
	"behind_hlt:\n"
	"	nop\n");
extern char at_hlt[], behind_hlt[];

/* Here HLT is not in the shadow of STI. */
L2_CODE(sti_nop_hlt, (void),
	"	sti\n"
	"	nop\n"
	"at_late_hlt:\n"
	"	hlt\n"
	"behind_late_hlt:\n"
	"	nop\n");
extern char at_late_hlt[], behind_late_hlt[];

/* An L2 that halts, and what woke it. */
struct halting {
	struct waker waker;
	u32 timer; /* L2 starts the APIC timer with this count; 0: it does not */
	void (*halt)(void);
	volatile u32 woken;
};

static void halt_in_l2(void *data)
{
	struct halting *halting = data;

	/* From here to HLT no interrupt gets in, however slow the host is (but see sti_nop_hlt()).
	 */
	irq_disable();
	if (halting->timer)
		apic_start_timer(halting->timer);
	halting->waker.sleeping = 1;
	if (!broken("awake"))
		halting->halt();
	halting->woken++;
	l2_call(1);
}

/*
 * Enters L2, which starts the timer if TIMER is not 0, and halts. Its next exit is for what has
 * woken it. GIF is still clear then.
 */
static struct l2 *halt_across_migration(struct halting *halting, void (*send)(int cpu), u32 timer,
					u8 intercepted)
{
	struct l2 *l2 = event_l2_new(halt_in_l2, halting);

	*halting = (struct halting){ .waker.send = send, .timer = timer, .halt = sti_hlt };
	if (intercepted)
		l2_intercept_event(l2, intercepted);
	wake_after_migration(&halting->waker);
	clgi();
	event_enter_gif_clear(l2);
	halting->waker.exits = 1;
	return l2;
}

static void check_halt_end(struct l2 *l2, const struct halting *halting)
{
	expect_call(l2, 1, "woken");
	report(halting->woken == 1, "L2 went on after HLT once (%u times)", halting->woken);
	expect_end(l2);
	event_l2_free(l2);
}

/* L2 is woken by an event that L1 intercepts. */
static void halt_and_exit(void (*send)(int cpu), u8 vector)
{
	struct halting halting;
	struct l2 *l2 = halt_across_migration(&halting, send, 0, vector);

	exit_came(l2, exit_of_event(vector), "halted");
	check_rip(l2, behind_hlt, "halted");
	report(!l1_count(), "L1 gets nothing before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", vector);
	check_wake(&halting.waker);
	check_halt_end(l2, &halting);
}

/* L2 is woken by an event that it takes. */
static void halt_and_take(void (*send)(int cpu), u8 vector)
{
	struct halting halting;
	struct l2 *l2 = halt_across_migration(&halting, send, 0, 0);

	stgi();
	event_came(l2, vector, NO_CODE, (u64)behind_hlt, "halted");
	if (vector != NMI_VECTOR)
		eoi();
	l1_got_nothing("taken by L2");
	check_wake(&halting.waker);
	check_halt_end(l2, &halting);
}

/*
 * A hypervisor that restores a halted L2 running wakes it for nothing. One that restores L1 as
 * halted never wakes L2, or wakes L1.
 */
TEST(halt_intr_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about =
	     "a halted L2 sleeps on through a migration, and an intercepted IPI wakes it by an exit, once")
{
	halt_and_exit(send_low, LOW_VECTOR);
}

TEST(halt_intr_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "a halted L2 sleeps on through a migration, and an IPI that it takes wakes it, once")
{
	halt_and_take(send_low, LOW_VECTOR);
}

TEST(halt_nmi_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about =
	     "a halted L2 sleeps on through a migration, and an intercepted NMI wakes it by an exit, once")
{
	halt_and_exit(apic_send_nmi, NMI_VECTOR);
}

TEST(halt_nmi_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "a halted L2 sleeps on through a migration, and an NMI that it takes wakes it, once")
{
	halt_and_take(apic_send_nmi, NMI_VECTOR);
}

/*
 * An interrupt may come between STI and HLT if L2 does not get that far while the guest is
 * migrated. Then L2 must not halt any more, since nothing would wake it.
 */
static bool came_too_early(const struct l2 *l2)
{
	struct event_frame *frame = (struct event_frame *)event_frame_of(l2);

	if (event_of(l2) != LOW_VECTOR || frame->rip != (u64)at_late_hlt)
		return false;
	frame->rip = (u64)behind_late_hlt;
	report_skip("the interrupt came before L2 halted");
	return true;
}

/*
 * A hypervisor that takes INTERRUPT_SHADOW from the VMCB as L1 has written it, and not from the
 * CPU, restores L2 in a shadow. In HLT no instruction ends it, so the interrupt waits for ever.
 */
TEST(halt_after_shadow, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about =
	     "L2 that was entered in an interrupt shadow, and halts later, is woken by an IPI after a migration")
{
	struct halting halting = { .waker.send = send_low, .halt = sti_nop_hlt };
	struct l2 *l2 = event_l2_new(halt_in_l2, &halting);

	l2->vmcb->control.interrupt_shadow |= SVM_INTERRUPT_SHADOW_MASK;
	wake_after_migration(&halting.waker);
	clgi();
	event_enter_gif_clear(l2);
	halting.waker.exits = 1;
	stgi();
	report(!(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK),
	       "INTERRUPT_SHADOW is clear in the handler: 0x%lx",
	       l2->vmcb->control.interrupt_shadow);
	if (!came_too_early(l2))
		event_came(l2, LOW_VECTOR, NO_CODE, (u64)behind_late_hlt, "halted");
	else
		leave_event(l2);
	eoi();
	l1_got_nothing("taken by L2");
	check_wake(&halting.waker);
	check_halt_end(l2, &halting);
}

/* Only L1's timer wakes L2, during the migration or after it. */
static void halt_with_timer(bool intercepted)
{
	struct halting halting;
	struct l2 *l2;

	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	l2 = halt_across_migration(&halting, NULL, apic_timer_hz() / 10,
				   intercepted ? TIMER_VECTOR : 0);
	if (intercepted) {
		exit_came(l2, SVM_EXIT_INTR, "halted");
		check_rip(l2, behind_hlt, "halted");
		stgi();
		l1_got("after STGI", TIMER_VECTOR);
	} else {
		stgi();
		event_came(l2, TIMER_VECTOR, NO_CODE, (u64)behind_hlt, "halted");
		apic_stop_timer();
		eoi();
	}
	report(!apic_read(APIC_TMCCT), "the timer had expired: current count %u",
	       apic_read(APIC_TMCCT));
	/* L2 may have been woken before the other CPU was ready, so waker.early is not checked. */
	on_cpu_wait(other_cpu());
	report(!halting.waker.rescued, "L2 was woken by the timer");
	apic_cleanup_timer();
	check_halt_end(l2, &halting);
}

TEST(halt_timer_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "a halted L2 that is migrated is woken by L1's one-shot timer, by exit INTR, once")
{
	halt_with_timer(true);
}

TEST(halt_timer_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about =
	     "a halted L2 that is migrated is woken by L1's one-shot timer, whose interrupt it takes, once")
{
	halt_with_timer(false);
}

/* A broken hypervisor halts L1 instead, or halts L2 although L1 intercepts HLT. */
TEST(halt_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an intercepted HLT exits; after a migration there, L1 skips it and injects an interrupt")
{
	struct halting halting = { .halt = sti_hlt };
	struct l2 *l2 = event_l2_new(halt_in_l2, &halting);

	svm_set_intercept(l2, INTERCEPT_HLT);
	expect_exit(l2, SVM_EXIT_HLT, "HLT");
	check_rip(l2, at_hlt, "HLT");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "HLT is in the shadow of STI: 0x%lx", l2->vmcb->control.interrupt_shadow);
	migrate_quiet();
	svm_skip(l2, 1);
	svm_inject(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_hlt, "HLT skipped");
	expect_call(l2, 1, "HLT skipped");
	expect_end(l2);
	event_l2_free(l2);
}
