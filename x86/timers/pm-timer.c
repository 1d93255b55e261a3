// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * timers: the interrupt of ACPI's power management timer (ACPI Specification 6.5, 4.8.1.1 "PM1
 * Event Grouping" and 4.8.2.1 "Power Management Timer"). A part of the program timers: see
 * timers.c.
 *
 * TMR_STS is set whenever the timer's most significant bit changes, which is each 2.3 seconds. With
 * TMR_EN and SCI_EN that raises the system control interrupt. An operating system counts the
 * timer's overflows so. A broken VMM carries the registers to the destination, but arms no timer
 * for the next change.
 *
 * The test waits for the bit to change after the action, and then for the interrupt. It does not
 * see an interrupt that comes at another time as well.
 */
#include "acpi.h"
#include "io.h"
#include "ioapic.h"
#include "migrate.h"
#include "processor.h"
#include "smp.h"
#include "x86/timers/timers.h"

#define TMR_EVENT BIT(0) /* in PM1's status and enable registers */
#define SCI_EN	  BIT(0) /* in PM1's control register */
#define TMR_MSB	  BIT(23)
/* The bit changes each 2.3 s. */
#define CHANGE_MS 10000

static u16 status_port, enable_port, control_port, timer_port;
static u32 overflows;

static bool enable_acpi(const struct acpi_fadt *fadt)
{
	if (!(inw(control_port) & SCI_EN) && fadt->smi_cmd && fadt->acpi_enable)
		outb(fadt->acpi_enable, fadt->smi_cmd);
	return inw(control_port) & SCI_EN;
}

FEATURE(PM_TIMER_INTERRUPT, "a PM timer of 24 bits that interrupts (FADT)")
{
	const struct acpi_fadt *fadt = acpi_table("FACP");

	if (!fadt || !fadt->pm1a_evt_blk || !fadt->pm1a_cnt_blk || !fadt->pm_tmr_blk ||
	    fadt->flags & ACPI_FADT_TMR_VAL_EXT)
		return false;
	status_port = fadt->pm1a_evt_blk;
	enable_port = status_port + fadt->pm1_evt_len / 2;
	control_port = fadt->pm1a_cnt_blk;
	timer_port = fadt->pm_tmr_blk;
	return enable_acpi(fadt);
}

/* The line is high until the status is cleared, by writing 1. */
static void on_sci(isr_regs_t *regs)
{
	if (!(inw(status_port) & TMR_EVENT))
		return;
	outw(TMR_EVENT, status_port);
	WRITE_ONCE(overflows, overflows + 1);
}

static bool top_bit(void)
{
	return inl(timer_port) & TMR_MSB;
}

TEST(pm_timer_overflows, .needs = PM_TIMER_INTERRUPT,
     .about = "the PM timer interrupts before and after an action when its top bit changes")
{
	const struct acpi_fadt *fadt = acpi_table("FACP");
	u16 enabled = inw(enable_port);
	u32 before;
	bool bit;

	overflows = 0;
	handle_irq_eoi(TIMER_VECTOR, on_sci);
	outw(TMR_EVENT, status_port);
	outw(TMR_EVENT, enable_port);
	ioapic_route_level(fadt->sci_int, smp_id(), TIMER_VECTOR);
	report_if_failed(wait_until(READ_ONCE(overflows), CHANGE_MS),
			 "the PM timer did not interrupt before the action");
	migrate_quiet();
	before = READ_ONCE(overflows);
	bit = top_bit();
	if (wait_in_full(top_bit() != bit, CHANGE_MS))
		report(wait_until(READ_ONCE(overflows) != before, CHANGE_MS),
		       "the top bit of the PM timer has changed to %d, and it interrupted %u times",
		       !bit, READ_ONCE(overflows) - before);
	else
		report_skip("the PM timer stands still at %#x", inl(timer_port));
	ioapic_mask(fadt->sci_int);
	outw(enabled, enable_port);
	unhandle_irq(TIMER_VECTOR);
}
