// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time sources: the ACPI PM timer (ACPI Specification 4.8.2.1 and 4.8.3.3), or if there is none,
 * channel 2 of the PIT (Intel 8254 data sheet), whose gate and output are bits of port 0x61.
 */
#include "acpi.h"
#include "console.h"
#include "io.h"
#include "processor.h"
#include "spinlock.h"

#define PM_TIMER_HZ    3579545
#define ACPI_SYSTEM_IO 1

#define PIT_HZ		     1193182
#define PIT_CHANNEL2	     0x42
#define PIT_COMMAND	     0x43
#define PIT_CHANNEL2_LATCH   0x80
#define PIT_CHANNEL2_LOWHIGH 0x30
#define PIT_MODE2	     0x04 /* rate generator: counts down by one */
#define PIT_CHANNEL2_SELECT  0x80
#define PORT_B		     0x61
#define PORT_B_GATE2	     0x01
#define PORT_B_SPEAKER	     0x02

static u16 pm_timer_port;

static u32 pm_timer_read(void)
{
	return inl(pm_timer_port);
}

static bool pm_timer_init(void)
{
	const struct acpi_fadt *fadt = acpi_table("FACP");
	bool wide;
	u32 begin;

	if (!fadt)
		return false;
	if (fadt->pm_tmr_blk)
		pm_timer_port = fadt->pm_tmr_blk;
	else if (fadt->header.length >= sizeof(*fadt) &&
		 fadt->x_pm_tmr_blk.address_space == ACPI_SYSTEM_IO)
		pm_timer_port = fadt->x_pm_tmr_blk.address;
	if (!pm_timer_port)
		return false;
	wide = fadt->flags & ACPI_FADT_TMR_VAL_EXT;
	time_source = (struct time_source){
		.name = "acpi_pm",
		.read = pm_timer_read,
		.mask = wide ? 0xffffffff : 0xffffff,
		.hz = PM_TIMER_HZ,
	};
	/* A timer that does not exist reads as all ones, or does not count. */
	begin = pm_timer_read();
	for (int i = 0; i < 1000; i++)
		if (pm_timer_read() != begin)
			return true;
	return false;
}

static u32 pit_read(void)
{
	static struct spinlock lock;
	u64 flags = irq_save();
	u32 count;

	/* spin_lock() has a deadline, for which it would read the time here. */
	while (!spin_trylock(&lock))
		pause();
	outb(PIT_CHANNEL2_LATCH, PIT_COMMAND);
	count = inb(PIT_CHANNEL2);
	count |= (u32)inb(PIT_CHANNEL2) << 8;
	spin_unlock(&lock);
	irq_restore(flags);
	return -count;
}

static void pit_init(void)
{
	outb((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE2, PORT_B);
	outb(PIT_CHANNEL2_SELECT | PIT_CHANNEL2_LOWHIGH | PIT_MODE2, PIT_COMMAND);
	outb(0, PIT_CHANNEL2);
	outb(0, PIT_CHANNEL2);
	time_source = (struct time_source){
		.name = "pit",
		.read = pit_read,
		.mask = 0xffff,
		.hz = PIT_HZ,
	};
}

/* Nothing can wait before time_init(). */
static u32 no_time(void)
{
	return 0;
}

struct time_source time_source = { "none", no_time, 0, 1000 };

void time_init(void)
{
	if (!pm_timer_init())
		pit_init();
}
