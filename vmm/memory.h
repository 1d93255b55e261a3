/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's RAM: one block from physical address 0 on. It is a memfd, so that a second mapping,
 * a second VM or another process can share it or copy it.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* RAM ends below what the chipset has there: IOAPIC, LAPIC, firmware. */
#define MOST_MEMORY_MIB 3072

struct memory {
	int fd;
	uint8_t *bytes; /* all of it, mapped */
	uint64_t size;	/* in bytes, a multiple of the page size */
};

/* Zeroed memory. Ends the process if there is none. */
void memory_create(struct memory *memory, unsigned mib);
void memory_free(struct memory *memory);
/* LENGTH bytes at the guest's physical ADDRESS, or NULL if they are not all RAM. */
void *memory_at(const struct memory *memory, uint64_t address, uint64_t length);

#endif
