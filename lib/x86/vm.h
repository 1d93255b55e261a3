/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging: four levels (Intel SDM volume 3, "4-Level Paging and 5-Level Paging").
 * RAM and the devices below 4 GiB are mapped where they are, without execute
 * permission but for the image and the first 2 MiB; page 0 is not mapped. Above
 * lies the area of vmalloc.h.
 */
#ifndef X86_VM_H
#define X86_VM_H

#include "libcflat.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef u64 pteval_t;
typedef u64 pgd_t;

#define PT_PRESENT_MASK	  BIT(0)
#define PT_WRITABLE_MASK  BIT(1)
#define PT_USER_MASK	  BIT(2)
#define PT_PWT_MASK	  BIT(3)
#define PT_PCD_MASK	  BIT(4)
#define PT_ACCESSED_MASK  BIT(5)
#define PT_DIRTY_MASK	  BIT(6)
#define PT_PAGE_SIZE_MASK BIT(7)
#define PT_GLOBAL_MASK	  BIT(8)
#define PT64_NX_MASK	  BIT(63)
#define PT_ADDR_MASK	  GENMASK(51, 12)

/* Bits of a leaf for ordinary data, for text, for registers of devices. */
#define PAGE_DATA   (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT64_NX_MASK)
#define PAGE_RODATA (PT_PRESENT_MASK | PT64_NX_MASK)
#define PAGE_TEXT   PT_PRESENT_MASK
#define PAGE_DEVICE (PAGE_DATA | PT_PWT_MASK | PT_PCD_MASK)

#define VMALLOC_START 0xffffc90000000000ul
#define VMALLOC_END   0xffffd90000000000ul

/* RAM is where it is. */
static inline void *phys_to_virt(phys_addr_t address)
{
	return (void *)address;
}

/* Of any address that is mapped, in whatever way; aborts for others. */
phys_addr_t virt_to_phys(const void *address);
bool is_mapped(const void *address);

/* The page tables in use: virtual address of the PML4. */
pgd_t *current_page_table(void);

/*
 * The leaf entry for an address in the tables `root`: in *level 1 for a 4 KiB
 * page, 2 for 2 MiB, 3 for 1 GiB. NULL if the tables end before. The entry may
 * be not present.
 */
pteval_t *find_pte(pgd_t *root, const void *address, int *level);

/*
 * The entry of the 4 KiB page, whose tables are made if they are missing, and
 * split if the address is within a large page.
 */
pteval_t *get_pte(pgd_t *root, const void *address);

/* In the tables in use. `bits` are PAGE_*; everything is in whole pages. */
void map_pages(void *address, phys_addr_t physical, size_t pages, u64 bits);
/* The same with the largest pages that fit. */
void map_range(void *address, phys_addr_t physical, size_t size, u64 bits);
/* The same in other tables, such as nested ones, which are the caller's affair: no TLB is flushed.
 */
void map_range_in(pgd_t *root, void *address, phys_addr_t physical, size_t size, u64 bits);
void unmap_pages(void *address, size_t pages);
void protect_pages(void *address, size_t pages, u64 bits);

/* A page of new tables (zeroed), such as for a nested guest: the caller's. */
pgd_t *new_page_table(void);

/*
 * On all CPUs, waits for them; called by the above where an entry that may be
 * cached has changed. A CPU that keeps interrupts off makes it abort.
 */
void flush_tlb_all(void);

/* Page 0 holds the BIOS data area, and is mapped for this read alone. */
u16 bios_data_area_u16(u32 offset);

/* For the library. */
void paging_init(void);

#endif
