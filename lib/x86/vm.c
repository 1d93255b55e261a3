// SPDX-License-Identifier: GPL-2.0-or-later
/* Page tables. See vm.h. */
#include "vm.h"
#include "alloc_page.h"
#include "argument.h"
#include "boot.h"
#include "memory.h"
#include "processor.h"
#include "smp.h"
#include "spinlock.h"

#define LEVELS	       4
#define ENTRIES	       512
#define TABLE_BITS     (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK | PT_ACCESSED_MASK)
#define FOUR_GIB       (1ul << 32)
#define LEAF_USED_BITS (PT_ACCESSED_MASK | PT_DIRTY_MASK)

static struct spinlock table_lock;

static unsigned entry_index(const void *address, int level)
{
	return (u64)address >> (PAGE_SHIFT + 9 * (level - 1)) & (ENTRIES - 1);
}

static u64 page_size_at(int level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static pteval_t *table_of(pteval_t entry)
{
	return phys_to_virt(entry & PT_ADDR_MASK);
}

static bool is_leaf(pteval_t entry, int level)
{
	return level == 1 || !(entry & PT_PRESENT_MASK) || entry & PT_PAGE_SIZE_MASK;
}

pgd_t *current_page_table(void)
{
	return phys_to_virt(read_cr3() & PT_ADDR_MASK);
}

pteval_t *find_pte(pgd_t *root, const void *address, int *level)
{
	pteval_t *table = root;

	for (*level = LEVELS;; --*level) {
		pteval_t *entry = &table[entry_index(address, *level)];

		if (*level == LEVELS && !(*entry & PT_PRESENT_MASK))
			return NULL;
		if (*level < LEVELS && is_leaf(*entry, *level))
			return *level == 1 || *entry & PT_PRESENT_MASK ? entry : NULL;
		table = table_of(*entry);
	}
}

static bool is_canonical(const void *address)
{
	return (s64)((u64)address << 16) >> 16 == (s64)address;
}

bool is_mapped(const void *address)
{
	int level;
	pteval_t *entry;

	if (!is_canonical(address))
		return false;
	entry = find_pte(current_page_table(), address, &level);
	return entry && *entry & PT_PRESENT_MASK;
}

phys_addr_t virt_to_phys(const void *address)
{
	int level;
	pteval_t *entry = find_pte(current_page_table(), address, &level);
	u64 size;

	assert_msg(entry && *entry & PT_PRESENT_MASK, "%p is not mapped", address);
	size = page_size_at(level);
	return (*entry & PT_ADDR_MASK & ~(size - 1)) | ((u64)address & (size - 1));
}

pgd_t *new_page_table(void)
{
	return alloc_page();
}

/* Splits a large page into 512 of the next smaller size, with the same bits. */
static void split(pteval_t *entry, int level)
{
	pteval_t *table = alloc_page();
	u64 step = page_size_at(level - 1);
	pteval_t small = *entry;

	if (level == 2)
		small &= ~PT_PAGE_SIZE_MASK;
	for (int i = 0; i < ENTRIES; i++)
		table[i] = small + i * step;
	WRITE_ONCE(*entry, (u64)table | TABLE_BITS);
}

static pteval_t *get_entry(pgd_t *root, const void *address, int lowest)
{
	pteval_t *table = root;
	int level;

	for (level = LEVELS; level > lowest; level--) {
		pteval_t *entry = &table[entry_index(address, level)];

		if (!(*entry & PT_PRESENT_MASK))
			WRITE_ONCE(*entry, (u64)alloc_page() | TABLE_BITS);
		else if (is_leaf(*entry, level))
			split(entry, level);
		table = table_of(*entry);
	}
	return &table[entry_index(address, level)];
}

pteval_t *get_pte(pgd_t *root, const void *address)
{
	return get_entry(root, address, 1);
}

/* Returns whether the old entry was present, so that TLBs may hold it. */
static bool set_entry(pteval_t *entry, pteval_t value)
{
	return __atomic_exchange_n(entry, value, __ATOMIC_SEQ_CST) & PT_PRESENT_MASK;
}

void map_pages(void *address, phys_addr_t physical, size_t pages, u64 bits)
{
	bool stale = false;
	char *at = address;

	spin_lock(&table_lock);
	for (; pages; pages--, at += PAGE_SIZE, physical += PAGE_SIZE)
		stale |= set_entry(get_pte(current_page_table(), at),
				   physical | bits | LEAF_USED_BITS);
	spin_unlock(&table_lock);
	if (stale)
		flush_tlb_all();
}

/* Returns whether TLBs may hold old entries. */
static bool set_range(pgd_t *root, void *address, phys_addr_t physical, size_t size, u64 bits)
{
	bool gigabytes = this_cpu_has(X86_FEATURE_GBPAGES);
	bool stale = false;
	char *at = address, *end = at + size;

	while (at < end) {
		int level = gigabytes ? 3 : 2;

		while (level > 1 && (((u64)at | physical) & (page_size_at(level) - 1) ||
				     at + page_size_at(level) > end))
			level--;
		stale |= set_entry(get_entry(root, at, level),
				   physical | bits | LEAF_USED_BITS |
					   (level > 1 ? PT_PAGE_SIZE_MASK : 0));
		at += page_size_at(level);
		physical += page_size_at(level);
	}
	return stale;
}

void map_range(void *address, phys_addr_t physical, size_t size, u64 bits)
{
	bool stale;

	spin_lock(&table_lock);
	stale = set_range(current_page_table(), address, physical, size, bits);
	spin_unlock(&table_lock);
	if (stale)
		flush_tlb_all();
}

void map_range_in(pgd_t *root, void *address, phys_addr_t physical, size_t size, u64 bits)
{
	set_range(root, address, physical, size, bits);
}

void unmap_pages(void *address, size_t pages)
{
	bool stale = false;
	char *at = address;

	spin_lock(&table_lock);
	for (; pages; pages--, at += PAGE_SIZE)
		stale |= set_entry(get_pte(current_page_table(), at), 0);
	spin_unlock(&table_lock);
	if (stale)
		flush_tlb_all();
}

void protect_pages(void *address, size_t pages, u64 bits)
{
	char *at = address;

	spin_lock(&table_lock);
	for (; pages; pages--, at += PAGE_SIZE) {
		pteval_t *entry = get_pte(current_page_table(), at);

		set_entry(entry, (*entry & PT_ADDR_MASK) | bits | LEAF_USED_BITS);
	}
	spin_unlock(&table_lock);
	flush_tlb_all();
}

u16 bios_data_area_u16(u32 offset)
{
	const void *page0 = (const void *)0ul;
	pteval_t *entry = get_pte(current_page_table(), page0);
	u16 value;

	*entry = PAGE_RODATA | LEAF_USED_BITS;
	asm volatile("movw (%1), %0" : "=r"(value) : "r"((u64)offset) : "memory");
	*entry = 0;
	invlpg(page0);
	return value;
}

static void protect_image(char *from, char *to, u64 bits)
{
	for (char *at = from; at < to; at += PAGE_SIZE)
		boot_pt_image[entry_index(at, 1)] = (u64)at | bits | LEAF_USED_BITS;
}

void paging_init(void)
{
	protect_image(_text, _etext, PAGE_TEXT);
	protect_image(_rodata, _erodata, PAGE_RODATA);
	protect_image(_data, _end, PAGE_DATA);
	flush_tlb();

	for (int i = 0; i < memory_regions; i++) {
		struct memory_region region = memory_region[i];

		region.start = MAX(region.start, FOUR_GIB);
		if (region.start < region.end)
			map_range(phys_to_virt(region.start), region.start,
				  region.end - region.start, PAGE_DATA);
	}
	if (argument("memory") && !strcmp(argument("memory"), "high"))
		page_alloc_from_top();
}
