// SPDX-License-Identifier: GPL-2.0-or-later
/* Virtual memory. See vmalloc.h. */
#include "vmalloc.h"
#include "alloc_page.h"
#include "atomic.h"
#include "vm.h"

/* The header has a page of its own. The page between it and the memory is a guard, never mapped. */
struct vmalloc_header {
	u64 magic;
	size_t pages;
};

#define VMALLOC_MAGIC 0x766d616c6c6f6321

static u64 next_address = VMALLOC_START;

void *alloc_vpages(size_t pages)
{
	/* One more page is never mapped, as a guard. */
	u64 size = (pages + 1) * PAGE_SIZE;
	u64 address = __atomic_fetch_add(&next_address, size, __ATOMIC_SEQ_CST);

	assert_msg(address + size <= VMALLOC_END, "no virtual addresses left");
	return (void *)address;
}

void *alloc_vpage(void)
{
	return alloc_vpages(1);
}

void *vmalloc(size_t size)
{
	size_t pages = ALIGN(size, PAGE_SIZE) / PAGE_SIZE;
	char *header_page = alloc_vpages(pages + 2);
	char *memory = header_page + 2 * PAGE_SIZE;
	struct vmalloc_header *header = (void *)header_page;

	map_pages(header, virt_to_phys(alloc_page()), 1, PAGE_DATA);
	*header = (struct vmalloc_header){ VMALLOC_MAGIC, pages };
	for (size_t i = 0; i < pages; i++)
		map_pages(memory + i * PAGE_SIZE, virt_to_phys(alloc_page()), 1, PAGE_DATA);
	return memory;
}

static void free_mapped(char *address, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		phys_addr_t page = virt_to_phys(address + i * PAGE_SIZE);

		/* Unmap first, so that no CPU writes to a page that is free. */
		unmap_pages(address + i * PAGE_SIZE, 1);
		free_page(phys_to_virt(page));
	}
}

void vfree(void *memory)
{
	struct vmalloc_header *header = (void *)((char *)memory - 2 * PAGE_SIZE);

	if (!memory)
		return;
	if ((u64)memory < VMALLOC_START || (u64)memory >= VMALLOC_END || !is_mapped(header) ||
	    header->magic != VMALLOC_MAGIC)
		report_abort("vfree(%p): not from vmalloc()", memory);
	free_mapped(memory, header->pages);
	free_mapped((char *)header, 1);
}

static void *map_physical(phys_addr_t physical, size_t size, u64 bits)
{
	size_t offset = physical % PAGE_SIZE;
	size_t pages = ALIGN(offset + size, PAGE_SIZE) / PAGE_SIZE;
	char *address = alloc_vpages(pages);

	map_pages(address, physical - offset, pages, bits);
	return address + offset;
}

void *vmap(phys_addr_t physical, size_t size)
{
	return map_physical(physical, size, PAGE_DATA);
}

void *ioremap(phys_addr_t physical, size_t size)
{
	return map_physical(physical, size, PAGE_DEVICE);
}

void vunmap(void *address, size_t size)
{
	size_t offset = (u64)address % PAGE_SIZE;

	unmap_pages((char *)address - offset, ALIGN(offset + size, PAGE_SIZE) / PAGE_SIZE);
}
