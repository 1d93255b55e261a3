// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See revert.h. User space writes RAM, and KVM does not see that. It may have shadows of the
 * guest's page tables, so the memory slots are made anew, which drops them (KVM API
 * documentation, 4.35).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine.h"
#include "message.h"
#include "random.h"
#include "reset.h"
#include "revert.h"
#include "state/state.h"
#include "vcpu.h"

/* ---- RAM ---- */

/* A copy of RAM. Pages that the guest has never written to are zero in both. */
static uint8_t *kept;

static void for_each_part(const struct memory *memory,
			  void (*copy)(uint64_t begin, uint64_t end, const struct memory *memory))
{
	off_t begin = 0, end;

	while ((begin = lseek(memory->fd, begin, SEEK_DATA)) >= 0) {
		end = lseek(memory->fd, begin, SEEK_HOLE);
		copy(begin, end, memory);
		begin = end;
	}
	if (errno != ENXIO)
		die(STATUS_SETUP, "cannot find the parts of RAM that are used: %s",
		    strerror(errno));
}

static void keep_part(uint64_t begin, uint64_t end, const struct memory *memory)
{
	memcpy(kept + begin, memory->bytes + begin, end - begin);
}

static void put_part_back(uint64_t begin, uint64_t end, const struct memory *memory)
{
	for (uint64_t page = begin; page < end; page += PAGE_BYTES)
		if (memcmp(memory->bytes + page, kept + page, PAGE_BYTES) != 0)
			memcpy(memory->bytes + page, kept + page, PAGE_BYTES);
}

static void keep_memory(const struct memory *memory)
{
	if (!kept)
		kept = mmap(NULL, memory->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (kept == MAP_FAILED)
		die(STATUS_SETUP, "no room for a copy of the guest's memory: %s", strerror(errno));
	for_each_part(memory, keep_part);
}

/* ---- all of it ---- */

void revert_carry_out(struct machine *machine, const struct state *state)
{
	static struct state *after_power_on;

	if (!after_power_on)
		after_power_on = reset_state(machine);
	keep_memory(&machine->memory);
	vcpus_run_astray(machine, 1 + random_below(cycle_mean_ns(machine)));
	for_each_part(&machine->memory, put_part_back);
	vm_remake_memory(machine->vm, &machine->memory);
	/* A restore expects a VM in which nothing has run. QEMU resets it, too. */
	reset_vm_to(machine, after_power_on);
	reset_restore(machine, state);
}
