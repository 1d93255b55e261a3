// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Interrupts and NMIs of L1's local APIC for an L2 that is migrated. See svm_event.c and
 * vmx_event.c for the manuals and for the tests that only one of them has.
 *
 * A broken hypervisor saves a running L2 as L1; takes the host's interrupt that stops a vCPU for
 * one of the guest's; or forgets that NMIs are blocked, or the NMI that waits meanwhile.
 *
 * On the command line: break=lost sends nothing.
 */
#include "libcflat.h"
#include "apic.h"
#include "x86/nested/interrupts.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

void send_low(int cpu)
{
	apic_send_ipi(cpu, LOW_VECTOR);
}

volatile bool seen;

void await_seen(void)
{
	wait_until(seen, PATIENCE_MS);
}

/* ======== from another CPU ======== */

/* On another CPU, while L2 spins on this one. */
struct sender {
	int cpu;
	void (*send)(int cpu);
	volatile u32 running, sent;
};

static void migrate_then_send(void *data)
{
	struct sender *sender = data;

	wait_until(sender->running, PATIENCE_MS);
	migrate_quiet();
	sender->sent = 1;
	if (!broken("lost"))
		sender->send(sender->cpu);
}

static void spin_until_seen(void *data)
{
	struct sender *sender = data;

	irq_disable();
	sender->running = 1;
	/* L2 waits during a migration that another CPU has asked for. */
	wait_until(sender->sent, ANSWER_DEADLINE_MS);
	await_seen();
	l2_call(1);
}

static void moved_from_outside(void (*send)(int cpu), u8 vector)
{
	struct sender sender = { .cpu = smp_id(), .send = send };
	struct l2 *l2 = event_l2_new(spin_until_seen, &sender);

	seen = false;
	l2_intercept_event(l2, vector);
	on_cpu_async(other_cpu(), migrate_then_send, &sender);
	expect_exit(l2, exit_of_event(vector), "sent by another CPU");
	report(sender.sent, "L2 did not exit before it was sent");
	take_intercepted(vector);
	l1_got("sent by another CPU", vector);
	seen = true;
	expect_call(l2, 1, "nothing is left");
	expect_end(l2);
	on_cpu_wait(other_cpu());
	event_l2_free(l2);
}

TEST(intr_from_other_cpu, .on = EACH_CPU, .needs = ALL_OF(L2, SMP),
     .about =
	     "an interrupt from another CPU exits L2 once, after a migration at any instruction of L2")
{
	moved_from_outside(send_low, LOW_VECTOR);
}

TEST(nmi_from_other_cpu, .on = EACH_CPU, .needs = ALL_OF(L2, SMP),
     .about = "an NMI from another CPU exits L2 once, after a migration at any instruction of L2")
{
	moved_from_outside(apic_send_nmi, NMI_VECTOR);
}

/* ======== NMIs that L2 takes ======== */

/* What L2's NMI handler saw. */
static struct {
	volatile u32 begun, ended, nested, early;
	bool move;
} nmi;

static void on_nmi_in_l2(struct ex_regs *regs)
{
	if (!event_in_l2(regs)) {
		l1_note(NMI_VECTOR);
		return;
	}
	nmi.nested += nmi.begun != nmi.ended;
	if (++nmi.begun == 1) {
		if (!broken("lost"))
			apic_send_nmi(smp_id());
		delay_us(EVENT_SILENCE_US);
		if (nmi.move)
			migrate_quiet();
		delay_us(EVENT_SILENCE_US);
		nmi.early = nmi.begun - 1;
	}
	nmi.ended++;
}

static void nmi_to_self_twice(void *data)
{
	apic_send_nmi(smp_id());
	wait_until(nmi.ended >= 2, PATIENCE_MS);
	delay_us(EVENT_SILENCE_US);
	l2_call(1);
}

struct l2 *new_l2_with_two_nmis(bool move)
{
	struct l2 *l2 = event_l2_new(nmi_to_self_twice, NULL);

	memset(&nmi, 0, sizeof(nmi));
	nmi.move = move;
	handle_exception(NMI_VECTOR, on_nmi_in_l2);
	event_give_l2_handler(NMI_VECTOR);
	return l2;
}

u32 nmis_begun(void)
{
	return nmi.begun;
}

void check_two_nmis(void)
{
	report(nmi.ended == 2, "%u NMIs were handled in L2, should be 2", nmi.ended);
	report(!nmi.early && !nmi.nested,
	       "none before the first one's IRET (%u before its end, %u inside another)", nmi.early,
	       nmi.nested);
}

TEST(nmi_blocked_in_l2, .on = EACH_CPU, .needs = L2,
     .about =
	     "a second NMI, pending during a migration in L2's NMI handler, comes after the handler's IRET, once")
{
	struct l2 *l2 = new_l2_with_two_nmis(true);

	expect_call(l2, 1, "two NMIs");
	check_two_nmis();
	expect_end(l2);
	event_l2_free(l2);
}
