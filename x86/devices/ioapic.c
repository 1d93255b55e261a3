// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the registers of the IOAPIC (Intel 82093AA data sheet, 3). See devices.c.
 *
 * It is KVM's, or the VMM's with kernel-irqchip=split. IOREGSEL selects one of many registers, and
 * IOWIN reads or writes it. If a broken hypervisor forgets which one is selected, the guest writes
 * into another. All pins stay masked; the program timers tests whether interrupts come.
 */
#include "io.h"
#include "ioapic.h"
#include "migrate.h"
#include "processor.h"
#include "report.h"
#include "x86/devices/devices.h"

#define MOST_PINS 120 /* their registers have numbers of eight bits */

static volatile u8 *const registers = (volatile u8 *)IOAPIC_PHYS_BASE;

static void select_register(u8 index)
{
	writel(index, registers + IOAPIC_IOREGSEL);
}

static void write_entry(int pin, u64 entry)
{
	ioapic_write(IOAPIC_ENTRY + 2 * pin + 1, entry >> 32);
	ioapic_write(IOAPIC_ENTRY + 2 * pin, entry);
}

FEATURE(IOAPIC, "an IOAPIC at 0xfec00000")
{
	return ioapic_read(IOAPIC_VERSION) != ~0u;
}

TEST(ioapic_selected, .needs = IOAPIC,
     .about = "the IOAPIC register that IOREGSEL has selected is still selected after an action")
{
	u8 first = IOAPIC_ENTRY + 2 * 20, second = IOAPIC_ENTRY + 2 * 21;
	u32 before = ioapic_read(first), other = ioapic_read(second), read;

	ioapic_write(first, IOAPIC_MASKED | 0x71);
	ioapic_write(second, IOAPIC_MASKED | 0x72);
	select_register(first);
	migrate_quiet();
	read = readl(registers + IOAPIC_IOWIN);
	report(read == (IOAPIC_MASKED | 0x71), "the selected entry was 0x%lx, and is %#x",
	       IOAPIC_MASKED | 0x71, read);
	select_register(second);
	migrate_quiet();
	writel(IOAPIC_MASKED | 0x73, registers + IOAPIC_IOWIN);
	read = ioapic_read(second);
	report(read == (IOAPIC_MASKED | 0x73) && ioapic_read(first) == (IOAPIC_MASKED | 0x71),
	       "a write to the selected entry went there: %#x", read);
	ioapic_write(first, before);
	ioapic_write(second, other);
}

/* A masked entry with a vector, mode, destination and polarity of its own. */
static u64 entry_of(int pin)
{
	u64 destination = (0x11ul * pin & 0xff) << 56;

	return destination | IOAPIC_MASKED | (pin & 1 ? IOAPIC_LEVEL : 0) | (u64)(pin & 2) << 12 |
	       (u64)(pin & 4) << 9 | (0x40 + pin);
}

TEST(ioapic_entries, .needs = IOAPIC,
     .about = "every entry of the IOAPIC's redirection table survives an action")
{
	int pins = MIN((ioapic_read(IOAPIC_VERSION) >> 16 & 0xff) + 1, MOST_PINS), wrong = 0,
	    last = 0;
	static u64 before[MOST_PINS];
	u64 is = 0;

	for (int pin = 0; pin < pins; pin++) {
		before[pin] = ioapic_read_entry(pin);
		write_entry(pin, entry_of(pin));
	}
	migrate_quiet();
	for (int pin = 0; pin < pins; pin++)
		if (ioapic_read_entry(pin) != entry_of(pin)) {
			wrong++;
			last = pin;
			is = ioapic_read_entry(pin);
		}
	report(!wrong, "%d of %d entries have changed, the last that of pin %d: 0x%lx, was 0x%lx",
	       wrong, pins, last, is, entry_of(last));
	for (int pin = 0; pin < pins; pin++)
		write_entry(pin, before[pin]);
}
