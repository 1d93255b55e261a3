// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the watchdog of the ICH9, its TCO timer (ICH9 data sheet, 13.9 "System Management TCO
 * Registers"). A part of the program devices: see devices.c.
 *
 * The timer counts down each 0.6 seconds. At 0 it sets TIMEOUT and begins anew; the second time it
 * resets the machine, unless GCS.NO_REBOOT forbids that. A guest's watchdog daemon writes TCO_RLD
 * to begin anew in time.
 *
 * A broken VMM forgets the timer, so that a guest that hangs after a migration stays so. Or it
 * begins anew or ends at once, and resets a guest that is well. The tests look at the count and at
 * TIMEOUT, and forbid that it resets the guest.
 */
#include "deadline.h"
#include "io.h"
#include "migrate.h"
#include "vm.h"
#include "x86/devices/devices.h"

/* From the base of power management on */
#define TCO_RLD	     0x60
#define TCO1_STS     0x64
#define TCO1_CNT     0x68
#define TCO_MESSAGES 0x6c
#define TCO_WDCNT    0x6e
#define TCO_TMR	     0x72
#define TIMEOUT	     BIT(3)  /* in TCO1_STS */
#define TCO_TMR_HLT  BIT(11) /* in TCO1_CNT */
#define COUNT	     0x3ffu  /* in TCO_RLD and TCO_TMR */
#define TICK_NS	     600000000ul
#define LONGEST	     0x3fe /* ten minutes */
#define SHORTEST     2	   /* the timer does not run with less */

/* From the base of the chipset's registers on */
#define GCS	  0x3410
#define NO_REBOOT BIT(5)

static u16 base;
static u16 control_before, timer_before;

FEATURE(TCO, "the ICH9's TCO timer, at ports that firmware has chosen")
{
	base = feature_ICH9.present() ? pm_base() : 0;
	return base != 0;
}

static void stop_timer(void)
{
	outw(TCO_TMR_HLT, base + TCO1_CNT);
	outw(TIMEOUT, base + TCO1_STS);
}

/* This is GCS's value after a reset, too. */
static void forbid_reset(void)
{
	u32 before = pci_config_readl(LPC, RCBA);
	volatile u8 *gcs = (volatile u8 *)phys_to_virt(RCBA_USUAL) + GCS;

	pci_config_writel(LPC, RCBA, RCBA_USUAL | RCBA_ON);
	writel(readl(gcs) | NO_REBOOT, gcs);
	pci_config_writel(LPC, RCBA, before);
}

static void begin(void)
{
	forbid_reset();
	control_before = inw(base + TCO1_CNT);
	timer_before = inw(base + TCO_TMR);
	stop_timer();
}

/* The timer that firmware has left is not started again: nobody would serve it. */
static void end(void)
{
	stop_timer();
	outw(timer_before, base + TCO_TMR);
	if (control_before & TCO_TMR_HLT)
		outw(control_before, base + TCO1_CNT);
}

static void start_timer(u16 ticks)
{
	outw(ticks, base + TCO_TMR);
	outw(0, base + TCO1_CNT);
	outw(1, base + TCO_RLD);
}

static u16 count(void)
{
	return inw(base + TCO_RLD) & COUNT;
}

TEST(watchdog_registers, .needs = TCO,
     .about = "the registers of a watchdog that is halted survive an action")
{
	static const struct {
		const char *name;
		u16 at, value;
	} registers[] = {
		{ "TCO1_CNT", TCO1_CNT, TCO_TMR_HLT },
		{ "TCO_MESSAGE1 and 2", TCO_MESSAGES, 0 },
		{ "TCO_WDCNT", TCO_WDCNT, 0x3c },
		{ "TCO_TMR", TCO_TMR, 0x155 },
	};
	u16 before[ARRAY_SIZE(registers)];

	begin();
	outb(0xa5, base + TCO_MESSAGES);
	outb(0x5a, base + TCO_MESSAGES + 1);
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		if (registers[i].value)
			outw(registers[i].value, base + registers[i].at);
		before[i] = inw(base + registers[i].at);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		u16 is = inw(base + registers[i].at);

		report(is == before[i], "%s was %#x, and is %#x", registers[i].name, before[i], is);
	}
	end();
}

/* `outer` runs from before the first look at the timer to after the last one, `inner` between them.
 */
static struct stopwatch outer, inner;

static void look_at_watches(void)
{
	stopwatch_ns(&outer);
	stopwatch_ns(&inner);
}

/* If the timer began anew in the action, its count would differ by more than a tick. */
#define TICKS_BEFORE 4

TEST(watchdog_counts, .needs = TCO,
     .about =
	     "a watchdog goes on counting down over an action, no more and no less than time has passed")
{
	u64 least, most, went;
	u16 before, after;

	begin();
	start_timer(LONGEST);
	if (!wait_until(count() <= LONGEST - TICKS_BEFORE, TICKS_BEFORE * 5000)) {
		report_skip("the timer does not run: TCO_RLD is %#x", count());
		end();
		return;
	}
	stopwatch_start(&outer);
	before = count();
	stopwatch_start(&inner);
	migrate_quiet_while(look_at_watches);
	least = stopwatch_ns(&inner) / TICK_NS;
	after = count();
	most = stopwatch_ns(&outer) / TICK_NS + 1;
	went = before - after;
	report(after <= before && went + 1 >= least && went <= most,
	       "the count was %u, and is %u after %lu to %lu ticks", before, after, least, most);
	end();
}

TEST(watchdog_expires, .needs = TCO,
     .about =
	     "a watchdog that runs when the host acts on the guest expires afterwards, and not early")
{
	bool expired;
	u64 ns;

	begin();
	stopwatch_start(&outer);
	start_timer(SHORTEST);
	migrate_quiet_while(look_at_watches);
	expired = inw(base + TCO1_STS) & TIMEOUT;
	ns = stopwatch_ns(&outer);
	report(!expired || ns >= (SHORTEST - 1) * TICK_NS,
	       "the timer of %d ticks has expired after %lu ms", SHORTEST, ns / 1000000);
	report(wait_until(inw(base + TCO1_STS) & TIMEOUT, 10000),
	       "the timer of %d ticks expires: TCO1_STS is %#x, TCO_RLD %#x", SHORTEST,
	       inw(base + TCO1_STS), inw(base + TCO_RLD));
	end();
}
