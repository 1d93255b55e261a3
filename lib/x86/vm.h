/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging with four levels (Intel SDM volume 3, "4-Level Paging and 5-Level Paging"). RAM, and the
 * devices below 4 GiB, are identity mapped. Only the image and the first 2 MiB may be executed.
 * Page 0 is not mapped. The addresses of vmalloc.h are above RAM and devices.
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

/* The bits of a leaf entry for data, code, and so on, and for registers of devices. */
#define PAGE_DATA   (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT64_NX_MASK)
#define PAGE_RODATA (PT_PRESENT_MASK | PT64_NX_MASK)
#define PAGE_TEXT   PT_PRESENT_MASK
#define PAGE_DEVICE (PAGE_DATA | PT_PWT_MASK | PT_PCD_MASK)

#define VMALLOC_START 0xffffc90000000000ul
#define VMALLOC_END   0xffffd90000000000ul

/* No page is ever mapped there. */
#define NEVER_MAPPED (VMALLOC_END + (1ul << 30))

/* RAM is identity mapped. */
static inline void *phys_to_virt(phys_addr_t address)
{
	return (void *)address;
}

/* The physical address of any address that is mapped. Aborts for others. */
phys_addr_t virt_to_phys(const void *address);
bool is_mapped(const void *address);

/* The page tables in use: the virtual address of the PML4. */
pgd_t *current_page_table(void);

/*
 * The leaf entry for an address in the tables `root`, and in *level 1 for a 4 KiB page, 2 for 2
 * MiB, 3 for 1 GiB. NULL if there is no table for it. The entry may be not present.
 */
pteval_t *find_pte(pgd_t *root, const void *address, int *level);

/*
 * The entry of the 4 KiB page at an address. Makes tables that are missing, and splits a large page
 * that has the address.
 */
pteval_t *get_pte(pgd_t *root, const void *address);

/* Maps pages in the tables in use. `bits` are PAGE_*. Addresses and sizes are in whole pages. */
void map_pages(void *address, phys_addr_t physical, size_t pages, u64 bits);
/* The same, with the largest pages that fit. */
void map_range(void *address, phys_addr_t physical, size_t size, u64 bits);
/* The same in other tables, such as nested ones. The caller flushes TLBs. */
void map_range_in(pgd_t *root, void *address, phys_addr_t physical, size_t size, u64 bits);
void unmap_pages(void *address, size_t pages);
void protect_pages(void *address, size_t pages, u64 bits);

/* A zeroed page for a new table, such as a nested one. The caller frees it with free_page(). */
pgd_t *new_page_table(void);

/*
 * Flushes the TLBs of all CPUs, and waits for them. The functions above do it if an entry that may
 * be cached has changed. Aborts if a CPU keeps interrupts off.
 */
void flush_tlb_all(void);

/* Reads from the BIOS data area in page 0, which is mapped for this read only. */
u16 bios_data_area_u16(u32 offset);

/* For the library. */
void paging_init(void);

#endif
