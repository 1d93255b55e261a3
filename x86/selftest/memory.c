// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * selftest: the allocators of pages, bytes and address space. A part of the program selftest:
 * see selftest.c.
 */
#include "alloc_page.h"
#include "processor.h"
#include "vm.h"
#include "vmalloc.h"
#include "x86/selftest/selftest.h"

static bool is_filled(const u8 *memory, u8 with, size_t size)
{
	for (size_t i = 0; i < size; i += 64)
		if (memory[i] != with)
			return false;
	return memory[size - 1] == with;
}

TEST(page_allocator,
     .about = "blocks of pages are aligned and zeroed, do not overlap, and can be freed")
{
	u64 before = allocated_pages();
	u8 *blocks[7], *again;

	for (unsigned order = 0; order < ARRAY_SIZE(blocks); order++) {
		blocks[order] = alloc_pages(order);
		report_if_failed(IS_ALIGNED((u64)blocks[order], PAGE_SIZE << order),
				 "order %u at %p", order, blocks[order]);
		report_if_failed(is_filled(blocks[order], 0, PAGE_SIZE << order),
				 "order %u is not zero", order);
		memset(blocks[order], order + 1, PAGE_SIZE << order);
	}
	for (unsigned order = 0; order < ARRAY_SIZE(blocks); order++)
		report_if_failed(is_filled(blocks[order], order + 1, PAGE_SIZE << order),
				 "order %u was overwritten", order);
	report(allocated_pages() == before + 127, "127 pages are in use");
	for (unsigned order = 0; order < ARRAY_SIZE(blocks); order++)
		free_pages(blocks[order]);
	report(allocated_pages() == before, "none of them is in use after freeing");

	again = alloc_pages(3);
	report(is_filled(again, 0, PAGE_SIZE << 3), "used pages are cleared again");
	free_pages(again);
}

TEST(page_allocator_merges,
     .about = "64 single pages become large blocks again when they are freed")
{
	void *pages[64], *large;
	u64 lowest = ~0ul, highest = 0;

	/* The next single pages come from this freed block of 64 pages. */
	large = alloc_pages_dirty(6);
	free_pages(large);
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
		pages[i] = alloc_pages_dirty(0);
		lowest = MIN(lowest, (u64)pages[i]);
		highest = MAX(highest, (u64)pages[i]);
	}
	/* Frees the even pages first, so that nothing can merge before the odd ones are freed. */
	for (unsigned i = 0; i < ARRAY_SIZE(pages); i += 2)
		free_page(pages[i]);
	for (unsigned i = 1; i < ARRAY_SIZE(pages); i += 2)
		free_page(pages[i]);
	large = alloc_pages_dirty(6);
	report((u64)large <= highest, "64 pages in a row at %p, within what was freed (%lx to %lx)",
	       large, lowest, highest);
	free_pages(large);
}

TEST(byte_allocator,
     .about =
	     "malloc() and its kin return pieces that are aligned, do not overlap, and can be freed")
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 1000, 2048, 4096, 5000, 70000 };
	u8 *pieces[ARRAY_SIZE(sizes)];
	u8 *zeroes;

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		pieces[i] = malloc(sizes[i]);
		report_if_failed(IS_ALIGNED((u64)pieces[i], 16), "%lu bytes at %p", sizes[i],
				 pieces[i]);
		memset(pieces[i], i + 1, sizes[i]);
	}
	for (unsigned i = 1; i < ARRAY_SIZE(sizes); i++)
		report_if_failed(is_filled(pieces[i], i + 1, sizes[i]), "%lu bytes overwritten",
				 sizes[i]);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		free(pieces[i]);
	free(NULL);
	for (size_t alignment = 16; alignment <= 8192; alignment *= 2) {
		void *aligned = memalign(alignment, 24);

		report_if_failed(IS_ALIGNED((u64)aligned, alignment), "alignment %lu: %p",
				 alignment, aligned);
		free(aligned);
	}
	zeroes = calloc(100, 10);
	report(is_filled(zeroes, 0, 1000), "calloc clears");
	free(zeroes);
	report_pass("malloc, memalign and free");
}

bool faults_on_read(const volatile void *address)
{
	u8 value;
	int vector = asm_safe_out1("movb (%1), %0", "=q"(value), "r"(address));

	return vector == PF_VECTOR && exception_cr2() == (u64)address &&
	       !(exception_error_code() & (PFERR_PRESENT_MASK | PFERR_WRITE_MASK));
}

TEST(vmalloc_area,
     .about = "vmalloc() maps pages between guard pages, and vfree() unmaps and frees them")
{
	u64 before = allocated_pages();
	u8 *memory = vmalloc(3 * PAGE_SIZE - 1);
	u8 *other = vmalloc(1);
	u8 *same;
	u64 tables;

	report(is_filled(memory, 0, 3 * PAGE_SIZE), "the memory is zero");
	memory[0] = 1;
	memory[3 * PAGE_SIZE - 1] = 2;
	other[0] = 3;
	same = phys_to_virt(virt_to_phys(memory + 3 * PAGE_SIZE - 1));
	report(*same == 2 && memory[0] == 1, "virt_to_phys finds the byte");
	report(faults_on_read(memory - 1) && faults_on_read(memory + 3 * PAGE_SIZE),
	       "the pages around it are not mapped");
	tables = allocated_pages() - before;
	vfree(memory);
	report(faults_on_read(memory), "the memory is not mapped once it is freed");
	report(allocated_pages() == before + tables - 4, "its pages are free");
	vfree(other);
}
