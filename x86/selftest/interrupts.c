// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: interrupts and the APIC timer (Intel SDM volume 3, "Advanced Programmable Interrupt
 * Controller (APIC)"). A part of the program selftest: see selftest.c.
 */
#include "apic.h"
#include "isr.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "x86/selftest/selftest.h"

static void count_and_eoi(isr_regs_t *regs)
{
	this_cpu(arrived)++;
	eoi();
}

static PER_CPU(bool, was_in_service);

static void count_and_look(isr_regs_t *regs)
{
	this_cpu(was_in_service) = apic_read_bit(APIC_ISR, regs->vector);
	this_cpu(arrived)++;
}

/*
 * A broken hypervisor loses the in-service register, and lets a second interrupt of the same class
 * through before the first one's EOI. If nothing is ever in service, the library's two kinds of
 * handlers look alike, and the test skips the rest. A KVM that emulated every instruction has been
 * seen to end each interrupt by itself.
 */
TEST(eoi_kinds, .on = EACH_CPU,
     .about = "an interrupt is in service until its EOI, which the library or the handler sends")
{
	this_cpu(arrived) = 0;
	handle_irq_eoi(VECTOR_A, count_arrival);
	apic_send_self_ipi(VECTOR_A);
	report(arrives(1) && !apic_read_bit(APIC_ISR, VECTOR_A),
	       "the library's EOI ends the interrupt");

	handle_irq(VECTOR_A, count_and_eoi);
	apic_send_self_ipi(VECTOR_A);
	report(arrives(2) && !apic_read_bit(APIC_ISR, VECTOR_A),
	       "the handler's EOI ends the interrupt");

	handle_irq(VECTOR_A, count_and_look);
	apic_send_self_ipi(VECTOR_A);
	report(arrives(3), "an interrupt comes to a handler without EOI");
	if (!this_cpu(was_in_service)) {
		eoi();
		unhandle_irq(VECTOR_A);
		report_skip("this hypervisor's APIC shows nothing in service in a handler");
		return;
	}
	report(apic_read_bit(APIC_ISR, VECTOR_A), "without EOI it stays in service");
	apic_send_self_ipi(VECTOR_A);
	delay_us(200);
	report(READ_ONCE(this_cpu(arrived)) == 3 && apic_read_bit(APIC_IRR, VECTOR_A),
	       "a second one waits");
	eoi();
	report(arrives(4), "the second one comes after the EOI");
	eoi();
	report(!apic_read_bit(APIC_ISR, VECTOR_A) && !apic_read_bit(APIC_IRR, VECTOR_A),
	       "nothing is in service or waits in the end");
	unhandle_irq(VECTOR_A);
}

TEST(interrupt_flag, .on = EACH_CPU,
     .about = "an interrupt waits while interrupts are off, and while the task priority is high")
{
	this_cpu(arrived) = 0;
	handle_irq_eoi(VECTOR_A, count_arrival);
	irq_disable();
	apic_send_self_ipi(VECTOR_A);
	delay_us(200);
	report(!this_cpu(arrived) && apic_read_bit(APIC_IRR, VECTOR_A),
	       "the interrupt waits for STI");
	irq_enable();
	report(arrives(1), "the interrupt comes with STI");

	apic_set_tpr(VECTOR_A & 0xf0);
	apic_send_self_ipi(VECTOR_A);
	delay_us(200);
	report(READ_ONCE(this_cpu(arrived)) == 1 && read_cr8() == VECTOR_A >> 4,
	       "the interrupt waits for a lower priority");
	apic_set_tpr(0);
	report(arrives(2), "the interrupt comes with a lower priority");
	unhandle_irq(VECTOR_A);
}

/* Sends three self-IPIs in the mode that the local APIC is in. */
static void check_mode(const char *name)
{
	this_cpu(arrived) = 0;
	report(apic_id() == cpu_apic_id(smp_id()), "%s: APIC id %u", name, apic_id());
	for (int i = 1; i <= 3; i++) {
		apic_send_self_ipi(VECTOR_B);
		report_if_failed(arrives(i), "%s: self-IPI %d", name, i);
	}
	report(this_cpu(arrived) == 3, "%s: three self-IPIs", name);
}

TEST(apic_modes, .on = EACH_CPU, .needs = X2APIC,
     .about = "interrupts arrive in xAPIC and in x2APIC mode, after changes in both directions")
{
	bool began_x2apic = is_x2apic_enabled();

	handle_irq_eoi(VECTOR_B, count_arrival);
	/* An APIC ID above 254 does not fit into xAPIC mode. */
	if (cpu_apic_id(smp_id()) < 0xff) {
		enable_xapic();
		report(!is_x2apic_enabled(), "xAPIC mode is on");
		check_mode("xAPIC");
	}
	report(enable_x2apic() && is_x2apic_enabled(), "x2APIC mode is on");
	check_mode("x2APIC");
	if (cpu_apic_id(smp_id()) < 0xff) {
		enable_xapic();
		check_mode("xAPIC again");
	}
	if (began_x2apic)
		enable_x2apic();
	unhandle_irq(VECTOR_B);
}

/* ---- timers ---- */

#define TIMER_VECTOR 0x50

/*
 * A broken hypervisor fires the timer early, twice, or not at all. How late the timer is does not
 * matter, since a busy host is late. The time source tells whether the timer is early. The
 * tolerance is half of the time, because the same time source has measured the timer's frequency.
 */
TEST(apic_timer_oneshot, .on = EACH_CPU, .about = "a one-shot APIC timer fires once, and not early")
{
	u32 count = apic_timer_hz() / 200;
	struct stopwatch watch;
	u64 ns;

	this_cpu(arrived) = 0;
	handle_irq_eoi(TIMER_VECTOR, count_arrival);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_ONESHOT);
	stopwatch_start(&watch);
	apic_start_timer(count);
	report(arrives(1), "the timer fires");
	ns = stopwatch_ns(&watch);
	report(ns >= 2500000, "it fires after %lu ns, armed for 5000000", ns);
	delay_us(12000);
	report(this_cpu(arrived) == 1 && !apic_read(APIC_TMCCT), "the timer fires only once");
	apic_cleanup_timer();
	unhandle_irq(TIMER_VECTOR);
}

TEST(apic_timer_periodic, .on = EACH_CPU,
     .about = "a periodic APIC timer fires again and again until it is stopped")
{
	int seen;

	this_cpu(arrived) = 0;
	handle_irq_eoi(TIMER_VECTOR, count_arrival);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_PERIODIC);
	apic_start_timer(MAX(apic_timer_hz() / 500, 1ul));
	report(wait_until(READ_ONCE(this_cpu(arrived)) >= 5, ARRIVAL_MS),
	       "the timer fires five times: %d", this_cpu(arrived));
	apic_cleanup_timer();
	/* One interrupt may have been on its way. */
	delay_us(1000);
	seen = READ_ONCE(this_cpu(arrived));
	delay_us(8000);
	report(READ_ONCE(this_cpu(arrived)) == seen, "the timer is stopped after %d interrupts",
	       seen);
	unhandle_irq(TIMER_VECTOR);
}

TEST(apic_timer_tsc_deadline, .on = EACH_CPU, .needs = TSC_DEADLINE,
     .about = "a TSC-deadline timer fires once, when the TSC has passed the deadline")
{
	struct host_time before = { 0 }, after = { 0 };
	u64 deadline, earliest, seen;

	this_cpu(arrived) = 0;
	handle_irq_eoi(TIMER_VECTOR, count_arrival);
	apic_setup_timer(TIMER_VECTOR, APIC_LVT_TIMER_TSCDEADLINE);
	host_time(&before);
	deadline = rdtsc_ordered() + tsc_hz() / 200;
	earliest = apic_arm_deadline(deadline);
	report(arrives(1), "the timer fires");
	seen = rdtsc_ordered();
	host_time(&after);
	/*
	 * KVM arms the timer again while an action holds the guest, so it may be early by that
	 * time.
	 */
	earliest -= mul_div(tsc_hz(), after.pause_max - before.pause_max, 1000000000);
	report(seen >= earliest, "not early: at 0x%lx, armed for 0x%lx", seen, deadline);
	report(!rdmsr(MSR_IA32_TSC_DEADLINE), "the deadline is 0 afterwards");
	delay_us(2000);
	report(this_cpu(arrived) == 1, "the timer fires only once");
	apic_cleanup_timer();
	unhandle_irq(TIMER_VECTOR);
}
