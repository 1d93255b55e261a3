// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each of several L2s stops at another kind of nested page fault, is migrated there, and goes on
 * when L1 has repaired the entry. See memory-world.h.
 *
 * After the migration, a broken hypervisor reports another error code or address, does half of the
 * access, or does it twice.
 */
#include "cpuid.h"
#include "x86/nested/memory-world.h"

#define RET	     0xc3
#define FETCH_OFFSET 0x123

#define COPIED 64

static void start_stop(struct world *w, const struct stop *stop)
{
	ask(w, stop->deed, place(0, stop->deed == FETCH ? FETCH_OFFSET : 0x48), 0x1234);
	if (stop->deed == FETCH)
		page(w, first_page(0))[FETCH_OFFSET] = RET;
	if (stop->deed != COPY)
		return;
	w->request.at = (volatile u64 *)(WINDOW + stop->to);
	w->request.from = WINDOW + stop->from;
	w->request.length = COPIED;
}

static struct fault stop_fault(const struct world *w, const struct stop *stop)
{
	u64 offset = (u64)w->request.at & (PAGE_SIZE - 1);
	struct fault fault = { .kind = stop->kind, .error = stop->error };

	if (stop->deed == COPY)
		offset = stop->stops_at * PAGE_SIZE;
	fault.linear = (u64)WINDOW + offset;
	fault.physical = stop->walk ? virt_to_phys(&w->pt[0]) : GPA_WINDOW + offset;
	return fault;
}

static bool is_stopped(struct world *w, const struct stop *stop)
{
	struct fault fault = stop_fault(w, stop);

	return expect_fault(w, &fault, stop->name);
}

/* Sets the entry by which the access stops, or repairs it. */
static void set_stop_entry(struct world *w, const struct stop *stop, u64 bits)
{
	volatile u64 *entry = &w->nested_pt[stop->stops_at];
	phys_addr_t page_pa = virt_to_phys(page(w, first_page(stop->stops_at)));

	if (stop->walk) {
		entry = nesting.entry(w->l2, virt_to_phys(w->pt));
		page_pa = virt_to_phys(w->pt);
	}
	*entry = bits ? page_pa | bits : 0;
	nesting.flush(w->l2);
}

static u8 window_byte(const struct world *w, u64 offset)
{
	return page(w, first_page(offset / PAGE_SIZE))[offset % PAGE_SIZE];
}

static bool copied_well(const struct world *w, const struct stop *stop)
{
	int wrong = 0;

	for (int i = 0; i < COPIED; i++)
		wrong += window_byte(w, stop->to + i) != window_byte(w, stop->from + i);
	/* The copy must not have changed what is around it. */
	for (int i = 1; i <= 8; i++) {
		u64 around[] = { stop->to - i, stop->to + COPIED + i - 1 };

		for (int j = 0; j < 2; j++) {
			u64 at = around[j];
			u64 word = content(w, first_page(at / PAGE_SIZE), at % PAGE_SIZE & ~7ul);

			wrong += window_byte(w, at) != (u8)(word >> 8 * (at & 7));
		}
	}
	return report_if_failed(!wrong, "%s: %d bytes are wrong after the copy", stop->name, wrong);
}

static bool stop_effect(const struct world *w, const struct stop *stop)
{
	u64 word = *(u64 *)(page(w, first_page(0)) + 0x48),
	    before = content(w, first_page(0), 0x48);
	u64 should = before;

	if (stop->deed == COPY)
		return copied_well(w, stop);
	if (stop->deed == READ)
		return report_if_failed(w->request.value == before,
					"%s: L2 reads 0x%lx and not 0x%lx", stop->name,
					w->request.value, before);
	if (stop->deed == WRITE)
		should = 0x1234;
	if (stop->deed == ADD)
		should = before + 0x1234;
	return report_if_failed(word == should, "%s: L1 finds 0x%lx and not 0x%lx", stop->name,
				word, should);
}

void stop_at_all(const struct stop *ways, int count, bool warm)
{
	struct world *worlds[MOST_STOPS];
	bool good = true;

	assert(count <= MOST_STOPS);
	for (int i = 0; i < count; i++) {
		struct world *w = worlds[i] = world_new(true);

		if (warm)
			good &= check_all(w, 0x18, "before the fault");
		set_stop_entry(w, &ways[i], ways[i].bits);
		start_stop(w, &ways[i]);
		good &= is_stopped(w, &ways[i]);
	}
	migrate_quiet();
	for (int i = 0; i < count; i++) {
		struct world *w = worlds[i];

		/* The entry still stops an L2 that goes on without a repair. */
		good &= is_stopped(w, &ways[i]);
		set_stop_entry(w, &ways[i], nesting.page);
		good &= finish(w, ways[i].name);
		good &= !w->broken && stop_effect(w, &ways[i]);
		world_free(w);
	}
	report(good, "%d L2s stopped at nested page faults, which said why and where, and went on",
	       count);
}

FEATURE(RESERVED_ADDRESS_BITS, "physical addresses of fewer than 52 bits")
{
	return (cpuid(0x80000008).a & 0xff) < 52;
}
