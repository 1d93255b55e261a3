// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: an interrupt that is on its way through the IOAPIC when the host acts (Intel 82093AA data
 * sheet, 3.2.4 "I/O Redirection Table Registers"). A part of the program timers: see timers.c.
 *
 * The RTC raises its line, and lowers it when the guest reads register C. Until then it raises no
 * further interrupt. So after a lost interrupt no other comes, and the guest waits for ever. A
 * broken hypervisor restores the lines without the pending interrupts, or takes the next interrupt
 * for one that it has delivered already.
 *
 * The tests see an interrupt that is lost. They do not see one that comes twice, since the RTC goes
 * on.
 */
#include "apic.h"
#include "argument.h"
#include "io.h"
#include "ioapic.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

#define PERIOD_NS (4 * NS_PER_MS)

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
 * does not restore the line's level, or forgets that the interrupt waits for the EOI.
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
	/*
	 * A KVM that emulated every instruction has been seen to acknowledge each interrupt itself.
	 */
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

static PER_CPU(u32, came);

/* The next interrupt waits already when the handler returns, so this many come in a row. */
#define IN_A_ROW 8

static void take_and_end(isr_regs_t *regs)
{
	u32 count = this_cpu(came) + 1;

	WRITE_ONCE(this_cpu(came), count);
	eoi();
	if (count % IN_A_ROW == 0)
		regs->rflags &= ~X86_EFLAGS_IF;
}

/* A KVM that emulates instructions does not look for interrupts at each of them. */
#define WINDOW_TURNS 100

static void open_window(void)
{
	u32 before = this_cpu(came);

	irq_enable();
	for (int turn = 0; turn < WINDOW_TURNS && READ_ONCE(this_cpu(came)) == before; turn++)
		pause();
	irq_disable();
}

#define ACTIONS_OF_STORM 8

/*
 * Nobody answers the RTC, so its line stays high, and each EOI brings the next interrupt. A broken
 * hypervisor loses an EOI that the IOAPIC has not been told of yet. Then the IOAPIC waits for it
 * for ever.
 */
TEST(rtc_level_again, .needs = RTC,
     .about =
	     "a level-triggered interrupt whose line stays high comes again after each EOI, also in an action")
{
	int pin = ioapic_isa_pin(RTC_IRQ);
	u64 flags = irq_save();
	u32 before = 0;
	bool again = true;

	begin_watch(&rtc);
	this_cpu(came) = 0;
	handle_irq(TIMER_VECTOR, take_and_end);
	ioapic_route_level(pin, smp_id(), TIMER_VECTOR);
	rtc_run(PERIOD_NS);
	for (u64 left = argument_number("actions", ACTIONS_OF_STORM); again && left; left--) {
		migrate_quiet_while(open_window);
		before = this_cpu(came);
		again = wait_until((open_window(), this_cpu(came) >= before + 3), PATIENCE_MS);
	}
	report(again,
	       "the line is high, and the interrupt comes again after each EOI: %u times until the action had ended, %u times since; the IOAPIC's Remote IRR is %d",
	       before, this_cpu(came) - before, !!(ioapic_read_entry(pin) & IOAPIC_REMOTE_IRR));
	/* An interrupt that was sent already comes before the handler is removed. */
	ioapic_mask(pin);
	irq_restore(flags);
	end_watch();
}

/*
 * The data sheet does not say what a masked pin does with an edge. But the next edge has to
 * interrupt once the pin is unmasked.
 */
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
