// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: counters that tell the time: the ACPI PM timer (ACPI Specification 4.8.3.3), the HPET's
 * main counter (IA-PC HPET Specification 1.0a, 2.3.7) and the RTC's date (MC146818A data sheet). A
 * part of the program timers: see timers.c.
 *
 * A broken VMM does not carry a counter's value or offset in a live migration, adds the downtime
 * twice, or goes on from the host's time. The library's deadlines use the PM timer, so no other
 * test sees that it is wrong. The tests compare each with the host's clock (elapsed.h).
 */
#include "clock-rate.h"
#include "cmos.h"
#include "elapsed.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

static struct clock_reading first_reading, last_reading;

static void check_across_action(u64 (*now)(void), const char *name)
{
	take_clock_reading(&first_reading, now, name, 0);
	migrate_quiet_while(look_now_and_then);
	take_clock_reading(&last_reading, now, name, 0);
	check_clock_elapsed(&first_reading, &last_reading, name);
}

/* ---- PM timer ---- */

/* It wraps every 4.7 seconds. All CPUs look at one stopwatch, one after the other. */
static struct stopwatch pm_watch;

static u64 pm_now(void)
{
	return stopwatch_ns(&pm_watch);
}

static void look_at_pm(void)
{
	static u32 turns;

	if (turns++ % 64 == 0)
		pm_now();
}

FEATURE(PM_TIMER, "the ACPI PM timer")
{
	return !strcmp(time_source_name(), "acpi_pm");
}

TEST(pm_timer_across_move, .needs = ALL_OF(HOST_ANSWERS, PM_TIMER),
     .about =
	     "the ACPI PM timer advances in an action as far as the host's clock, or stands still in the downtime")
{
	stopwatch_start(&pm_watch);
	take_clock_reading(&first_reading, pm_now, "acpi_pm", 0);
	migrate_quiet_while(look_at_pm);
	take_clock_reading(&last_reading, pm_now, "acpi_pm", 0);
	check_clock_elapsed(&first_reading, &last_reading, "the PM timer");
}

/* ---- HPET ---- */

TEST(hpet_counter_across_move, .needs = ALL_OF(HOST_ANSWERS, HPET),
     .about =
	     "the HPET's counter advances in an action as far as the host's clock, or stands still in the downtime")
{
	hpet_count();
	check_across_action(hpet_now, "hpet");
}

/* ---- RTC ---- */

#define RTC_UPDATING BIT(7) /* in register A */
#define RTC_24_HOURS BIT(1)

static u64 number(u8 value, u8 format)
{
	return format & RTC_BINARY ? value : (value >> 4) * 10u + (value & 0xf);
}

u8 rtc_in_format(u8 number)
{
	return cmos_read(RTC_B) & RTC_BINARY ? number : number / 10 << 4 | number % 10;
}

bool rtc_read(u64 *seconds)
{
	u8 format = cmos_read(RTC_B), second;

	if (cmos_read(RTC_A) & RTC_UPDATING)
		return false;
	second = cmos_read(RTC_SECONDS);
	*seconds = number(cmos_read(RTC_HOURS), format) * 3600 +
		   number(cmos_read(RTC_MINUTES), format) * 60 + number(second, format);
	return cmos_read(RTC_SECONDS) == second && !(cmos_read(RTC_A) & RTC_UPDATING);
}

/* By how many seconds the RTC is ahead of the host's clock: at least, and at most. */
struct ahead {
	s64 least, most;
	bool read;
};

static struct ahead look_at_date(void)
{
	struct host_time before, after;
	struct ahead ahead;
	u64 seconds = 0;

	host_time(&before);
	ahead.read = wait_until(rtc_read(&seconds), PATIENCE_MS);
	host_time(&after);
	ahead.least = (s64)seconds - (s64)(after.realtime / NS_PER_SECOND % SECONDS_PER_DAY) - 1;
	ahead.most = (s64)seconds - (s64)(before.realtime / NS_PER_SECOND % SECONDS_PER_DAY) + 1;
	return ahead;
}

/* The two clocks do not begin a new day at the same moment. */
static bool fits(s64 least, s64 most)
{
	for (s64 day = -SECONDS_PER_DAY; day <= SECONDS_PER_DAY; day += SECONDS_PER_DAY)
		if (least + day <= 0 && most + day >= 0)
			return true;
	return false;
}

/*
 * The RTC of a machine goes on while the machine is off, so it does not stand still in the
 * downtime. QEMU's RTC is set by the host's clock, but may have an offset, which has to stay.
 */
static void check_date_across_action(void)
{
	struct ahead before, after;
	struct host_time begin, end;
	s64 held;

	host_time(&begin);
	before = look_at_date();
	migrate_quiet();
	after = look_at_date();
	host_time(&end);
	held = (end.pause_max - begin.pause_max) / NS_PER_SECOND + 1;
	report(before.read && after.read &&
		       fits(after.least - before.most, after.most - before.least + held),
	       "the RTC was %ld to %ld s ahead of the host's clock, and is %ld to %ld s ahead after an action",
	       before.least, before.most, after.least, after.most);
}

TEST(rtc_date_across_move, .needs = ALL_OF(RTC, HOST_ANSWERS),
     .about = "the RTC's time of day advances in an action as far as the host's, to the second")
{
	check_date_across_action();
}

#define RTC_SET	      BIT(7) /* in register B: the time stands still, and can be written */
#define HOURS_A_DAY   24
#define HOURS_FORWARD 5

static void put_hours_forward(int hours)
{
	u64 flags = irq_save();
	u8 format = cmos_read(RTC_B), hour;

	cmos_write(RTC_B, format | RTC_SET);
	hour = (number(cmos_read(RTC_HOURS), format) + hours) % HOURS_A_DAY;
	cmos_write(RTC_HOURS, rtc_in_format(hour));
	cmos_write(RTC_B, format);
	irq_restore(flags);
}

/*
 * The RTC of a new VMM tells the host's time. So a VMM that loses what the guest has written tells
 * a time that looks right, except for the guest's time zone.
 */
TEST(rtc_set_date_across_move, .needs = ALL_OF(RTC, HOST_ANSWERS),
     .about = "an RTC that the guest has set forward by hours keeps that offset in an action")
{
	put_hours_forward(HOURS_FORWARD);
	check_date_across_action();
	put_hours_forward(HOURS_A_DAY - HOURS_FORWARD);
}
