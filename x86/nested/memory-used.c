// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Accessed and dirty bits of nested tables or of L2's own tables, across a migration. See
 * memory-world.h.
 *
 * When the walker sets a bit in a table, a broken hypervisor does not mark the table's page dirty.
 * Then the destination has the entry as it was before. An accessed bit that is set without need is
 * no error.
 */
#include "x86/nested/memory-world.h"
#include "percpu.h"

/* A table's entries for the places, and their accessed and dirty bits. */
struct used_entries {
	volatile u64 *entries;
	u64 accessed, dirty;
};

static struct used_entries used_entries_of(struct world *w, bool guest_tables)
{
	if (w->nested && !guest_tables)
		return (struct used_entries){ w->nested_pt, nesting.accessed, nesting.dirty };
	return (struct used_entries){ w->pt, PT_ACCESSED_MASK, PT_DIRTY_MASK };
}

static void clear_used(struct world *w, const struct used_entries *used)
{
	for (int i = 0; i < PLACES; i++)
		used->entries[i] &= ~(used->accessed | used->dirty);
	w->pd[0] &= ~PT_ACCESSED_MASK;
	w->pdpt[0] &= ~PT_ACCESSED_MASK;
	w->pml4[PML4_OF(WINDOW)] &= ~PT_ACCESSED_MASK;
	nesting.flush(w->l2);
}

static void touch(struct world *w, u64 read, u64 written)
{
	w->request = (struct request){ .deed = TOUCH, .value = read, .length = written };
	finish(w, "L2 reads and writes");
}

static bool check_used(const struct world *w, const struct used_entries *used, u64 read,
		       u64 written, const char *when)
{
	bool good = true;

	if (broken("used"))
		used->entries[2] &= ~(used->accessed | used->dirty);
	for (int i = 0; i < PLACES; i++) {
		bool dirty = written >> i & 1, accessed = dirty || read >> i & 1;
		u64 entry = used->entries[i];

		good &= report_if_failed(!accessed || entry & used->accessed,
					 "%s: place %d was used, its entry 0x%lx is not accessed",
					 when, i, entry);
		good &= report_if_failed(!dirty == !(entry & used->dirty),
					 "%s: place %d was %swritten, its entry is 0x%lx", when, i,
					 dirty ? "" : "not ", entry);
	}
	good &= report_if_failed(w->pd[0] & w->pdpt[0] & w->pml4[PML4_OF(WINDOW)] &
					 PT_ACCESSED_MASK,
				 "%s: L2's upper entries 0x%lx, 0x%lx, 0x%lx are not all accessed",
				 when, w->pml4[PML4_OF(WINDOW)], w->pdpt[0], w->pd[0]);
	return good;
}

void used_story(bool nested, bool guest_tables)
{
	struct world *w = world_new(nested);
	struct used_entries used = used_entries_of(w, guest_tables);
	bool good;

	clear_used(w, &used);
	touch(w, 0x03, 0x0c);
	migrate_in_l2(w);
	good = check_used(w, &used, 0x03, 0x0c, "used before the migration");
	clear_used(w, &used);
	touch(w, 0x0c, 0x11);
	good &= check_used(w, &used, 0x0c, 0x11, "cleared and used after the migration");
	/* L2 reads first, so that the translation is cached when it writes. */
	touch(w, 0x60, 0);
	good &= check_used(w, &used, 0x6c, 0x11, "others read after the migration");
	touch(w, 0, 0x40);
	good &= check_used(w, &used, 0x6c, 0x51, "written after it was read");
	report(good && !w->broken, "accessed and dirty bits in %s are as L2 has used its pages",
	       kind(!guest_tables));
	world_free(w);
}

/* During the migration L2 writes to page after page, at growing intervals. */
struct toucher {
	u64 calls, next;
	int touched;
};

static PER_CPU(struct toucher, toucher);

static void touch_next(void)
{
	struct toucher *t = &this_cpu(toucher);

	if (++t->calls < t->next || t->touched == ENTRIES)
		return;
	t->next = t->calls + t->calls / 32 + 1;
	*place(t->touched++, 0x70) = t->calls;
}

static bool check_touched(struct world *w, bool guest_tables)
{
	struct used_entries used = used_entries_of(w, guest_tables);
	int touched = this_cpu(toucher).touched, missing = 0, surplus = 0;
	u64 both = used.accessed | used.dirty;

	if (broken("used"))
		used.entries[0] &= ~both;
	for (int i = 0; i < ENTRIES; i++) {
		if (i < touched)
			missing += (used.entries[i] & both) != both;
		else
			surplus += !!(used.entries[i] & used.dirty);
	}
	return report(
		!missing && !surplus,
		"L2 wrote %d pages during the migration: %d of their entries in %s are not accessed and dirty, %d others are dirty",
		touched, missing, kind(!guest_tables), surplus);
}

/*
 * Only the walker writes to the pages that hold the tables. If those writes are not logged as
 * dirty, the destination has the pages as they were before.
 */
void used_during_migration_story(bool nested)
{
	struct world *w = world_new(nested);

	for (int i = 0; i < ENTRIES; i++) {
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
		set_place(w, i, page(w, i % BLOCK_PAGES), usual_bits(w));
	}
	memset(&this_cpu(toucher), 0, sizeof(this_cpu(toucher)));
	w->request = (struct request){ .deed = MIGRATE_MEANWHILE, .meanwhile = touch_next };
	if (finish(w, "L2 is migrated while it writes")) {
		if (nested)
			check_touched(w, false);
		check_touched(w, true);
	}
	world_free(w);
}
