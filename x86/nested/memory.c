// SPDX-License-Identifier: GPL-2.0-or-later
/* Worlds for L2, its tables and their flushes, and where it stops. See l2-memory.h. */
#include "x86/nested/l2-memory.h"
#include "alloc_page.h"
#include "exception.h"

#define RET	     0xc3
#define FETCH_OFFSET 0x123

/* ======== L2, which does as it is asked ======== */

volatile u64 *place(int i, u64 offset)
{
	return (volatile u64 *)(WINDOW + i * PAGE_SIZE + offset);
}

static void rep_movsb(volatile void *to, const void *from, u64 length)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
}

static void do_deed(struct request *r)
{
	switch (READ_ONCE(r->deed)) {
	case READ:
		r->value = *r->at;
		break;
	case WRITE:
		*r->at = r->value;
		break;
	case ADD:
		asm volatile("addq %1, %0" : "+m"(*r->at) : "r"(r->value) : "memory");
		break;
	case FETCH:
		((void (*)(void))r->at)();
		break;
	case COPY:
		rep_movsb(r->at, r->from, r->length);
		break;
	case READ_ALL:
		for (int i = 0; i < PLACES; i++)
			r->values[i] = *place(i, r->offset);
		break;
	case WRITE_ALL:
		for (int i = 0; i < PLACES; i++)
			*place(i, r->offset) = r->values[i];
		break;
	case TOUCH:
		for (int i = 0; i < PLACES; i++) {
			if (r->value >> i & 1)
				(void)*place(i, 0x60);
			if (r->length >> i & 1)
				*place(i, 0x68) = r->value;
		}
		break;
	case INVLPG:
		invlpg((const void *)r->at);
		break;
	case MOVE:
		migrate_quiet();
		break;
	case MOVE_MEANWHILE:
		migrate_quiet_while(r->meanwhile);
		break;
	}
}

static void serve(void *data)
{
	for (;;) {
		do_deed(data);
		l2_call(DONE);
	}
}

/* ======== worlds ======== */

const char *kind(bool nested)
{
	return nested ? nesting.name : "L2's own tables";
}

u8 *page(const struct world *w, int n)
{
	return w->block + n * PAGE_SIZE;
}

u64 content(const struct world *w, int n, u64 offset)
{
	return w->magic | (u64)n << 16 | offset;
}

static void fill(struct world *w)
{
	for (int n = 0; n < BLOCK_PAGES; n++)
		for (u64 offset = 0; offset < PAGE_SIZE; offset += sizeof(u64))
			*(u64 *)(page(w, n) + offset) = content(w, n, offset);
}

volatile u64 *entry_of(struct world *w, int i)
{
	return w->nested ? &w->nested_pt[i] : &w->pt[i];
}

u64 usual_bits(const struct world *w)
{
	return w->nested ? nesting.page : OWN_PAGE;
}

void set_place(struct world *w, int i, const void *page, u64 bits)
{
	*entry_of(w, i) = virt_to_phys(page) | bits;
}

int first_page(int i)
{
	return PLACES - 1 - i;
}

static void make_window(struct world *w)
{
	w->pml4 = alloc_page();
	w->pdpt = alloc_page();
	w->pd = alloc_page();
	w->pt = alloc_page();
	memcpy(w->pml4, current_page_table(), PAGE_SIZE);
	w->pml4[PML4_OF(WINDOW)] = virt_to_phys(w->pdpt) | TABLE;
	w->pdpt[0] = virt_to_phys(w->pd) | TABLE;
	w->pd[0] = virt_to_phys(w->pt) | TABLE;
	nesting.set_root(w->l2, false, virt_to_phys(w->pml4));
}

static void make_nested(struct world *w)
{
	nesting.use(w->l2);
	w->nested_pt = nesting.entry(w->l2, GPA_WINDOW);
	for (int i = 0; i < PLACES; i++)
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
}

struct world *world_new(bool nested)
{
	static u32 worlds;
	struct world *w = calloc(1, sizeof(*w));

	w->nested = nested;
	w->tags_used = 1;
	w->magic = (0x5eed0000ul + __atomic_add_fetch(&worlds, 1, __ATOMIC_RELAXED)) << 32;
	w->block = alloc_pages(BLOCK_ORDER);
	fill(w);
	w->l2 = l2_new(serve, &w->request);
	make_window(w);
	if (nested)
		make_nested(w);
	else
		nesting.exit_on_page_faults(w->l2, true);
	for (int i = 0; i < PLACES; i++)
		set_place(w, i, page(w, first_page(i)), usual_bits(w));
	if (broken("page"))
		set_place(w, 0, page(w, PLACES), usual_bits(w));
	if (nesting.prepare)
		nesting.prepare(w);
	return w;
}

void world_free(struct world *w)
{
	l2_free(w->l2);
	free_page(w->pml4);
	free_page(w->pdpt);
	free_page(w->pd);
	free_page(w->pt);
	free_pages(w->block);
	free(w);
}

/* ---- asking ---- */

static bool is_done(const struct world *w)
{
	return l2_is_call(w->l2, DONE);
}

bool finish(struct world *w, const char *what)
{
	if (w->broken)
		return false;
	l2_enter(w->l2);
	if (is_done(w)) {
		l2_skip_call(w->l2);
		return true;
	}
	w->broken = true;
	report_fail("%s, %s: exit %s", what, kind(w->nested), l2_exit_text(w->l2));
	return false;
}

void ask(struct world *w, enum deed deed, volatile u64 *at, u64 value)
{
	w->request.deed = deed;
	w->request.at = at;
	w->request.value = value;
}

u64 l2_read(struct world *w, int i, u64 offset)
{
	ask(w, READ, place(i, offset), ~0ul);
	finish(w, "L2 reads");
	return w->request.value;
}

static void l2_write(struct world *w, int i, u64 offset, u64 value)
{
	ask(w, WRITE, place(i, offset), value);
	finish(w, "L2 writes");
}

void move_in_l2(struct world *w)
{
	ask(w, MOVE, NULL, 0);
	finish(w, "L2 is moved");
}

static void move(struct world *w, bool in_l2)
{
	if (in_l2)
		move_in_l2(w);
	else
		migrate_quiet();
}

bool check_all(struct world *w, u64 offset, const char *when)
{
	bool good = true;

	w->request = (struct request){ .deed = READ_ALL, .offset = offset };
	if (!finish(w, when))
		return false;
	for (int i = 0; i < PLACES; i++) {
		u64 should = content(w, first_page(i), offset);

		good &= report_if_failed(w->request.values[i] == should,
					 "%s, %s: L2 reads 0x%lx and not 0x%lx in place %d + 0x%lx",
					 when, kind(w->nested), w->request.values[i], should, i,
					 offset);
	}
	return good;
}

bool check_writes(struct world *w, u64 offset, const char *when)
{
	bool good = true;

	w->request = (struct request){ .deed = WRITE_ALL, .offset = offset };
	for (int i = 0; i < PLACES; i++)
		w->request.values[i] = ~content(w, i, offset);
	if (!finish(w, when))
		return false;
	for (int n = 0; n < BLOCK_PAGES; n++) {
		u64 *word = (u64 *)(page(w, n) + offset);
		int i = first_page(n);
		bool written = i >= 0 && i < PLACES;
		u64 should = written ? ~content(w, i, offset) : content(w, n, offset);

		good &= report_if_failed(*word == should,
					 "%s, %s: L1 finds 0x%lx and not 0x%lx in page %d + 0x%lx, "
					 "%s",
					 when, kind(w->nested), *word, should, n, offset,
					 written ? "which L2 has written"
						 : "which is not L2's to write");
		*word = content(w, n, offset);
	}
	return good;
}

/* ======== which tables ======== */

void remap_story(bool nested, bool in_l2)
{
	struct world *w = world_new(nested);
	bool good = check_all(w, 0x18, "before the move");

	good &= check_writes(w, 0x20, "before the move");
	move(w, in_l2);
	good &= check_all(w, 0x18, "after the move");
	/* What nobody has touched before the move, too. */
	good &= check_all(w, 0xff8, "after the move");
	good &= check_writes(w, 0x20, "after the move");
	report(good && !w->broken, "L2 sees %d pages through %s, before the move and after it",
	       PLACES, kind(nested));
	world_free(w);
}

/* ---- several ---- */

static bool visit_all(struct world **worlds, int visits, const char *when)
{
	bool good = true;

	for (int visit = 0; visit < visits; visit++)
		for (int i = 0; i < WORLDS; i++)
			good &= check_all(worlds[i], 8 * visit, when);
	for (int i = 0; i < WORLDS; i++)
		good &= check_writes(worlds[i], 0x800, when);
	return good;
}

void several_story(bool nested, bool mixed)
{
	struct world *worlds[WORLDS];
	bool good;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(mixed && i == WORLDS - 1 ? !nested : nested);
	good = visit_all(worlds, 3, "before the move");
	move_in_l2(worlds[WORLDS - 1]);
	good &= visit_all(worlds, 3, "after the move");
	report(good, "%d L2s, entered in turn, see each its own %d pages", WORLDS, PLACES);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

void shared_tag_story(bool nested)
{
	struct world *worlds[WORLDS];
	bool good = true;

	for (int i = 0; i < WORLDS; i++)
		worlds[i] = world_new(nested);
	for (int visit = 0; visit < 6; visit++) {
		if (visit == 3)
			migrate_quiet();
		for (int i = 0; i < WORLDS; i++) {
			nesting.share_tag(worlds[i]->l2);
			good &= check_all(worlds[i], 8 * visit,
					  visit < 3 ? "before the move" : "after the move");
		}
	}
	report(good, "%d L2s that share a tag, flushed at each entry, see each its own pages",
	       WORLDS);
	for (int i = 0; i < WORLDS; i++)
		world_free(worlds[i]);
}

/* ---- one L2, other tables ---- */

static void use_tables_of(struct world *w, const struct world *other)
{
	nesting.set_root(w->l2, w->nested, nesting.root(other->l2, w->nested));
	nesting.flush(w->l2);
	w->block = other->block;
	w->magic = other->magic;
}

void other_tables_story(bool nested)
{
	struct world *w = world_new(nested), *others[] = { world_new(nested), world_new(nested) };
	struct world first = *w;
	bool good = true;

	for (int round = 0; round < 4; round++) {
		use_tables_of(w, others[round & 1]);
		good &= check_all(w, 8 * round, "with tables that it had not the last time");
		if (round == 1) {
			/* Moved with other tables in the VMCB or VMCS than L2 has run with. */
			use_tables_of(w, others[0]);
			migrate_quiet();
			good &= check_all(w, 0x100, "tables were changed before the move");
		}
	}
	report(good, "L2 goes through the tables that it is given at each entry");
	w->block = first.block;
	world_free(w);
	world_free(others[0]);
	world_free(others[1]);
}

/* ======== faults that exit ======== */

bool expect_fault(struct world *w, const struct fault *fault, const char *what)
{
	struct fault expected = *fault;

	if (w->broken)
		return false;
	if (broken("fault")) {
		expected.linear += sizeof(u64);
		expected.physical += sizeof(u64);
	}
	l2_enter(w->l2);
	if (nesting.is_fault(w->l2, &expected))
		return true;
	report_fail("%s: exit %s; should be %s", what, l2_exit_text(w->l2),
		    nesting.fault_text(&expected));
	w->broken = is_done(w);
	return false;
}

/* ======== changes and flushes ======== */

/* The one entry that is changed: of nested tables or of L2's, that of place 0. */
struct subject {
	volatile u64 *entry;
	u64 page, other; /* what it leads to at first, and another page, with all rights */
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

/* Of a write to place 0 at an offset, which may not be, or where there is nothing. */
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

bool reads(struct world *w, int n, u64 offset, const char *when)
{
	u64 is = l2_read(w, 0, offset), should = content(w, n, offset);

	return !w->broken &&
	       report_if_failed(is == should, "%s: L2 reads 0x%lx and not 0x%lx", when, is, should);
}

bool writes(struct world *w, int n, int untouched, u64 offset, const char *when)
{
	u64 *there = (u64 *)(page(w, n) + offset);
	u64 *not_there = (u64 *)(page(w, untouched) + offset);
	u64 before = *not_there, value = ~*there;
	bool good;

	l2_write(w, 0, offset, value);
	if (w->broken)
		return false;
	good = report_if_failed(*there == value, "%s: L2 wrote 0x%lx, L1 finds 0x%lx", when, value,
				*there);
	return good & report_if_failed(*not_there == before,
				       "%s: what L2 wrote is in the page of before", when);
}

/* The access stops, changes nothing; L1 gives the rights back, and it is done once. */
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

/* Changes before the move, one that waits for its flush during it, and changes after it. */
void flush_story(bool nested, bool guest_tables, const struct flush *flush, bool in_l2)
{
	struct world *w = world_new(nested);
	struct subject subject = subject_of(w, guest_tables);
	bool good;

	nesting.exit_on_page_faults(w->l2, true);
	good = changes(w, &subject, flush, 0x100);
	if (in_l2)
		move_in_l2(w);
	*subject.entry = subject.other;
	flush->now(w);
	if (!in_l2)
		migrate_quiet();
	good &= reads(w, first_page(1), 0x200, "changed and flushed around the move");
	*subject.entry = subject.page;
	flush->now(w);
	good &= changes(w, &subject, flush, 0x300);
	report(good && !w->broken, "L2 sees at once what L1 changes in %s and flushes by %s",
	       kind(nested && !guest_tables), flush->name);
	world_free(w);
}

/* L2 exchanges two places in its own tables and flushes by INVLPG, moved in between. */
void own_invlpg_story(bool nested)
{
	struct world *w = world_new(nested);
	u64 entries[] = { w->pt[0], w->pt[1] };
	bool good = reads(w, first_page(0), 0x18, "before the change");

	for (int i = 0; i < 2; i++) {
		ask(w, WRITE, &w->pt[i], entries[1 - i]);
		finish(w, "L2 changes its tables");
	}
	move_in_l2(w);
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

/* ======== stops ======== */

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

/* Sets the entry in the way of the access, or puts it right. */
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
	/* And nothing behind or before it. */
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

		/* Still in the way, for an L2 that goes on as it is. */
		good &= is_stopped(w, &ways[i]);
		set_stop_entry(w, &ways[i], nesting.page);
		good &= finish(w, ways[i].name);
		good &= !w->broken && stop_effect(w, &ways[i]);
		world_free(w);
	}
	report(good, "%d L2s stopped at nested page faults, which said why and where, went on",
	       count);
}
