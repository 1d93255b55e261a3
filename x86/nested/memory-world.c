// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An L2 that does what L1 asks, and its world: its pages, its tables, and the faults by which it
 * stops. See memory-world.h.
 */
#include "x86/nested/memory-world.h"
#include "alloc_page.h"

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
	case MIGRATE:
		migrate_quiet();
		break;
	case MIGRATE_MEANWHILE:
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

void migrate_in_l2(struct world *w)
{
	ask(w, MIGRATE, NULL, 0);
	finish(w, "L2 is migrated");
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

		good &= report_if_failed(
			*word == should,
			"%s, %s: L1 finds 0x%lx and not 0x%lx in page %d + 0x%lx, %s", when,
			kind(w->nested), *word, should, n, offset,
			written ? "which L2 has written" : "which L2 should not have written");
		*word = content(w, n, offset);
	}
	return good;
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
				       "%s: what L2 wrote is in the page that was mapped before",
				       when);
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
