// SPDX-License-Identifier: GPL-2.0-or-later
/* See dirty.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dirty.h"
#include "machine.h"
#include "message.h"
#include "random.h"

/* KVM may stop resetting rings early when a signal comes. Then it has to be asked again. */
#define MOST_RESETS 8

struct ring {
	struct kvm_dirty_gfn *entries;
	uint32_t next; /* the first that was not collected yet; it only grows */
};

static struct {
	uint64_t words;
	bool manual; /* KVM logs a page again only after KVM_CLEAR_DIRTY_LOG */
	uint64_t *log;
	struct ring *rings; /* one a vCPU, or NULL */
} tracking;

static void map_rings(struct vm *vm)
{
	long offset = KVM_DIRTY_LOG_PAGE_OFFSET * PAGE_BYTES;

	tracking.rings = allocate(vm->shape.cpus * sizeof(tracking.rings[0]));
	for (unsigned i = 0; i < vm->shape.cpus; i++) {
		tracking.rings[i].entries =
			mmap(NULL, vm->shape.dirty_ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			     vm->cpu[i].fd, offset);
		if (tracking.rings[i].entries == MAP_FAILED)
			die(STATUS_KVM, "cannot map the dirty ring of vCPU %u: %s", i,
			    strerror(errno));
	}
}

/*
 * With manual protection, pages are write-protected when they are about to be copied, and not all
 * at once when the log is read. INITIALLY_SET does the same for the first pass.
 */
static bool enable_manual_protection(struct vm *vm)
{
	struct kvm_enable_cap manual = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 };
	int has = kvm_has(vm->fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	manual.args[0] = has & (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);
	if (!has)
		return false;
	KVM_DO(vm->fd, KVM_ENABLE_CAP, &manual);
	return true;
}

void dirty_begin(struct machine *machine)
{
	struct vm *vm = machine->vm;

	tracking.words = memory_words(&machine->memory);
	/* Our own earlier writes do not matter, since all pages are carried after this. */
	memset(machine->memory.written, 0, tracking.words * sizeof(tracking.log[0]));
	if (vm->shape.dirty_ring_bytes) {
		map_rings(vm);
	} else {
		tracking.manual = enable_manual_protection(vm);
		tracking.log = allocate(tracking.words * sizeof(tracking.log[0]));
	}
	vm_log_dirty(vm, &machine->memory);
}

/* --forget-dirty leaves out some pages on purpose. */
static void add_page(const struct machine *machine, uint64_t *bitmap, uint64_t page)
{
	unsigned every = machine->options->forget_dirty;

	if (every && !random_below(every))
		return;
	bitmap[page / PAGES_PER_WORD] |= 1ull << page % PAGES_PER_WORD;
}

static void add_word(const struct machine *machine, uint64_t *bitmap, uint64_t word, uint64_t bits)
{
	for (; bits; bits &= bits - 1)
		add_page(machine, bitmap, word * PAGES_PER_WORD + __builtin_ctzll(bits));
}

/* Adds what our devices wrote. They set a bit after the write, so it is in the page by now. */
static void collect_written(const struct machine *machine, uint64_t *bitmap)
{
	for (uint64_t word = 0; word < tracking.words; word++)
		add_word(machine, bitmap, word,
			 __atomic_exchange_n(&machine->memory.written[word], 0, __ATOMIC_ACQUIRE));
}

static void collect_log(struct machine *machine, uint64_t *bitmap)
{
	for (unsigned space = 0; space < vm_address_spaces(machine->vm); space++) {
		struct kvm_dirty_log log = { .slot = vm_slot(space), .dirty_bitmap = tracking.log };

		KVM_DO(machine->vm->fd, KVM_GET_DIRTY_LOG, &log);
		for (uint64_t word = 0; word < tracking.words; word++)
			add_word(machine, bitmap, word, tracking.log[word]);
	}
}

/*
 * KVM stops a vCPU before its ring is full, and keeps some entries free for what the vCPU writes
 * until it has stopped. If they do not suffice, KVM overwrites the oldest entries, and never
 * reports those pages.
 */
static void __attribute__((noreturn)) die_of_overrun(void)
{
	die(STATUS_KVM,
	    "KVM has overrun a dirty ring, so writes are lost; with shadow paging (ept=0, npt=0, and for a nested guest) it puts in more entries at a time than the 64 that it keeps free");
}

/*
 * Collects the entries of RING, and returns how many there were. KVM writes an entry, then sets its
 * DIRTY flag. We read the entry, then set RESET, which gives it back to KVM. Hence acquire and
 * release.
 */
static uint32_t collect_ring(struct machine *machine, struct ring *ring, uint64_t *bitmap)
{
	uint32_t count = machine->vm->shape.dirty_ring_bytes / sizeof(ring->entries[0]);

	for (uint32_t i = 0; i < count; i++) {
		struct kvm_dirty_gfn *entry = &ring->entries[ring->next % count];
		uint32_t flags = __atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE);

		if ((flags & (KVM_DIRTY_GFN_F_DIRTY | KVM_DIRTY_GFN_F_RESET)) !=
		    KVM_DIRTY_GFN_F_DIRTY)
			return i;
		if (entry->offset / PAGES_PER_WORD >= tracking.words)
			die(STATUS_KVM, "KVM's dirty ring tells of page 0x%llx, which is no RAM",
			    (unsigned long long)entry->offset);
		add_page(machine, bitmap, entry->offset);
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		ring->next++;
	}
	die_of_overrun();
}

/*
 * Makes KVM track the pages of the COUNT collected entries again. KVM finds exactly these entries,
 * unless it has overwritten some of them.
 */
static void reset_rings(struct machine *machine, uint32_t count)
{
	for (unsigned i = 0; count && i < MOST_RESETS; i++)
		count -= KVM_DO(machine->vm->fd, KVM_RESET_DIRTY_RINGS, NULL);
	if (count)
		die_of_overrun();
}

void dirty_collect(struct machine *machine, uint64_t *bitmap)
{
	uint32_t count = 0;

	collect_written(machine, bitmap);
	if (!tracking.rings) {
		collect_log(machine, bitmap);
		return;
	}
	for (unsigned i = 0; i < machine->vm->shape.cpus; i++)
		count += collect_ring(machine, &tracking.rings[i], bitmap);
	/* This also tracks these pages again, so dirty_track_again() has nothing to do. */
	reset_rings(machine, count);
}

void dirty_track_again(struct machine *machine, uint64_t *bitmap, uint64_t word, uint64_t count)
{
	for (unsigned space = 0; tracking.manual && space < vm_address_spaces(machine->vm);
	     space++) {
		struct kvm_clear_dirty_log clear = {
			.slot = vm_slot(space),
			.first_page = word * PAGES_PER_WORD,
			.num_pages = count * PAGES_PER_WORD,
			.dirty_bitmap = bitmap + word,
		};

		KVM_DO(machine->vm->fd, KVM_CLEAR_DIRTY_LOG, &clear);
	}
}

void dirty_end(struct machine *machine)
{
	/* A mapping keeps its vCPU alive, and so the whole VM. */
	for (unsigned i = 0; tracking.rings && i < machine->vm->shape.cpus; i++)
		munmap(tracking.rings[i].entries, machine->vm->shape.dirty_ring_bytes);
	free(tracking.rings);
	free(tracking.log);
	tracking.rings = NULL;
	tracking.log = NULL;
	tracking.manual = false;
}
