// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A buddy allocator. Memory is set up when it is first used, since a loop over all pages at boot
 * would be slow on an emulated host: each zone is carved into blocks up to a mark, and each page
 * below the mark has a byte of state.
 */
#include "alloc_page.h"
#include "memory.h"
#include "processor.h"
#include "spinlock.h"
#include "vm.h"

struct free_block {
	struct free_block *next, *previous;
};

/* The state of a block's first page is one of these plus the block's order. */
#define STATE_INSIDE	0x00
#define STATE_FREE	0x40
#define STATE_ALLOCATED 0x80
#define STATE_ORDER	0x3f

struct zone {
	u64 base, carved, end; /* page numbers; carved is the mark */
	u8 *states;
};

static struct zone zones[MOST_MEMORY_REGIONS];
static int zone_count;
static struct free_block *free_lists[MOST_PAGE_ORDER + 1];
static u64 pages_in_use;
static struct spinlock lock;

static struct zone *zone_of(u64 page)
{
	for (struct zone *zone = zones; zone < zones + zone_count; zone++)
		if (page >= zone->base && page < zone->carved)
			return zone;
	return NULL;
}

static void *page_address(u64 page)
{
	return phys_to_virt(page << PAGE_SHIFT);
}

static u64 page_number(const void *address)
{
	return (u64)address >> PAGE_SHIFT;
}

static void push_free(struct zone *zone, u64 page, unsigned order)
{
	struct free_block *block = page_address(page);

	*block = (struct free_block){ .next = free_lists[order] };
	if (block->next)
		block->next->previous = block;
	free_lists[order] = block;
	zone->states[page - zone->base] = STATE_FREE | order;
}

static void remove_free(struct zone *zone, u64 page, unsigned order)
{
	struct free_block *block = page_address(page);

	if (block->previous)
		block->previous->next = block->next;
	else
		free_lists[order] = block->next;
	if (block->next)
		block->next->previous = block->previous;
	zone->states[page - zone->base] = STATE_INSIDE;
}

static void give_back(struct zone *zone, u64 page, unsigned order)
{
	for (; order < MOST_PAGE_ORDER; order++) {
		u64 buddy = page ^ 1ul << order;

		if (buddy < zone->base || buddy + (1ul << order) > zone->carved ||
		    zone->states[buddy - zone->base] != (STATE_FREE | order))
			break;
		remove_free(zone, buddy, order);
		zone->states[page - zone->base] = STATE_INSIDE;
		page &= ~(1ul << order);
	}
	push_free(zone, page, order);
}

/* Raises the mark, and puts what it passes into the free lists as aligned blocks. */
static void carve_to(struct zone *zone, u64 page)
{
	while (zone->carved < page) {
		u64 from = zone->carved;
		unsigned order = 0;

		while (order < MOST_PAGE_ORDER && IS_ALIGNED(from, 2ul << order) &&
		       from + (2ul << order) <= page)
			order++;
		memset(&zone->states[from - zone->base], STATE_INSIDE, 1ul << order);
		zone->carved += 1ul << order;
		push_free(zone, from, order);
	}
}

/* Makes a free block from memory that has never been used. */
static bool carve_block(unsigned order)
{
	for (struct zone *zone = zones; zone < zones + zone_count; zone++) {
		u64 start = ALIGN(zone->carved, 1ul << order);

		if (start + (1ul << order) <= zone->end) {
			carve_to(zone, start + (1ul << order));
			return true;
		}
	}
	return false;
}

static void *take_block(unsigned order)
{
	unsigned have = order;
	struct zone *zone;
	u64 page;

	while (have <= MOST_PAGE_ORDER && !free_lists[have])
		have++;
	if (have > MOST_PAGE_ORDER)
		return NULL;
	page = page_number(free_lists[have]);
	zone = zone_of(page);
	remove_free(zone, page, have);
	while (have > order) {
		have--;
		push_free(zone, page + (1ul << have), have);
	}
	zone->states[page - zone->base] = STATE_ALLOCATED | order;
	return page_address(page);
}

void *alloc_pages_dirty(unsigned order)
{
	u64 flags;
	void *block;

	assert(order <= MOST_PAGE_ORDER);
	flags = irq_save();
	spin_lock(&lock);
	block = take_block(order);
	if (!block && carve_block(order))
		block = take_block(order);
	if (block)
		pages_in_use += 1ul << order;
	spin_unlock(&lock);
	irq_restore(flags);
	if (!block)
		report_abort("out of memory: no %lu contiguous pages", 1ul << order);
	return block;
}

unsigned page_order(size_t size)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < size)
		order++;
	return order;
}

void *alloc_pages(unsigned order)
{
	return memset(alloc_pages_dirty(order), 0, PAGE_SIZE << order);
}

void *alloc_page(void)
{
	return alloc_pages(0);
}

void free_pages(void *block)
{
	u64 page = page_number(block);
	struct zone *zone;
	unsigned order;
	u64 flags;

	if (!block)
		return;
	flags = irq_save();
	spin_lock(&lock);
	zone = zone_of(page);
	if (!zone || !IS_ALIGNED((u64)block, PAGE_SIZE) ||
	    !(zone->states[page - zone->base] & STATE_ALLOCATED))
		report_abort("free_pages(%p): not an allocated block", block);
	order = zone->states[page - zone->base] & STATE_ORDER;
	zone->states[page - zone->base] = STATE_INSIDE;
	pages_in_use -= 1ul << order;
	give_back(zone, page, order);
	spin_unlock(&lock);
	irq_restore(flags);
}

void free_page(void *page)
{
	free_pages(page);
}

u64 allocated_pages(void)
{
	return READ_ONCE(pages_in_use);
}

void page_alloc_init(void)
{
	for (int i = 0; i < memory_regions; i++) {
		struct zone *zone = &zones[zone_count++];
		u64 pages;

		zone->base = memory_region[i].start >> PAGE_SHIFT;
		zone->end = memory_region[i].end >> PAGE_SHIFT;
		/* The zone's first pages hold the states of the others. */
		zone->states = page_address(zone->base);
		pages = ALIGN(zone->end - zone->base, PAGE_SIZE) >> PAGE_SHIFT;
		zone->carved = zone->base += pages;
	}
}

void page_alloc_from_top(void)
{
	for (int low = 0, high = zone_count - 1; low < high; low++, high--) {
		struct zone zone = zones[low];

		zones[low] = zones[high];
		zones[high] = zone;
	}
}
