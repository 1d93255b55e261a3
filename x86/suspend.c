// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest that has suspended itself to RAM (ACPI's S3) when the host migrates, saves or pauses it:
 * ACPI Specification 6.5, 4.8.3.1 and 4.8.3.2 (PM1_STS, PM1_EN, PM1_CNT), 5.2.10 (FACS), 16.3
 * ("Waking and Sleeping"); ICH9 data sheet, 13.8.3; MC146818A data sheet for the clock's alarm.
 *
 * A broken hypervisor lets the guest go on where it was, behind the write to SLP_EN, on the
 * destination or after a pause. Or it wakes the guest by itself, wakes it twice, or forgets what
 * may wake it. So the guest counts what comes through the waking vector, and looks at its memory
 * and at PM1_STS. Behind the write to SLP_EN is a loop that reports that the machine did not sleep.
 *
 * The tests do not see how long a guest sleeps, nor what is lost of devices, which firmware and
 * guest set up again. They cannot tell a state that was lost at the source from one that was not
 * restored. A runner has to answer: it does its action when the machine sleeps, and wakes it
 * (docs/protocol.md, "Suspend marks").
 */
#include "alloc_page.h"
#include "cmos.h"
#include "console.h"
#include "deadline.h"
#include "host.h"
#include "migrate.h"
#include "processor.h"
#include "sleep.h"
#include "vm.h"
#include "words.h"

/* After the action, before the host wakes a guest that is to be woken by the host. */
#define SLEEP_MS 300

/* How a sleep ended. */
struct sleep {
	bool slept;	 /* the waking vector was reached */
	u64 acted;	 /* on the host's clock, in ns: the action was over, and the guest slept */
	bool host_woken; /* nothing else had woken the guest in time */
};

/* Asks for an action, and sleeps. The host wakes the guest WAKE_MS after the action, at last. */
static struct sleep sleep_over_action(u64 wake_ms)
{
	struct sleep sleep = { 0 };
	char answer[128];

	pm1_clear_status(0xffff);
	mark("suspend", "wake=%lu", wake_ms);
	migrate_request();
	irq_disable();
	if (broken("sleep"))
		delay_us(PATIENCE_MS * 1000);
	else
		sleep.slept = s3_sleep(PATIENCE_MS);
	mark("awake", "slept=%d status=0x%x", sleep.slept, s3_waking_status());
	irq_enable();
	migrate_await(NULL);
	host_ask("suspend", answer, sizeof(answer));
	sleep.acted = answer_number(answer, "acted");
	sleep.host_woken = answer_number(answer, "woken");
	return sleep;
}

/* ---- memory ---- */

#define PAGES		     64
#define PAGE_WORDS	     (PAGE_SIZE / sizeof(u64))
#define PATTERN(round, page) (0x5a1eeb0000000000ul | (u64)(round) << 32 | (page))

static u64 *pages[PAGES];

static void fill_memory(int round)
{
	for (int i = 0; i < PAGES; i++) {
		if (!pages[i])
			pages[i] = alloc_page();
		fill_words(pages[i], PAGE_WORDS, PATTERN(round, i));
	}
}

static void check_memory(int round)
{
	const u64 *wrong = NULL;

	if (broken("memory"))
		pages[PAGES / 2][7] = 0;
	for (int i = 0; i < PAGES && !wrong; i++) {
		wrong = first_unlike(pages[i], PAGE_WORDS, PATTERN(round, i));
		if (wrong)
			report_fail(
				"page %d, word %ld held 0x%lx before the sleep, and holds 0x%lx", i,
				wrong - pages[i], PATTERN(round, i), *wrong);
	}
	if (!wrong)
		report_pass("%d pages hold what they held before the sleep", PAGES);
}

/* ---- waking ---- */

/* Returns whether it makes sense to look further. */
static bool check_woken(const struct sleep *sleep)
{
	u32 wakings = broken("twice") ? 2 : s3_wakings();

	if (!report(sleep->slept,
		    sleep->slept
			    ? "the guest slept, and woke through its waking vector"
			    : "the guest went on behind its write to SLP_EN for %d ms times timescale, and did not sleep",
		    PATIENCE_MS))
		return false;
	report(wakings == 1, "the waking vector was reached %u times", wakings);
	return true;
}

static void check_status(u16 expected, u16 unexpected)
{
	u16 status = broken("status") ? 0 : s3_waking_status();

	report((status & expected) == expected && !(status & unexpected),
	       "PM1_STS is 0x%x when the guest wakes; it must have the bits 0x%x, and must not have 0x%x",
	       status, expected, unexpected);
}

static void sleep_until_host_wakes(int round)
{
	struct sleep sleep;

	fill_memory(round);
	sleep = sleep_over_action(SLEEP_MS);
	if (check_woken(&sleep)) {
		report(sleep.host_woken,
		       sleep.host_woken
			       ? "the guest slept until the host woke it"
			       : "something woke the guest before the host did, and nothing was enabled to");
		check_status(PM1_WAK_STS, PM1_RTC_STS);
	}
	check_memory(round);
}

TEST(host_wakes, .needs = ALL_OF(S3, HOST_ANSWERS),
     .about =
	     "a guest that is suspended to RAM during an action sleeps on, and wakes once, by its waking vector, when the host wakes it")
{
	sleep_until_host_wakes(1);
}

TEST(sleeps_again, .needs = ALL_OF(S3, HOST_ANSWERS),
     .about = "a guest that was suspended to RAM during an action can be suspended again")
{
	sleep_until_host_wakes(2);
	sleep_until_host_wakes(3);
}

/* ---- the clock's alarm ---- */

FEATURE(CMOS_CLOCK, "an MC146818 clock (port 0x70) with 24 hours a day")
{
	return cmos_read(RTC_A) != 0xff && cmos_read(RTC_B) & RTC_24_HOURS;
}

#define NS_PER_S 1000000000ul
/* The first alarm; each further attempt doubles it. */
#define ALARM_S	    2
#define ALARM_TRIES 5
/* How much later than its time an alarm may wake the guest. */
#define ALARM_LATE_MS 5000

static u8 from_clock(u8 value)
{
	return cmos_read(RTC_B) & RTC_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static u8 to_clock(u8 value)
{
	return cmos_read(RTC_B) & RTC_BINARY ? value : (value / 10) << 4 | value % 10;
}

static u32 clock_seconds(void)
{
	return from_clock(cmos_read(RTC_HOURS)) * 3600 + from_clock(cmos_read(RTC_MINUTES)) * 60 +
	       from_clock(cmos_read(RTC_SECONDS));
}

/* The alarm comes at least SECONDS - 1 and at most SECONDS from now. */
static void set_alarm(u32 seconds)
{
	u32 now, at;

	/* The registers change between two reads now and then. */
	do {
		now = clock_seconds();
	} while (now != clock_seconds());
	at = (now + seconds) % (24 * 3600);
	cmos_write(RTC_ALARM_HOUR, to_clock(at / 3600));
	cmos_write(RTC_ALARM_MINUTE, to_clock(at / 60 % 60));
	cmos_write(RTC_ALARM_SECOND, to_clock(at % 60));
	cmos_read(RTC_C);
	if (!broken("alarm"))
		cmos_write(RTC_B, cmos_read(RTC_B) | RTC_ALARM);
}

static void clear_alarm(void)
{
	cmos_write(RTC_B, cmos_read(RTC_B) & ~RTC_ALARM);
	cmos_read(RTC_C);
	pm1_set_enable(0);
}

/* An alarm that comes before the end of the action shows nothing about the action. */
TEST(alarm_wakes, .needs = ALL_OF(S3, CMOS_CLOCK, HOST_ANSWERS),
     .about =
	     "the clock's alarm wakes a guest that was suspended to RAM during an action, and PM1_STS says so")
{
	for (u32 seconds = ALARM_S, tries = 0; tries < ALARM_TRIES; tries++, seconds *= 2) {
		struct host_time before;
		struct sleep sleep;

		fill_memory(4);
		host_time(&before);
		pm1_set_enable(PM1_RTC_EN);
		set_alarm(seconds);
		sleep = sleep_over_action(seconds * 1000 + ALARM_LATE_MS * timescale());
		clear_alarm();
		check_memory(4);
		if (!check_woken(&sleep))
			return;
		if (!sleep.acted || sleep.acted >= before.monotonic + (seconds - 1) * NS_PER_S)
			continue;
		if (report(!sleep.host_woken, "the alarm that came %u s after it was set %s",
			   seconds,
			   sleep.host_woken ? "did not wake the guest: the host has"
					    : "has woken the guest"))
			check_status(PM1_WAK_STS | PM1_RTC_STS, 0);
		return;
	}
	report_skip("each alarm came before the action was over: the host is too slow");
}

TEST(masked_alarm, .needs = ALL_OF(S3, CMOS_CLOCK, HOST_ANSWERS),
     .about =
	     "an alarm that PM1_EN does not enable does not wake a guest that was suspended to RAM during an action")
{
	struct sleep sleep;

	fill_memory(5);
	pm1_set_enable(broken("mask") ? PM1_RTC_EN : 0);
	set_alarm(ALARM_S);
	/* From the end of the action on, and the alarm may have come before. */
	sleep = sleep_over_action((ALARM_S + 1) * 1000);
	clear_alarm();
	check_memory(5);
	if (check_woken(&sleep))
		report(sleep.host_woken,
		       sleep.host_woken
			       ? "the guest slept until the host woke it"
			       : "something woke the guest before the host did, and nothing was enabled to");
}
