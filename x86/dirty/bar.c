// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: areas in RAM behind a PCI BAR, the frame buffer of QEMU's display adapters (PCI function
 * 1234:1111, BAR 0; QEMU's docs/specs/standard-vga). A part of the program dirty: see dirty.c.
 *
 * With `memory=bar` on the command line the areas lie there. To a VMM this is another block of RAM,
 * in a memory slot of its own, and it belongs to a device. The display has a use of its own for the
 * slot's dirty log, to draw what has changed. A broken VMM does not migrate this RAM, or it does
 * not mark for the migration what the slot's log has, because it takes the log for the display's
 * alone. The tests are those of other memory.
 */
#include "alloc_page.h"
#include "argument.h"
#include "pci.h"
#include "x86/dirty/dirty.h"

#define DISPLAY_VENDOR 0x1234
#define DISPLAY_DEVICE 0x1111
#define FRAME_BUFFER   0

/* The BAR, and how much of it is in use, from its beginning. */
static u8 *start;
static u64 size, used, blocks;

static bool areas_are_in_bar(void)
{
	return argument("memory") && !strcmp(argument("memory"), "bar");
}

FEATURE(BAR, "the frame buffer of a display adapter, as the stanza dirty_bar has it")
{
	return areas_are_in_bar();
}

pcidevaddr_t display(void)
{
	return pci_find_dev(DISPLAY_VENDOR, DISPLAY_DEVICE);
}

/* Maps the frame buffer like RAM, since it is RAM. */
static void find_bar(void)
{
	struct pci_bar bar;

	assert_msg(display() != PCIDEVADDR_INVALID, "memory=bar needs a display adapter %x:%x",
		   DISPLAY_VENDOR, DISPLAY_DEVICE);
	pci_enable(display());
	bar = pci_bar(display(), FRAME_BUFFER);
	start = phys_to_virt(bar.address);
	size = bar.size;
	map_range(start, bar.address, size, PAGE_DATA);
}

u8 *bar_memory(void)
{
	if (!start)
		find_bar();
	return start;
}

u64 area_pages(void)
{
	if (!areas_are_in_bar())
		return ram_pages();
	bar_memory();
	return size / PAGE_SIZE;
}

void *alloc_area(unsigned order, bool in_ram)
{
	u64 bytes = PAGE_SIZE << order, at;

	if (in_ram || !areas_are_in_bar())
		return alloc_pages_dirty(order);
	bar_memory();
	at = ALIGN(used, bytes);
	assert_msg(at + bytes <= size, "no room for %lu bytes in a BAR of %lu", bytes, size);
	used = at + bytes;
	blocks++;
	return start + at;
}

void free_area(void *memory)
{
	if (!start || (u8 *)memory < start || (u8 *)memory >= start + size)
		free_pages(memory);
	else if (!--blocks)
		used = 0;
}
