// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: bits that the CPU's page walker sets in page tables (Intel SDM volume 3, "Accessed and
 * Dirty Flags"). A part of the program dirty: see dirty.c.
 */
#include "processor.h"
#include "vmalloc.h"
#include "x86/dirty/dirty.h"

/* The entry of a page of the view. Its table maps nothing else, and all pages have one size. */
static pteval_t *entry_of(const struct area *area, u64 page)
{
	int level;

	return find_pte(current_page_table(), area->view, &level) + page;
}

static void set_up_walks(struct area *area)
{
	map_view(area, PAGE_DATA);
	area->view_step = PAGE_SIZE;
	/* Makes the table the victim: between two generations only the walker writes it. */
	area->victim = (u8 *)entry_of(area, 0);
}

#define LARGE_PAGE_SIZE (PAGE_SIZE << LARGE_PAGE_ORDER)
#define LARGE_VIEW_SIZE (LARGE_PAGE_SIZE * 512)

/* All large pages of the view map the same memory. */
static void set_up_large_walks(struct area *area)
{
	static u8 *space[MOST_WRITERS];

	if (!space[area->cpu])
		space[area->cpu] = (u8 *)ALIGN((u64)alloc_vpages(2 * LARGE_VIEW_SIZE / PAGE_SIZE),
					       LARGE_VIEW_SIZE);
	area->view = space[area->cpu];
	area->view_step = LARGE_PAGE_SIZE;
	for (u64 page = 0; page < area->pages; page++)
		map_range(area->view + page * LARGE_PAGE_SIZE, virt_to_phys(area->memory),
			  LARGE_PAGE_SIZE, PAGE_DATA);
	area->victim = (u8 *)entry_of(area, 0);
}

static void clean_up_large_walks(struct area *area)
{
	pteval_t *entries = entry_of(area, 0);

	for (u64 page = 0; page < area->pages; page++)
		WRITE_ONCE(entries[page], 0);
	flush_tlb_all();
	/* Other tests must not take this address for a view of small pages. */
	area->view = NULL;
}

/*
 * In odd generations every page is used, and even pages are written. In even generations the bits
 * are cleared.
 */
static void use_or_clear(struct area *area, u64 page, u64 generation)
{
	volatile u64 *at = (u64 *)(area->view + page * area->view_step);

	if (!(generation & 1)) {
		__atomic_and_fetch(entry_of(area, page), ~USED_BITS, __ATOMIC_SEQ_CST);
		invlpg((void *)at);
	} else if (page & 1) {
		(void)*at;
	} else {
		*at = generation;
	}
}

/* A CPU may read ahead, and so set accessed bits by itself. It never does so with dirty bits. */
static bool verify_used_bits(struct area *area, u64 page, u64 generation)
{
	pteval_t entry = READ_ONCE(*entry_of(area, page));
	bool written = (generation & 1) && !(page & 1);
	char text[120];

	if (!(entry & PT_DIRTY_MASK) == !written && (entry & PT_ACCESSED_MASK || !(generation & 1)))
		return true;
	snprintf(text, sizeof(text), "was %s, and its entry is 0x%lx",
		 !(generation & 1) ? "cleared"
		 : written	   ? "written (A and D)"
				   : "read (A, no D)",
		 entry);
	complain(area, page, entry_of(area, page), text);
	return false;
}

static const struct kind walks = {
	.pages = 256,
	.least = 16,
	.set_up = set_up_walks,
	.clean_up = unmap_view,
	.write = use_or_clear,
	.verify = verify_used_bits,
};

static const struct kind large_walks = {
	.pages = 256,
	.least = 16,
	.order = LARGE_PAGE_ORDER,
	.set_up = set_up_large_walks,
	.clean_up = clean_up_large_walks,
	.write = use_or_clear,
	.verify = verify_used_bits,
};

/*
 * With nested paging the CPU writes the guest's page tables, by an access for which KVM gets a
 * fault of its own. With shadow paging KVM writes them. A broken KVM does not log the page
 * table, so that the bits are lost. Or it sets bits for pages that nobody has used.
 */
TEST(walks,
     .about = "accessed and dirty bits of 4 KiB pages are neither lost nor made up by a migration")
{
	run(&walks);
}

TEST(large_walks,
     .about = "accessed and dirty bits of 2 MiB pages are neither lost nor made up by a migration")
{
	run(&large_walks);
}
