/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's RAM: one block from physical address 0 on. It is a memfd, so that a second mapping,
 * a second VM or another process can share it or copy it.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* RAM ends below the chipset's addresses: IOAPIC, LAPIC, firmware. */
#define MOST_MEMORY_MIB 3072

#define PAGE_BYTES     4096ull
#define PAGES_PER_WORD 64

struct memory {
	int fd;
	uint8_t *bytes; /* all of it, mapped */
	uint64_t size;	/* in bytes, a multiple of PAGE_BYTES * PAGES_PER_WORD */
	/*
	 * A bit for each page that ferry-vmm itself has written to. KVM's dirty log has only what
	 * the guest and KVM write.
	 */
	uint64_t *written;
};

/* Zeroed memory. Ends the process if there is none. */
void memory_create(struct memory *memory, unsigned mib);
void memory_free(struct memory *memory);
/* LENGTH bytes at the guest's physical ADDRESS, or NULL if they are not all RAM. */
const void *memory_at(const struct memory *memory, uint64_t address, uint64_t length);
/* The same, to write there. Call memory_wrote() after each write. */
void *memory_to_write(const struct memory *memory, uint64_t address, uint64_t length);
/*
 * LENGTH bytes from BYTES on, which memory_to_write() gave, have changed. If this were called
 * before the change, a migration could take the page between the two. Any thread may call this.
 */
void memory_wrote(const struct memory *memory, const void *bytes, uint64_t length);
/* How many 64-bit words a bitmap with one bit a page has. */
uint64_t memory_words(const struct memory *memory);

#endif
