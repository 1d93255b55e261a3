// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: memory below 640 KiB. A part of the program dirty: see dirty.c.
 *
 * A PC's memory has holes, so a VMM gives it to KVM in several slots, each with a dirty log of its
 * own. A broken KVM or VMM does not log one of them. All other tests use the large slot that begins
 * at 1 MiB. The stanza dirty_high has them use the one above 4 GiB, and dirty_bar one of a device.
 * This slot has 192 pages, a multiple of the 64 that a word of the log stands for. Slots of other
 * sizes come and go in slots.c.
 */
#include "efi/efi.h"
#include "test.h"
#include "x86/dirty/dirty.h"

/* Behind it is what the BIOS keeps for itself. */
#define LOW_END	  0x9f000
#define LOW_PAGES 16

FEATURE(LOW_MEMORY, "memory below 640 KiB that no firmware needs")
{
	return !efi_started();
}

/* The memory that the area had at first, and that is freed in the end. */
static u8 *allocated[MOST_WRITERS];

static void move_down(struct area *area)
{
	u64 size = area->pages * PAGE_SIZE;

	allocated[area->cpu] = area->memory;
	area->memory = (u8 *)(LOW_END - (area->cpu + 1) * size);
	area->victim = area->memory + size / 2;
	memset(area->memory, 0, size);
}

static void move_back(struct area *area)
{
	area->memory = allocated[area->cpu];
}

static void write_low(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

static const struct kind low = {
	.pages = LOW_PAGES,
	.least = LOW_PAGES,
	.set_up = move_down,
	.clean_up = move_back,
	.write = write_low,
	.verify = verify_stamps,
	.stamped = true,
};

TEST(low, .needs = LOW_MEMORY,
     .about = "pages below 640 KiB, up to the end of that memory, hold the last write")
{
	run(&low);
}
