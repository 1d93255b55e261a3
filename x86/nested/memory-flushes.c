// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1 changes entries of nested tables or of L2's own tables and flushes them, with a migration
 * before, between or after. See memory-world.h.
 *
 * A broken hypervisor keeps the old translation in a shadow page or TLB. A stale TLB and a stale
 * shadow page look the same.
 */
#include "x86/nested/memory-world.h"

/* The entry that a test changes, of nested tables or of L2's own: place 0's. */
struct subject {
	volatile u64 *entry;
	u64 page, other; /* the page that it leads to at first, and another one, with all rights */
	u64 used;	 /* its accessed and dirty bits */
	bool nested;
};

static struct subject subject_of(struct world *w, bool guest_tables)
{
	struct subject subject = {
		.entry = guest_tables ? w->pt : entry_of(w, 0),
		.used = PT_ACCESSED_MASK | PT_DIRTY_MASK,
		.nested = w->nested && !guest_tables,
	};

	if (subject.nested)
		subject.used = nesting.accessed | nesting.dirty;
	subject.page = *subject.entry & ~subject.used;
	subject.other = subject.page & ~PT_ADDR_MASK;
	if (guest_tables && w->nested)
		subject.other |= GPA_WINDOW + PAGE_SIZE;
	else
		subject.other |= virt_to_phys(page(w, first_page(1)));
	return subject;
}

/* The fault of a write to place 0: the page is read-only if PROTECTED, and otherwise not mapped. */
static struct fault write_fault(const struct subject *subject, u64 offset, bool protected)
{
	struct fault fault = {
		.kind = subject->nested ? NESTED_FAULT : PAGE_FAULT,
		.error = protected ? PFERR_WRITE_MASK | PFERR_PRESENT_MASK : PFERR_WRITE_MASK,
		.linear = (u64)WINDOW + offset,
		.physical = GPA_WINDOW + offset,
	};

	if (subject->nested)
		fault.error = protected ? nesting.write_protected : nesting.write_missing;
	return fault;
}

/* The access exits and changes nothing. When L1 has given the rights back, it takes effect once. */
static bool stops_and_goes_on(struct world *w, const struct subject *subject,
			      const struct flush *flush, bool protected, const char *when)
{
	struct fault fault = write_fault(subject, 0x40, protected);
	u64 *word = (u64 *)(page(w, first_page(0)) + 0x40);
	u64 before = *word;
	bool good;

	*subject->entry = protected ? subject->page & ~PT_WRITABLE_MASK : 0;
	flush->now(w);
	ask(w, WRITE, place(0, 0x40), before + 1);
	good = expect_fault(w, &fault, when);
	good &= report_if_failed(*word == before, "%s: L2 wrote 0x%lx where it may not", when,
				 *word);
	*subject->entry = subject->page;
	flush->now(w);
	good &= finish(w, when);
	return good & report_if_failed(*word == before + 1,
				       "%s: 0x%lx, begun, stopped and continued, is 0x%lx", when,
				       before + 1, *word);
}

static bool changes(struct world *w, const struct subject *subject, const struct flush *flush,
		    u64 offset)
{
	bool good = reads(w, first_page(0), offset, "before the change");

	*subject->entry = subject->other;
	flush->now(w);
	good &= reads(w, first_page(1), offset, "another page, flushed");
	good &= writes(w, first_page(1), first_page(0), offset + 8, "another page, flushed");
	*subject->entry = subject->page;
	flush->now(w);
	good &= reads(w, first_page(0), offset, "the first page again, flushed");
	good &= writes(w, first_page(0), first_page(1), offset + 8,
		       "the first page again, flushed");
	good &= stops_and_goes_on(w, subject, flush, true, "made read-only, flushed");
	good &= stops_and_goes_on(w, subject, flush, false, "made not present, flushed");
	return good;
}

/* Changes and flushes entries before, around and after the migration. */
void flush_story(bool nested, bool guest_tables, const struct flush *flush, bool in_l2)
{
	struct world *w = world_new(nested);
	struct subject subject = subject_of(w, guest_tables);
	bool good;

	nesting.exit_on_page_faults(w->l2, true);
	good = changes(w, &subject, flush, 0x100);
	if (in_l2)
		migrate_in_l2(w);
	*subject.entry = subject.other;
	flush->now(w);
	if (!in_l2)
		migrate_quiet();
	good &= reads(w, first_page(1), 0x200, "changed and flushed around the migration");
	*subject.entry = subject.page;
	flush->now(w);
	good &= changes(w, &subject, flush, 0x300);
	report(good && !w->broken, "L2 sees at once what L1 changes in %s and flushes by %s",
	       kind(nested && !guest_tables), flush->name);
	world_free(w);
}

/*
 * L2 exchanges two places in its own tables and flushes them by INVLPG, with a migration in
 * between.
 */
void own_invlpg_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 entries[] = { w->pt[0], w->pt[1] };
	bool good = reads(w, first_page(0), 0x18, "before the change");

	for (int i = 0; i < 2; i++) {
		ask(w, WRITE, &w->pt[i], entries[1 - i]);
		finish(w, "L2 changes its tables");
	}
	migrate_in_l2(w);
	for (int i = 0; i < 2; i++) {
		ask(w, INVLPG, place(i, 0), 0);
		finish(w, "L2 does INVLPG");
	}
	good &= reads(w, first_page(1), 0x18, "after INVLPG");
	good &= writes(w, first_page(1), first_page(0), 0x20, "after INVLPG");
	report(good && !w->broken,
	       "L2 sees what it has changed in its own tables, %s nested paging",
	       nested ? "under" : "without");
	world_free(w);
}
