// SPDX-License-Identifier: GPL-2.0-or-later
/* See memory.h. */
#define _GNU_SOURCE
#include <errno.h>
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
}

void memory_free(struct memory *memory)
{
	munmap(memory->bytes, memory->size);
	close(memory->fd);
}

void *memory_at(const struct memory *memory, uint64_t address, uint64_t length)
{
	if (address > memory->size || length > memory->size - address)
		return NULL;
	return memory->bytes + address;
}
