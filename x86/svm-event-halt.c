// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An L2 on SVM that is halted while it is moved: it sleeps on the other side, too, until what
 * wakes it comes. See svm_event.c for the manual.
 *
 * A broken hypervisor saves it as one that runs, and so wakes it for nothing; restores it as a
 * halted L1, and never wakes it, or wakes L1; or forgets the timer.
 */
#include "libcflat.h"
#include "apic.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "svm-event.h"

L2_CODE(sti_hlt, (void),
	"	sti\n"
	"at_hlt:\n"
	"	hlt\n"
	"behind_hlt:\n"
	"	nop\n");
extern char at_hlt[], behind_hlt[];

/* What the other CPU does while L2 is halted here, and what it sees. */
struct waker {
	int cpu;
	void (*send)(int cpu);
	volatile u32 halting, woken, sent, early, exits, rescued;
};

static void halt_in_l2(void *data)
{
	struct waker *waker = data;

	irq_disable();
	waker->halting = 1;
	sti_hlt();
	waker->woken++;
	l2_call(1);
}

/* Moves the machine, wakes L2, and sees to it that the test ends. */
static void move_then_wake(void *data)
{
	struct waker *waker = data;

	if (!wait_until(waker->halting, EVENT_PATIENCE_MS))
		return;
	delay_us(EVENT_SILENCE_US);
	migrate_quiet();
	delay_us(EVENT_SILENCE_US);
	waker->early = waker->woken + waker->exits;
	waker->sent = 1;
	if (waker->send)
		waker->send(waker->cpu);
	if (wait_until(waker->exits, EVENT_PATIENCE_MS))
		return;
	waker->rescued = 1;
	apic_send_ipi(waker->cpu, HIGH_VECTOR);
	if (!wait_until(waker->exits, EVENT_PATIENCE_MS))
		apic_send_nmi(waker->cpu);
}

/* Enters L2, which halts; what has woken it is its next exit. */
static struct l2 *halt_across_move(struct waker *waker, void (*send)(int cpu), int intercept)
{
	struct l2 *l2 = event_l2_new(halt_in_l2, waker);

	*waker = (struct waker){ .cpu = smp_id(), .send = send };
	if (intercept) {
		l2_intercept(l2, intercept);
		l2->vmcb->control.v_intr |= V_INTR_MASKING_MASK;
	}
	on_cpu_async(other_cpu(), move_then_wake, waker);
	clgi();
	event_enter_gif_clear(l2);
	waker->exits = 1;
	return l2;
}

static void check_halt(const struct waker *waker)
{
	on_cpu_wait(other_cpu());
	report(!waker->rescued, "L2 was woken by %s",
	       waker->rescued ? "a second interrupt or NMI, and not by what was sent first"
			      : "what was sent");
	report(!waker->early, "L2 slept until it was sent (%u)", waker->early);
}

static void check_halt_end(struct l2 *l2, const struct waker *waker)
{
	expect_call(l2, 1, "woken");
	report(waker->woken == 1, "L2 went on behind HLT once (%u times)", waker->woken);
	expect_end(l2);
	event_l2_free(l2);
}

static void send_low(int cpu)
{
	apic_send_ipi(cpu, LOW_VECTOR);
}

/* Woken by what L1 intercepts. */
static void halt_and_exit(unsigned intercept, u64 exitcode, void (*send)(int cpu), u8 vector)
{
	struct waker waker;
	struct l2 *l2 = halt_across_move(&waker, send, intercept);

	exit_came(l2, exitcode, "halted");
	check_rip(l2, behind_hlt, "halted");
	report(!l1_count(), "L1 gets nothing before STGI (%u)", l1_count());
	stgi();
	l1_got("after STGI", vector);
	check_halt(&waker);
	check_halt_end(l2, &waker);
}

/* Woken by what L2 takes. */
static void halt_and_take(void (*send)(int cpu), u8 vector)
{
	struct waker waker;
	struct l2 *l2 = halt_across_move(&waker, send, 0);

	stgi();
	report(is_event(l2, vector, NO_CODE, (u64)behind_hlt), "halted: %s", what_came(l2));
	if (event_of(l2) != NO_EVENT)
		leave_event(l2);
	if (vector != NMI_VECTOR)
		eoi();
	l1_got_nothing("taken by L2");
	check_halt(&waker);
	check_halt_end(l2, &waker);
}

/*
 * A hypervisor that saves a halted L2 as one that runs wakes it for nothing; one that
 * restores it as a halted L1 never wakes it, or wakes L1.
 */
TEST(halt_intr_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an intercepted IPI wakes it by an exit, once")
{
	halt_and_exit(INTERCEPT_INTR, SVM_EXIT_INTR, send_low, LOW_VECTOR);
}

TEST(halt_intr_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an IPI that it takes wakes it, once")
{
	halt_and_take(send_low, LOW_VECTOR);
}

TEST(halt_nmi_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an intercepted NMI wakes it by an exit, once")
{
	halt_and_exit(INTERCEPT_NMI, SVM_EXIT_NMI, apic_send_nmi, NMI_VECTOR);
}

TEST(halt_nmi_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move sleeps on; an NMI that it takes wakes it, once")
{
	halt_and_take(apic_send_nmi, NMI_VECTOR);
}

/* Nobody but L1's timer wakes it, after the move or in its midst. */
static void halt_with_timer(unsigned intercept)
{
	struct waker waker = { 0 };
	struct l2 *l2;

	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	apic_start_timer(apic_timer_hz() / 10);
	if (intercept) {
		l2 = halt_across_move(&waker, NULL, intercept);
		exit_came(l2, SVM_EXIT_INTR, "halted");
		check_rip(l2, behind_hlt, "halted");
		stgi();
		l1_got("after STGI", TIMER_VECTOR);
	} else {
		l2 = halt_across_move(&waker, NULL, 0);
		stgi();
		report(is_event(l2, TIMER_VECTOR, NO_CODE, (u64)behind_hlt), "halted: %s",
		       what_came(l2));
		if (event_of(l2) != NO_EVENT)
			leave_event(l2);
		apic_stop_timer();
		eoi();
	}
	report(!apic_read(APIC_TMCCT), "the timer had expired: current count %u",
	       apic_read(APIC_TMCCT));
	/* It may have expired before the other CPU was ready: "early" says nothing. */
	on_cpu_wait(other_cpu());
	report(!waker.rescued, "L2 was woken by the timer");
	apic_cleanup_timer();
	check_halt_end(l2, &waker);
}

TEST(halt_timer_exit, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move is woken by L1's one-shot timer, with exit INTR, once")
{
	halt_with_timer(INTERCEPT_INTR);
}

TEST(halt_timer_taken, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2 halted in a move is woken by the one-shot timer that it takes, once")
{
	halt_with_timer(0);
}

/* A hypervisor that halts L1 instead, or L2 although L1 intercepts it. */
TEST(halt_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "an intercepted HLT exits; moved there, L1 skips it and injects an interrupt")
{
	struct waker waker = { 0 };
	struct l2 *l2 = event_l2_new(halt_in_l2, &waker);

	l2_intercept(l2, INTERCEPT_HLT);
	expect_exit(l2, SVM_EXIT_HLT, "HLT");
	check_rip(l2, at_hlt, "HLT");
	report(l2->vmcb->control.interrupt_shadow & SVM_INTERRUPT_SHADOW_MASK,
	       "HLT is in the shadow of STI: 0x%lx", l2->vmcb->control.interrupt_shadow);
	migrate_quiet();
	l2_skip(l2, 1);
	l2_inject(l2, SVM_EVTINJ_TYPE_INTR | LOW_VECTOR);
	expect_event(l2, LOW_VECTOR, NO_CODE, (u64)behind_hlt, "HLT skipped");
	expect_call(l2, 1, "HLT skipped");
	expect_end(l2);
	event_l2_free(l2);
}
