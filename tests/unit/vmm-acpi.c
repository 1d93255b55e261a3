// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm/acpi.c: a guest finds the tables, their checksums are right, and the MADT has the interrupt
 * controllers and CPUs of the machine. ACPI Specification 6.5, chapter 5.2.
 */
#include <glib.h>
#include <string.h>

#include "acpi.h"
#include "message.h"

#define RSDP		 0xe0000
#define RSDP_RSDT	 16
#define RSDP_BYTES	 20
#define TABLE_LENGTH	 4
#define TABLE_HEADER	 36
#define MADT_FLAGS	 40
#define MADT_ENTRIES	 44
#define PCAT_COMPAT	 1
#define LOCAL_APIC	 0
#define IO_APIC		 1
#define SOURCE_OVERRIDE	 2
#define LOCAL_X2APIC	 9
#define ENTRY_TYPES	 16
#define MEMORY_BYTES	 0x100000
#define CPUS_WITH_8_BITS 255

static guint8 ram[MEMORY_BYTES];
static const struct memory memory = { .bytes = ram, .size = sizeof(ram) };

/* ---- what acpi.c needs of ferry-vmm ---- */

void *memory_to_write(const struct memory *of, uint64_t address, uint64_t length)
{
	g_assert_cmpuint(address + length, <=, of->size);
	return of->bytes + address;
}

void memory_wrote(const struct memory *of, const void *bytes, uint64_t length)
{
}

void die(enum status status, const char *format, ...)
{
	g_assert_not_reached();
}

/* ---- what a guest reads ---- */

static guint32 word_at(guint32 address)
{
	guint32 word;

	memcpy(&word, ram + address, sizeof(word));
	return word;
}

static void check_sum(guint32 address, guint32 length)
{
	guint8 sum = 0;

	for (guint32 i = 0; i < length; i++)
		sum += ram[address + i];
	g_assert_cmpuint(sum, ==, 0);
}

/* The table with SIGNATURE, by way of RSDP and RSDT. */
static guint32 find(const char *signature)
{
	guint32 rsdt = word_at(RSDP + RSDP_RSDT);

	g_assert_cmpint(memcmp(ram + RSDP, "RSD PTR ", 8), ==, 0);
	check_sum(RSDP, RSDP_BYTES);
	check_sum(rsdt, word_at(rsdt + TABLE_LENGTH));
	for (guint32 at = TABLE_HEADER; at < word_at(rsdt + TABLE_LENGTH); at += 4) {
		guint32 table = word_at(rsdt + at);

		check_sum(table, word_at(table + TABLE_LENGTH));
		if (!memcmp(ram + table, signature, 4))
			return table;
	}
	g_assert_not_reached();
}

/* Writes the tables for this machine, counts the MADT's entries by type, and returns its flags. */
static guint32 count_entries(unsigned cpus, enum irqchip irqchip, unsigned count[ENTRY_TYPES])
{
	struct vm_shape shape = { .cpus = cpus, .irqchip = irqchip };
	guint32 madt, end;

	memset(ram, 0, sizeof(ram));
	memset(count, 0, ENTRY_TYPES * sizeof(*count));
	acpi_write(&memory, &shape);
	madt = find("APIC");
	end = madt + word_at(madt + TABLE_LENGTH);
	for (guint32 at = madt + MADT_ENTRIES; at < end; at += ram[at + 1]) {
		g_assert_cmpuint(ram[at], <, ENTRY_TYPES);
		g_assert_cmpuint(ram[at + 1], >, 0);
		count[ram[at]]++;
	}
	return word_at(madt + MADT_FLAGS);
}

static void test_all_in_kvm(void)
{
	unsigned count[ENTRY_TYPES];

	g_assert_cmpuint(count_entries(3, IRQCHIP_KERNEL, count), ==, PCAT_COMPAT);
	g_assert_cmpuint(count[LOCAL_APIC], ==, 3);
	g_assert_cmpuint(count[IO_APIC], ==, 1);
	g_assert_cmpuint(count[SOURCE_OVERRIDE], ==, 1);
	g_assert_cmpuint(find("FACP"), >, 0);
}

/* KVM has the local APICs alone, or not even those. */
static void test_no_chips(void)
{
	unsigned count[ENTRY_TYPES];

	g_assert_cmpuint(count_entries(2, IRQCHIP_SPLIT, count), ==, 0);
	g_assert_cmpuint(count[LOCAL_APIC], ==, 2);
	g_assert_cmpuint(count[IO_APIC] + count[SOURCE_OVERRIDE], ==, 0);
	g_assert_cmpuint(count_entries(1, IRQCHIP_OFF, count), ==, 0);
	g_assert_cmpuint(count[LOCAL_APIC], ==, 1);
	g_assert_cmpuint(count[IO_APIC] + count[SOURCE_OVERRIDE], ==, 0);
}

static void test_many_cpus(void)
{
	unsigned count[ENTRY_TYPES];

	count_entries(CPUS_WITH_8_BITS + 2, IRQCHIP_KERNEL, count);
	g_assert_cmpuint(count[LOCAL_APIC], ==, CPUS_WITH_8_BITS);
	g_assert_cmpuint(count[LOCAL_X2APIC], ==, 2);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmm-acpi/all-in-kvm", test_all_in_kvm);
	g_test_add_func("/vmm-acpi/no-chips", test_no_chips);
	g_test_add_func("/vmm-acpi/many-cpus", test_many_cpus);
	return g_test_run();
}
