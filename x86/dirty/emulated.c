// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: instructions that read a device and write memory (Intel SDM volume 2, INS, MOVS; volume 3,
 * "Local APIC"). A part of the program dirty: see dirty.c.
 *
 * A hypervisor has to emulate these instructions, since it emulates the device. So the hypervisor
 * writes the guest's memory, and no CPU does, by paths that no other test takes. Each page is
 * written in this way alone. A broken hypervisor does not mark such a write dirty, or marks only
 * the first page of one that crosses into the next.
 *
 * MOVS reads the local APIC's ICR2, whose upper byte is the guest's. INS reads a page register of
 * the 8237 DMA controller, which no guest here uses; where a machine has none, MOVS is used for
 * all.
 */
#include "apic.h"
#include "io.h"
#include "processor.h"
#include "vmalloc.h"
#include "words.h"
#include "x86/dirty/dirty.h"

/* In bytes. The first two bytes belong to the write that crosses the end of the page before. */
#define FIRST_AT 8
#define APART	 1001
#define WRITES	 4

/* The 8237s' page registers, one for each CPU. */
static const u16 page_registers[MOST_WRITERS] = { 0x81, 0x82, 0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8f };
static bool has_page_register[MOST_WRITERS];

static bool keeps_what_is_written(u16 port)
{
	outb(0x5a, port);
	if (inb(port) != 0x5a)
		return false;
	outb(0xa5, port);
	return inb(port) == 0xa5;
}

static bool by_port(const struct area *area, u64 page)
{
	return has_page_register[area->cpu] && page & 1;
}

static u8 value_of(const struct area *area, u64 page, u64 generation)
{
	/* Two generations that follow each other differ, and no value is what an empty port reads.
	 */
	return 1 + (body(area, page, 0) + generation) % 251;
}

/* Where the write number N is: the last one begins 2 bytes before the page's end. */
static u8 *place(const struct area *area, u64 page, u64 n)
{
	return area->view + page * PAGE_SIZE +
	       (n < WRITES - 1 ? FIRST_AT + n * APART : PAGE_SIZE - 2);
}

static void read_port(u16 port, u8 *to, u64 count)
{
	asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void read_mmio(u32 reg, u8 *to)
{
	const u8 *from = (const u8 *)(u64)(APIC_DEFAULT_PHYS_BASE + reg);

	asm volatile("movsl" : "+D"(to), "+S"(from) : : "memory");
}

static void write_from_device(struct area *area, u64 page, u64 generation)
{
	u8 value = value_of(area, page, generation);

	if (by_port(area, page))
		outb(value, page_registers[area->cpu]);
	else
		apic_write(APIC_ICR2, (u32)value << 24);
	for (u64 n = 0; n < WRITES; n++)
		if (by_port(area, page))
			read_port(page_registers[area->cpu], place(area, page, n), sizeof(u32));
		else
			read_mmio(APIC_ICR2, place(area, page, n));
}

static bool verify_from_device(struct area *area, u64 page, u64 generation)
{
	u8 value = value_of(area, page, generation);
	u32 wanted = by_port(area, page) ? value * 0x01010101u : (u32)value << 24;
	char text[160];

	for (u64 n = 0; n < WRITES; n++) {
		u32 held;

		memcpy(&held, place(area, page, n), sizeof(held));
		if (likely(held == wanted))
			continue;
		snprintf(text, sizeof(text),
			 "%s at offset 0x%lx wrote 0x%x in generation %lu, and it is 0x%x",
			 by_port(area, page) ? "rep insb from a port" : "movsl from the APIC",
			 (u64)place(area, page, n) & ~PAGE_MASK, wanted, generation, held);
		complain(area, page, place(area, page, n), text);
		return false;
	}
	return true;
}

static void set_up_devices(struct area *area)
{
	map_view(area, PAGE_DATA | USED_BITS);
	has_page_register[area->cpu] = keeps_what_is_written(page_registers[area->cpu]);
}

static const struct kind emulated = {
	.pages = 32,
	.least = 8,
	.set_up = set_up_devices,
	.clean_up = unmap_view,
	.write = write_from_device,
	.verify = verify_from_device,
};

FEATURE(XAPIC, "the local APIC in xAPIC mode")
{
	return !is_x2apic_enabled();
}

TEST(emulated, .needs = XAPIC,
     .about =
	     "memory that only INS from a port or MOVS from MMIO has written keeps what was written")
{
	run(&emulated);
}

/* ---- one instruction writes a whole page ---- */

/*
 * KVM writes what REP INS reads upwards in pieces of up to 1024 bytes. Downwards it writes each
 * byte by itself, as it does with all that MOVS reads from a device.
 *
 * The other pages are written by the CPU. They are what a hypervisor forgets if the many writes of
 * one instruction take the room for the few of others.
 */
static bool is_filled_by_port(u64 page)
{
	return page & 1;
}

static u64 wanted_in(const struct area *area, u64 page, u64 generation)
{
	return is_filled_by_port(page) ? value_of(area, page, generation) * 0x0101010101010101
				       : body(area, page, generation);
}

static void fill_downwards(u16 port, u8 *page)
{
	u64 count = PAGE_SIZE;
	u8 *to = page + PAGE_SIZE - 1;

	asm volatile("std; rep insb; cld" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void fill_page(struct area *area, u64 page, u64 generation)
{
	u16 port = page_registers[area->cpu];

	if (is_filled_by_port(page)) {
		outb(value_of(area, page, generation), port);
		fill_downwards(port, (u8 *)words_of(area, page));
	} else {
		fill_words(words_of(area, page), PAGE_WORDS, wanted_in(area, page, generation));
	}
}

static bool verify_page(struct area *area, u64 page, u64 generation)
{
	u64 wanted = wanted_in(area, page, generation);
	const u64 *unlike = first_unlike(words_of(area, page), PAGE_WORDS, wanted);
	char text[160];

	if (likely(!unlike))
		return true;
	snprintf(text, sizeof(text), "%s wrote 0x%lx in generation %lu, and it is 0x%lx",
		 is_filled_by_port(page) ? "one rep insb of 4096 bytes" : "the CPU", wanted,
		 generation, *unlike);
	complain(area, page, unlike, text);
	return false;
}

static const struct kind emulated_page = {
	.pages = 32,
	.least = 8,
	.write = fill_page,
	.verify = verify_page,
};

FEATURE(STRINGS, "strings=on on the command line, as the stanza dirty_strings has it")
{
	const char *strings = argument("strings");

	return strings && !strcmp(strings, "on");
}

FEATURE(PAGE_REGISTERS, "the page registers of an 8237 DMA controller")
{
	for (int i = 0; i < MOST_WRITERS; i++)
		if (!keeps_what_is_written(page_registers[i]))
			return false;
	return true;
}

/*
 * KVM's emulator writes memory 4096 times for such an instruction. KVM puts each of these writes
 * into a dirty ring. A broken KVM asks only between instructions whether the ring is nearly full
 * (Documentation/virt/kvm/api.rst, "KVM_CAP_DIRTY_LOG_RING"). Then entries that nobody has read
 * are overwritten, and the pages in them are lost. Or KVM and the VMM disagree about where the
 * next entry is, and the guest hangs. Since this harms the guest's other memory, too, the test has
 * a case of its own.
 */
TEST(emulated_page, .needs = ALL_OF(STRINGS, PAGE_REGISTERS),
     .about =
	     "pages that one REP INS fills byte by byte, and those beside them, keep what was written")
{
	run(&emulated_page);
}
