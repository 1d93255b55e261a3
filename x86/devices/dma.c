// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * devices: the two 8237A DMA controllers and their page registers (Intel 8237A data sheet; ICH9
 * data sheet, 13.2). See devices.c.
 *
 * Addresses and counts have 16 bits, but their ports have 8. A flip-flop says which byte is next. A
 * broken hypervisor forgets it, or what the registers held.
 */
#include "io.h"
#include "migrate.h"
#include "report.h"
#include "x86/devices/devices.h"

struct controller {
	const char *name;
	u16 address, count; /* of the channel that is tried */
	u16 mask_all, clear_flip_flop, master_clear;
	u16 page;
};

static const struct controller controllers[] = {
	{ "channel 3", 0x06, 0x07, 0x0f, 0x0c, 0x0d, 0x82 },
	{ "channel 7", 0xcc, 0xce, 0xde, 0xd8, 0xda, 0x8a },
};

FEATURE(ISA_DMA, "8237A DMA controllers (ports 0x80 to 0x8f)")
{
	return port_holds(controllers[0].page) && port_holds(controllers[1].page);
}

static u16 read_word(const struct controller *controller, u16 port)
{
	u16 value;

	outb(0, controller->clear_flip_flop);
	value = inb(port);
	return value | inb(port) << 8;
}

static void write_word(const struct controller *controller, u16 port, u16 value)
{
	outb(0, controller->clear_flip_flop);
	outb(value, port);
	outb(value >> 8, port);
}

static void check_word(const struct controller *controller, const char *what, u16 port, u16 value)
{
	u16 is = read_word(controller, port);

	report(is == value, "%s: the %s was %#x, and is %#x", controller->name, what, value, is);
}

TEST(dma_registers, .needs = ISA_DMA,
     .about = "addresses, counts and pages of the 8237A controllers survive an action")
{
	u8 pages[ARRAY_SIZE(controllers)];

	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const struct controller *controller = &controllers[i];

		pages[i] = inb(controller->page);
		outb(0x0f, controller->mask_all);
		write_word(controller, controller->address, 0x1234 + i);
		write_word(controller, controller->count, 0x8765 + i);
		outb(0xa0 + i, controller->page);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const struct controller *controller = &controllers[i];
		u8 page = inb(controller->page);

		check_word(controller, "address", controller->address, 0x1234 + i);
		check_word(controller, "count", controller->count, 0x8765 + i);
		report(page == 0xa0 + i, "%s: the page was %#x, and is %#x", controller->name,
		       0xa0 + (unsigned)i, page);
		outb(pages[i], controller->page);
	}
}

TEST(dma_half_written, .needs = ISA_DMA,
     .about =
	     "the 8237A controllers take a word's high byte after an action if they had the low byte before")
{
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const struct controller *controller = &controllers[i];

		outb(0x0f, controller->mask_all);
		write_word(controller, controller->address, 0);
		outb(0, controller->clear_flip_flop);
		outb(0x3c, controller->address);
	}
	migrate_quiet();
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		const struct controller *controller = &controllers[i];

		outb(0xa5, controller->address);
		check_word(controller, "address", controller->address, 0xa53c);
		outb(0, controller->master_clear);
	}
}
