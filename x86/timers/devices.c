// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the timers that send their interrupts by the IOAPIC: the PIT (Intel 8254 data sheet), the
 * RTC (Motorola MC146818A data sheet, "Periodic Interrupt") and the HPET (IA-PC HPET Specification
 * 1.0a, chapter 2). A part of the program timers: see timers.c.
 *
 * The PIT is KVM's, or the VMM's if it has the interrupt controllers (kernel-irqchip=split). The
 * other two are the VMM's. A broken one loses the interrupt that was due when it was saved, or arms
 * its timer by the host's time at the source.
 */
#include "acpi.h"
#include "cmos.h"
#include "io.h"
#include "ioapic.h"
#include "muldiv.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"
#include "vmalloc.h"
#include "x86/timers/timers.h"

static void start_pin(int pin)
{
	ioapic_route_edge(pin, smp_id(), TIMER_VECTOR);
}

/* ---- PIT, channel 0 ---- */

#define PIT_HZ	     1193182
#define PIT_CHANNEL0 0x40
#define PIT_COMMAND  0x43
#define PIT_LOWHIGH  0x30
#define PIT_ONESHOT  0x00 /* mode 0: the output goes high when the count is over */
#define PIT_RATE     0x04 /* mode 2 */
#define PIT_READ     0xe2 /* the status of channel 0 comes next */
#define PIT_STATUS   0x3f /* how counts are written, and the mode */
#define PIT_MOST     0xffff
#define PIT_IRQ	     0

static u64 fit_pit(u64 ns)
{
	return MIN(ns, PIT_MOST * NS_PER_SECOND / PIT_HZ);
}

static void start_pit(u64 ns, bool periodic)
{
	u64 count = mul_div(ns, PIT_HZ, NS_PER_SECOND);

	start_pin(ioapic_isa_pin(PIT_IRQ));
	outb(PIT_LOWHIGH | (periodic ? PIT_RATE : PIT_ONESHOT), PIT_COMMAND);
	outb(count, PIT_CHANNEL0);
	outb(count >> 8, PIT_CHANNEL0);
}

/* In mode 0 it does not count before it has a count. */
static void stop_pit(void)
{
	ioapic_mask(ioapic_isa_pin(PIT_IRQ));
	outb(PIT_LOWHIGH | PIT_ONESHOT, PIT_COMMAND);
}

static const struct timer_kind pit = {
	.name = "the PIT",
	.stands_still = true,
	.fit = fit_pit,
	.start = start_pit,
	.stop = stop_pit,
};

FEATURE(PIT, "an 8254 interval timer (port 0x40)")
{
	stop_pit();
	outb(PIT_READ, PIT_COMMAND);
	return (inb(PIT_CHANNEL0) & PIT_STATUS) == (PIT_LOWHIGH | PIT_ONESHOT);
}

/* KVM restores the count that was written, not what was left of it, so the period begins anew. */
TEST(pit_periodic_goes_on, .on = EACH_CPU, .needs = PIT,
     .about = "the PIT fires within one period after an action")
{
	check_due_in_downtime(&pit, true, true);
}

/* ---- RTC ---- */

#define RTC_DIVIDER 0x20 /* in A: 32768 Hz */
#define RTC_HZ	    32768
#define RTC_SLOWEST 15 /* 2 Hz */
#define RTC_FASTEST 6  /* 1024 Hz */

#define NO_DEVICE 0xff

FEATURE(RTC, "an MC146818 clock (port 0x70)")
{
	return cmos_read(RTC_A) != NO_DEVICE;
}

static u64 rtc_period(int rate)
{
	return mul_div(1ul << (rate - 1), NS_PER_SECOND, RTC_HZ);
}

static int rtc_rate(u64 ns)
{
	int rate = RTC_FASTEST;

	while (rate < RTC_SLOWEST && rtc_period(rate + 1) <= ns)
		rate++;
	return rate;
}

static u64 fit_rtc(u64 ns)
{
	return rtc_period(rtc_rate(ns));
}

/* A read of register C makes the RTC lower its line. */
static void acknowledge_rtc(void)
{
	cmos_read(RTC_C);
}

static void stop_rtc(void)
{
	cmos_write(RTC_B, cmos_read(RTC_B) & ~RTC_PERIODIC);
	ioapic_mask(ioapic_isa_pin(RTC_IRQ));
	acknowledge_rtc();
}

void rtc_run(u64 ns)
{
	cmos_write(RTC_A, RTC_DIVIDER | rtc_rate(ns));
	acknowledge_rtc();
	cmos_write(RTC_B, cmos_read(RTC_B) | RTC_PERIODIC);
}

static void start_rtc(u64 ns, bool periodic)
{
	u64 flags = irq_save();

	start_pin(ioapic_isa_pin(RTC_IRQ));
	rtc_run(ns);
	irq_restore(flags);
}

const struct timer_kind rtc = {
	.name = "the RTC",
	.fit = fit_rtc,
	.start = start_rtc,
	.stop = stop_rtc,
	.acknowledge = acknowledge_rtc,
};

TEST(rtc_due_in_downtime, .on = EACH_CPU, .needs = RTC,
     .about =
	     "a periodic interrupt of the RTC that is due during an action comes promptly after it")
{
	check_due_in_downtime(&rtc, true, false);
}

/* QEMU restarts the period (docs/findings.md). This test allows that. */
TEST(rtc_goes_on, .on = EACH_CPU, .needs = RTC,
     .about = "the RTC's periodic interrupt comes within one period after an action")
{
	check_due_in_downtime(&rtc, true, true);
}

/* ---- HPET, timer 0 ---- */

#define HPET_CAPABILITIES 0x00 /* with the femtoseconds of a tick in the upper half */
#define HPET_CONFIG	  0x10
#define HPET_COUNTER	  0xf0
#define HPET_TIMER_CONFIG 0x100
#define HPET_COMPARATOR	  0x108
#define HPET_CAN_REPLACE  BIT(15) /* in CAPABILITIES */
#define HPET_ENABLE	  BIT(0)  /* in CONFIG, like the next one */
#define HPET_REPLACE	  BIT(1)
#define HPET_INTERRUPT	  BIT(2) /* in TIMER_CONFIG, like these */
#define HPET_PERIODIC	  BIT(3)
#define HPET_CAN_PERIODIC BIT(4)
#define HPET_SET_PERIOD	  BIT(6)
#define HPET_PIN(pin)	  ((u64)(pin) << 9)
#define HPET_PINS(config) ((u32)((config) >> 32))
#define FS_PER_NS	  1000000
#define FIRST_FREE_PIN	  16
#define LAST_FREE_PIN	  23

static volatile u8 *hpet;

FEATURE(HPET, "an HPET (ACPI's table HPET)")
{
	const struct acpi_hpet *table = acpi_table("HPET");

	if (table && !hpet)
		hpet = ioremap(table->address, PAGE_SIZE);
	return table;
}

static u64 hpet_read(u32 reg)
{
	return readq(hpet + reg);
}

static void hpet_write(u32 reg, u64 value)
{
	writeq(value, hpet + reg);
}

void hpet_count(void)
{
	hpet_write(HPET_CONFIG, hpet_read(HPET_CONFIG) | HPET_ENABLE);
}

u64 hpet_now(void)
{
	return mul_div(hpet_read(HPET_COUNTER), hpet_read(HPET_CAPABILITIES) >> 32, FS_PER_NS);
}

/* PCI devices share these pins; no device of this program's machine interrupts. */
static int hpet_pin(void)
{
	u32 pins = HPET_PINS(hpet_read(HPET_TIMER_CONFIG));

	for (int pin = LAST_FREE_PIN; pin >= FIRST_FREE_PIN; pin--)
		if (pins & BIT(pin))
			return pin;
	return -1;
}

static u64 hpet_ticks(u64 ns)
{
	return mul_div(ns, FS_PER_NS, hpet_read(HPET_CAPABILITIES) >> 32);
}

static void stop_hpet(void)
{
	hpet_write(HPET_TIMER_CONFIG, 0);
	ioapic_mask(hpet_pin());
}

/* The first write to a periodic timer's comparator sets when it is due, the second its period. */
static void start_hpet(u64 ns, bool periodic)
{
	int pin = hpet_pin();
	u64 ticks = hpet_ticks(ns), config = HPET_PIN(pin) | HPET_INTERRUPT;

	start_pin(pin);
	hpet_count();
	hpet_write(HPET_TIMER_CONFIG, config | (periodic ? HPET_PERIODIC | HPET_SET_PERIOD : 0));
	hpet_write(HPET_COMPARATOR, hpet_read(HPET_COUNTER) + ticks);
	if (periodic)
		hpet_write(HPET_COMPARATOR, ticks);
}

static const struct timer_kind hpet_timer = {
	.name = "the HPET",
	.start = start_hpet,
	.stop = stop_hpet,
};

static void check_hpet(bool periodic)
{
	if (hpet_pin() < 0)
		report_skip("the HPET's timer 0 can use no pin from %d to %d (0x%lx)",
			    FIRST_FREE_PIN, LAST_FREE_PIN, hpet_read(HPET_TIMER_CONFIG));
	else if (periodic && !(hpet_read(HPET_TIMER_CONFIG) & HPET_CAN_PERIODIC))
		report_skip("the HPET's timer 0 cannot be periodic");
	else
		check_due_in_downtime(&hpet_timer, periodic, false);
}

TEST(hpet_oneshot_due_in_downtime, .on = EACH_CPU, .needs = HPET,
     .about =
	     "a comparator of the HPET that is reached during an action interrupts promptly after it")
{
	check_hpet(false);
}

TEST(hpet_periodic_due_in_downtime, .on = EACH_CPU, .needs = HPET,
     .about = "a periodic HPET timer that is due during an action interrupts promptly after it")
{
	check_hpet(true);
}

/* ---- the HPET's registers, while it stands still ---- */

#define HPET_LEVEL   BIT(1) /* in TIMER_CONFIG, like the next one */
#define HPET_32_BITS BIT(8)
#define HPET_TIMERS  3
#define HPET_AT(n)   (0x20 * (n))
#define HPET_STOPPED 0x0123456712345678ul

static const u32 hpet_registers[] = {
	HPET_CONFIG,
	HPET_COUNTER,
	HPET_TIMER_CONFIG,
	HPET_COMPARATOR,
	HPET_TIMER_CONFIG + HPET_AT(1),
	HPET_COMPARATOR + HPET_AT(1),
	HPET_TIMER_CONFIG + HPET_AT(2),
	HPET_COMPARATOR + HPET_AT(2),
};

/* No timer is due, since the counter stands still. Each has another configuration. */
static void set_up_hpet(void)
{
	static const u64 kinds[HPET_TIMERS] = { HPET_PERIODIC, HPET_LEVEL, HPET_32_BITS };

	hpet_write(HPET_CONFIG, hpet_read(HPET_CONFIG) & ~(HPET_ENABLE | HPET_REPLACE));
	hpet_write(HPET_COUNTER, HPET_STOPPED);
	for (int n = 0; n < HPET_TIMERS; n++) {
		hpet_write(HPET_TIMER_CONFIG + HPET_AT(n),
			   kinds[n] | HPET_INTERRUPT | HPET_PIN(hpet_pin() - n));
		hpet_write(HPET_COMPARATOR + HPET_AT(n), HPET_STOPPED + 0x1111111111ul * (n + 1));
	}
}

/*
 * A broken VMM forgets a timer that no test has running: the second or third, one of 32 bits, or
 * the count of an HPET that does not count.
 */
TEST(hpet_registers, .needs = HPET,
     .about = "the registers of an HPET that stands still survive an action")
{
	u64 before[ARRAY_SIZE(hpet_registers)], is;

	set_up_hpet();
	for (size_t i = 0; i < ARRAY_SIZE(hpet_registers); i++)
		before[i] = hpet_read(hpet_registers[i]);
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(hpet_registers); i++) {
		is = hpet_read(hpet_registers[i]);
		report(is == before[i], "register 0x%x held 0x%lx, and holds 0x%lx",
		       hpet_registers[i], before[i], is);
	}
	for (int n = 0; n < HPET_TIMERS; n++)
		hpet_write(HPET_TIMER_CONFIG + HPET_AT(n), 0);
}

/* ---- the HPET in place of PIT and RTC ---- */

#define SILENT_TICK_NS (20 * NS_PER_MS)
#define SILENT_TICKS   10
#define BACK_MS	       5000

FEATURE(HPET_REPLACES, "an HPET that can replace the PIT")
{
	return HPET_present() && hpet_read(HPET_CAPABILITIES) & HPET_CAN_REPLACE;
}

/* How often the PIT interrupts in ten of its periods. */
static u32 count_pit(void)
{
	u32 before = times_fired();
	u64 end = look() + SILENT_TICKS * SILENT_TICK_NS;

	while (look() < end)
		;
	return times_fired() - before;
}

/*
 * In this mode timer 0 of the HPET has the PIT's pin, and the test leaves that timer off (IA-PC
 * HPET specification, 2.3.5 "LegacyReplacement Route"). A broken VMM forgets the mode, or the
 * hypervisor's PIT is not told of it, so both interrupt. Or the PIT never comes back.
 */
TEST(hpet_replaces_pit, .on = EACH_CPU, .needs = ALL_OF(HPET, HPET_REPLACES, PIT),
     .about =
	     "a PIT that the HPET replaces stays silent after an action, until the HPET no longer replaces it")
{
	u32 before, after;

	begin_watch(&pit);
	hpet_write(HPET_CONFIG, hpet_read(HPET_CONFIG) | HPET_ENABLE | HPET_REPLACE);
	start_pit(SILENT_TICK_NS, true);
	before = count_pit();
	be_acted_on();
	after = count_pit();
	report(!before && !after,
	       "in %d of its periods the PIT interrupted %u times before the action, and %u after it",
	       SILENT_TICKS, before, after);
	before = times_fired();
	hpet_write(HPET_CONFIG, hpet_read(HPET_CONFIG) & ~HPET_REPLACE);
	report(wait_until(times_fired() != before, BACK_MS),
	       "the PIT interrupts again when the HPET no longer replaces it");
	end_watch();
}
