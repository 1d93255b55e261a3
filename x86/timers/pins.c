// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: an interrupt that is on its way through the IOAPIC when the host acts (Intel 82093AA data
 * sheet, 3.2.4 "I/O Redirection Table Registers"). A part of the program timers: see timers.c.
 *
 * The RTC raises its line, and lowers it when the guest reads register C. Until then it raises no
 * further interrupt. So one that is lost is the last one: the guest waits for ever. A broken
 * hypervisor restores the lines without the interrupts that they stand for, or takes the next one
 * for one that it has delivered already.
 *
 * The tests look for an interrupt that comes too seldom. Whether one comes twice they cannot tell,
 * since the RTC goes on.
 */
#include "apic.h"
#include "io.h"
#include "ioapic.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

#define PERIOD_NS   (4 * NS_PER_MS)
#define PATIENCE_MS 2000

static void check_goes_on(const char *what)
{
	u32 before = times_fired();
	bool goes_on = wait_until(times_fired() >= before + 3, PATIENCE_MS);

	report(goes_on, "%s: the RTC goes on: %u times", what, times_fired() - before);
}

TEST(rtc_waits_for_sti, .on = EACH_CPU, .needs = RTC,
     .about =
	     "an interrupt of the RTC that waits for STI during an action comes after it, and the RTC goes on")
{
	u64 flags;

	begin_watch(&rtc);
	flags = irq_save();
	rtc.start(PERIOD_NS, true);
	report_if_failed(wait_until(apic_read_bit(APIC_IRR, TIMER_VECTOR), PATIENCE_MS),
			 "the RTC's interrupt is requested");
	migrate_quiet();
	report_if_failed(!times_fired(), "the interrupt waits for STI");
	irq_restore(flags);
	report(wait_until(times_fired() >= 1, PATIENCE_MS), "the interrupt comes after STI");
	check_goes_on("requested during the action");
	end_watch();
}

static PER_CPU(bool, held);

/* The first interrupt stays in service, and its line high. */
static void hold_first(isr_regs_t *regs)
{
	if (this_cpu(held)) {
		timer_rang();
		eoi();
	} else {
		WRITE_ONCE(this_cpu(held), true);
	}
}

/*
 * A level-triggered interrupt whose line is still high at its EOI comes again. A broken hypervisor
 * does not restore that the line is high, or that the interrupt waits for the EOI.
 */
TEST(rtc_level_in_service, .on = EACH_CPU, .needs = RTC,
     .about =
	     "a level-triggered interrupt that is in service during an action comes again at its EOI if its line is still high")
{
	u64 flags;

	begin_watch(&rtc);
	this_cpu(held) = false;
	handle_irq(TIMER_VECTOR, hold_first);
	flags = irq_save();
	ioapic_route_level(ioapic_isa_pin(RTC_IRQ), smp_id(), TIMER_VECTOR);
	rtc_run(PERIOD_NS);
	irq_restore(flags);
	report_if_failed(wait_until(READ_ONCE(this_cpu(held)), PATIENCE_MS), "the RTC interrupts");
	/* A KVM that emulates instructions was seen to acknowledge each interrupt by itself. */
	if (!apic_read_bit(APIC_ISR, TIMER_VECTOR)) {
		end_watch();
		report_skip("this hypervisor's APIC has nothing in service");
		return;
	}
	migrate_quiet();
	report_if_failed(!times_fired(), "no second interrupt comes before the EOI");
	eoi();
	report(wait_until(times_fired() >= 1, PATIENCE_MS),
	       "the interrupt comes again at its EOI: its line is high");
	check_goes_on("in service during the action");
	end_watch();
}

/* What a masked pin does with an edge is not said. But the next one has to come when it is
 * unmasked. */
TEST(rtc_masked, .on = EACH_CPU, .needs = RTC,
     .about = "the RTC goes on after an action that found its line high and its pin masked")
{
	int pin = ioapic_isa_pin(RTC_IRQ);

	begin_watch(&rtc);
	rtc.start(PERIOD_NS, true);
	ioapic_mask(pin);
	delay_us(2 * PERIOD_NS / 1000);
	migrate_quiet();
	ioapic_unmask(pin);
	rtc.acknowledge();
	check_goes_on("masked during the action");
	end_watch();
}
