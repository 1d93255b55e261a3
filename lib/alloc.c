// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * malloc(), calloc(), memalign() and free(). A piece of up to half a page comes from a page that is
 * cut into pieces of one power of two; such pages are never given back. Larger pieces are whole
 * pages. A header in front of each piece tells free() what it is.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "spinlock.h"
#include "vm.h"

struct header {
	u64 magic;    /* the state XORed with the address, so that stray data does not match */
	u32 order;    /* the piece has 2^order bytes */
	u32 to_piece; /* bytes from the start of the piece to this header */
};

#define ALLOCATED_MAGIC 0xa110ca7ed0000000
#define FREED_MAGIC	0xf4eed00000000000

#define LEAST_ORDER	 5
#define LAST_SMALL_ORDER 11

struct piece {
	struct piece *next;
};

static struct piece *free_pieces[LAST_SMALL_ORDER + 1];
static struct spinlock lock;

static u64 magic(const struct header *header, u64 state)
{
	return state ^ (u64)header;
}

static void carve_page(unsigned order)
{
	char *page = alloc_pages_dirty(0);

	for (u64 at = 0; at < PAGE_SIZE; at += 1ul << order) {
		struct piece *piece = (struct piece *)(page + at);

		piece->next = free_pieces[order];
		free_pieces[order] = piece;
	}
}

static void *take_small(unsigned order)
{
	u64 flags = irq_save();
	struct piece *piece;

	spin_lock(&lock);
	if (!free_pieces[order])
		carve_page(order);
	piece = free_pieces[order];
	free_pieces[order] = piece->next;
	spin_unlock(&lock);
	irq_restore(flags);
	return piece;
}

static unsigned order_of(size_t size)
{
	unsigned order = LEAST_ORDER;

	while (1ul << order < size)
		order++;
	return order;
}

void *memalign(size_t alignment, size_t size)
{
	struct header *header;
	unsigned order;
	u64 piece, memory;

	alignment = MAX(alignment, sizeof(struct header));
	assert(!(alignment & (alignment - 1)));
	/* A piece is aligned to its own size. The header in front costs one alignment. */
	order = order_of(size + alignment + (alignment > sizeof(*header) ? sizeof(*header) : 0));
	if (order <= LAST_SMALL_ORDER)
		piece = (u64)take_small(order);
	else
		piece = (u64)alloc_pages_dirty(order > PAGE_SHIFT ? order - PAGE_SHIFT : 0);
	memory = ALIGN(piece + sizeof(*header), alignment);
	header = (struct header *)memory - 1;
	*header = (struct header){
		.magic = magic(header, ALLOCATED_MAGIC),
		.order = order,
		.to_piece = (u64)header - piece,
	};
	return (void *)memory;
}

void *malloc(size_t size)
{
	return memalign(sizeof(struct header), size);
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		report_abort("calloc(%lu, %lu): more than there is", count, size);
	return memset(malloc(bytes), 0, bytes);
}

void free(void *memory)
{
	struct header *header = (struct header *)memory - 1;
	struct piece *piece;
	unsigned order;
	u64 flags;

	if (!memory)
		return;
	if (header->magic == magic(header, FREED_MAGIC))
		report_abort("free(%p): freed before", memory);
	if (header->magic != magic(header, ALLOCATED_MAGIC))
		report_abort("free(%p): not from malloc(), or overwritten", memory);
	header->magic = magic(header, FREED_MAGIC);
	order = header->order;
	piece = (struct piece *)((char *)header - header->to_piece);
	if (order > LAST_SMALL_ORDER) {
		free_pages(piece);
		return;
	}
	flags = irq_save();
	spin_lock(&lock);
	piece->next = free_pieces[order];
	free_pieces[order] = piece;
	spin_unlock(&lock);
	irq_restore(flags);
}
