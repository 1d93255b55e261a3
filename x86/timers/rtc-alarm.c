// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the RTC's alarm, and its interrupt at each second (Motorola MC146818A data sheet, "Alarm
 * Interrupt", "Update Cycle" and "Register C"). A part of the program timers: see timers.c.
 *
 * The RTC interrupts when its time equals its alarm's. A broken VMM carries the alarm's time to the
 * destination, but arms no timer for it there, or arms it by the source's clock. A guest that
 * sleeps until an alarm sleeps on.
 *
 * The test sets the alarm to a second in or after the action. When the RTC tells a later second,
 * the interrupt has to be there. It goes by the RTC alone, so a wrong date makes no difference to
 * it; test rtc_date_across_move looks at that. It does not see an alarm that comes early.
 */
#include "cmos.h"
#include "ioapic.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

#define DONT_CARE   0xff
#define ALARM_FLAG  BIT(5) /* in C, and in B what enables the interrupt */
#define UPDATE_FLAG BIT(4) /* likewise */

static PER_CPU(u32, alarms);
static PER_CPU(u32, updates);

/* The read of register C lowers the line. */
static void on_rtc(isr_regs_t *regs)
{
	u8 flags = cmos_read(RTC_C);

	if (flags & ALARM_FLAG)
		WRITE_ONCE(this_cpu(alarms), this_cpu(alarms) + 1);
	if (flags & UPDATE_FLAG)
		WRITE_ONCE(this_cpu(updates), this_cpu(updates) + 1);
}

static void start_alarm(u8 second)
{
	u64 flags = irq_save();

	cmos_write(RTC_ALARM_HOUR, DONT_CARE);
	cmos_write(RTC_ALARM_MINUTE, DONT_CARE);
	cmos_write(RTC_ALARM_SECOND, rtc_in_format(second));
	cmos_read(RTC_C);
	cmos_write(RTC_B, cmos_read(RTC_B) | ALARM_FLAG);
	irq_restore(flags);
}

static void stop_alarm(void)
{
	u64 flags = irq_save();

	cmos_write(RTC_B, cmos_read(RTC_B) & ~ALARM_FLAG);
	ioapic_mask(ioapic_isa_pin(RTC_IRQ));
	cmos_read(RTC_C);
	irq_restore(flags);
}

/* Whether the RTC's time is a second after `alarm` or more, both in seconds of the day. */
static bool is_over(u64 alarm, u64 *now)
{
	u64 flags = irq_save();
	bool read = rtc_read(now);

	irq_restore(flags);
	return read && (*now + SECONDS_PER_DAY - alarm) % SECONDS_PER_DAY - 1 < SECONDS_PER_DAY / 2;
}

/*
 * One second more than an action takes, or three, so that the alarm is due in the downtime or after
 * it.
 */
static u64 seconds_ahead(void)
{
	return 2 + action_ns() / NS_PER_SECOND + (smp_id() + current_round()) % 2 * 2;
}

TEST(rtc_alarm_due, .on = EACH_CPU, .needs = RTC,
     .about = "the RTC's alarm interrupts when its time has come, during an action or after it")
{
	u8 hour = cmos_read(RTC_ALARM_HOUR), minute = cmos_read(RTC_ALARM_MINUTE),
	   second = cmos_read(RTC_ALARM_SECOND);
	u64 now = 0, ahead = seconds_ahead(), alarm;

	this_cpu(alarms) = 0;
	handle_irq_eoi(TIMER_VECTOR, on_rtc);
	ioapic_route_edge(ioapic_isa_pin(RTC_IRQ), smp_id(), TIMER_VECTOR);
	report_if_failed(wait_until(rtc_read(&now), PATIENCE_MS), "the RTC tells the time");
	alarm = (now + ahead) % SECONDS_PER_DAY;
	start_alarm(alarm % 60);
	migrate_quiet();
	/*
	 * An RTC that stood still was seen once, in a lab; the cause is unknown. No alarm was due.
	 */
	if (wait_in_full(is_over(alarm, &now), PATIENCE_MS + ahead * 1000))
		report(wait_until(READ_ONCE(this_cpu(alarms)), PATIENCE_MS),
		       "CPU %d: the RTC is at second %lu of the day, and its alarm at %lu has interrupted %u times",
		       smp_id(), now, alarm, READ_ONCE(this_cpu(alarms)));
	else
		report_skip(
			"the RTC stands still at second %lu of the day, before its alarm at %lu; register A is 0x%x, B is 0x%x",
			now, alarm, cmos_read(RTC_A), cmos_read(RTC_B));
	stop_alarm();
	unhandle_irq(TIMER_VECTOR);
	cmos_write(RTC_ALARM_SECOND, second);
	cmos_write(RTC_ALARM_MINUTE, minute);
	cmos_write(RTC_ALARM_HOUR, hour);
}

static void want_updates(bool wanted)
{
	u64 flags = irq_save();
	u8 b = cmos_read(RTC_B) & ~UPDATE_FLAG;

	cmos_read(RTC_C);
	cmos_write(RTC_B, wanted ? b | UPDATE_FLAG : b);
	irq_restore(flags);
}

/*
 * The same interrupt line, and a timer of its own in most VMMs: a broken one carries the enable bit
 * and not the timer. It does not see updates that come too often, or at another time.
 */
TEST(rtc_updates_go_on, .on = EACH_CPU, .needs = RTC,
     .about = "the RTC's interrupt at the end of each update comes before and after an action")
{
	u64 now = 0, then;
	u32 before;

	this_cpu(updates) = 0;
	handle_irq_eoi(TIMER_VECTOR, on_rtc);
	ioapic_route_edge(ioapic_isa_pin(RTC_IRQ), smp_id(), TIMER_VECTOR);
	want_updates(true);
	report_if_failed(wait_until(READ_ONCE(this_cpu(updates)), PATIENCE_MS),
			 "the RTC did not interrupt before the action");
	migrate_quiet();
	before = READ_ONCE(this_cpu(updates));
	report_if_failed(wait_until(rtc_read(&now), PATIENCE_MS), "the RTC tells the time");
	then = now;
	if (wait_in_full(is_over(then, &now), PATIENCE_MS))
		report(wait_until(READ_ONCE(this_cpu(updates)) != before, PATIENCE_MS),
		       "CPU %d: the RTC has gone from second %lu to %lu of the day, and interrupted %u times",
		       smp_id(), then, now, READ_ONCE(this_cpu(updates)) - before);
	else
		report_skip("the RTC stands still at second %lu of the day", now);
	want_updates(false);
	ioapic_mask(ioapic_isa_pin(RTC_IRQ));
	unhandle_irq(TIMER_VECTOR);
}
