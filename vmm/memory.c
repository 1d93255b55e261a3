// SPDX-License-Identifier: GPL-2.0-or-later
/* See memory.h. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"
#include "message.h"

void memory_create(struct memory *memory, unsigned mib)
{
	memory->size = (uint64_t)mib << 20;
	memory->fd = memfd_create("guest-memory", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, memory->size) < 0)
		die(STATUS_SETUP, "cannot make %u MiB of memory for the guest: %s", mib,
		    strerror(errno));
	memory->bytes = mmap(NULL, memory->size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->bytes == MAP_FAILED)
		die(STATUS_SETUP, "cannot map %u MiB of memory for the guest: %s", mib,
		    strerror(errno));
	memory->written = allocate(memory_words(memory) * sizeof(memory->written[0]));
}

void memory_free(struct memory *memory)
{
	free(memory->written);
	munmap(memory->bytes, memory->size);
	close(memory->fd);
}

uint64_t memory_words(const struct memory *memory)
{
	return memory->size / PAGE_BYTES / PAGES_PER_WORD;
}

void *memory_to_write(const struct memory *memory, uint64_t address, uint64_t length)
{
	if (address > memory->size || length > memory->size - address)
		return NULL;
	return memory->bytes + address;
}

const void *memory_at(const struct memory *memory, uint64_t address, uint64_t length)
{
	return memory_to_write(memory, address, length);
}

void memory_wrote(const struct memory *memory, const void *bytes, uint64_t length)
{
	uint64_t begin = (const uint8_t *)bytes - memory->bytes;

	for (uint64_t page = begin / PAGE_BYTES; page * PAGE_BYTES < begin + length; page++)
		__atomic_fetch_or(&memory->written[page / PAGES_PER_WORD],
				  1ull << page % PAGES_PER_WORD, __ATOMIC_RELEASE);
}
