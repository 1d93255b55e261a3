// SPDX-License-Identifier: GPL-2.0-or-later
/* The IOAPIC. See ioapic.h. */
#include "ioapic.h"
#include "acpi.h"
#include "io.h"
#include "processor.h"
#include "smp.h"
#include "spinlock.h"

#define DESTINATION_SHIFT 56

static struct spinlock lock;

static volatile u8 *const registers = (volatile u8 *)IOAPIC_PHYS_BASE;

static u32 read_register(u8 index)
{
	writel(index, registers + IOAPIC_IOREGSEL);
	return readl(registers + IOAPIC_IOWIN);
}

static void write_register(u8 index, u32 value)
{
	writel(index, registers + IOAPIC_IOREGSEL);
	writel(value, registers + IOAPIC_IOWIN);
}

/* Index and data are two registers, so only one CPU may use them at a time. */
static u64 begin(void)
{
	u64 flags = irq_save();

	spin_lock(&lock);
	return flags;
}

static void end(u64 flags)
{
	spin_unlock(&lock);
	irq_restore(flags);
}

u32 ioapic_read(u8 index)
{
	u64 flags = begin();
	u32 value = read_register(index);

	end(flags);
	return value;
}

void ioapic_write(u8 index, u32 value)
{
	u64 flags = begin();

	write_register(index, value);
	end(flags);
}

u64 ioapic_read_entry(int pin)
{
	u64 flags = begin(), entry;

	entry = read_register(IOAPIC_ENTRY + 2 * pin) |
		(u64)read_register(IOAPIC_ENTRY + 2 * pin + 1) << 32;
	end(flags);
	return entry;
}

void ioapic_mask(int pin)
{
	u64 flags = begin();

	write_register(IOAPIC_ENTRY + 2 * pin,
		       read_register(IOAPIC_ENTRY + 2 * pin) | IOAPIC_MASKED);
	end(flags);
}

void ioapic_unmask(int pin)
{
	u64 flags = begin();

	write_register(IOAPIC_ENTRY + 2 * pin,
		       read_register(IOAPIC_ENTRY + 2 * pin) & ~(u32)IOAPIC_MASKED);
	end(flags);
}

static void route(int pin, u64 entry)
{
	u64 flags = begin();

	/* The entry is written in two halves, so it is masked meanwhile. */
	write_register(IOAPIC_ENTRY + 2 * pin, IOAPIC_MASKED);
	write_register(IOAPIC_ENTRY + 2 * pin + 1, entry >> 32);
	write_register(IOAPIC_ENTRY + 2 * pin, entry);
	end(flags);
}

void ioapic_route_level(int pin, int cpu, u8 vector)
{
	route(pin, (u64)cpu_apic_id(cpu) << DESTINATION_SHIFT | IOAPIC_LEVEL | vector);
}

void ioapic_route_edge(int pin, int cpu, u8 vector)
{
	route(pin, (u64)cpu_apic_id(cpu) << DESTINATION_SHIFT | vector);
}

int ioapic_isa_pin(int irq)
{
	const struct acpi_madt *madt = acpi_table("APIC");
	const u8 *end = (const u8 *)madt + (madt ? madt->header.length : 0);

	for (const u8 *at = madt ? madt->entries : end; at + 2 <= end && at[1]; at += at[1]) {
		const struct madt_source_override *override = (const void *)at;

		if (override->type == MADT_SOURCE_OVERRIDE && override->irq == irq)
			return override->pin;
	}
	return irq;
}
