// SPDX-License-Identifier: GPL-2.0-or-later
/* What L2, and the walker of its tables, write while it is moved. See memory-world.h. */
#include "x86/nested/memory-world.h"
#include "alloc_page.h"
#include "barrier.h"
#include "percpu.h"
#include "smp.h"

/* ======== accessed and dirty bits ======== */

/* A table's entries for the places, and which bits say that they were used. */
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
	move_in_l2(w);
	good = check_used(w, &used, 0x03, 0x0c, "used before the move");
	clear_used(w, &used);
	touch(w, 0x0c, 0x11);
	good &= check_used(w, &used, 0x0c, 0x11, "cleared and used after the move");
	/* Read first, so that the translation is there when it is written. */
	touch(w, 0x60, 0);
	good &= check_used(w, &used, 0x6c, 0x11, "others read after the move");
	touch(w, 0, 0x40);
	good &= check_used(w, &used, 0x6c, 0x51, "written after it was read");
	report(good && !w->broken, "accessed and dirty bits in %s are what L2 did",
	       kind(!guest_tables));
	world_free(w);
}

/* What L2 does while the host moves it: page after page, the intervals growing. */
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
	return report(!missing && !surplus,
		      "L2 wrote %d pages during the move: %d of their entries in %s are not "
		      "accessed and dirty, %d others are dirty",
		      touched, missing, kind(!guest_tables), surplus);
}

/*
 * The pages that hold the tables are written by the walker alone: if that is not logged the
 * destination has them as they were before.
 */
void used_during_move_story(bool nested)
{
	struct world *w = world_new(nested);

	for (int i = 0; i < ENTRIES; i++) {
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
		set_place(w, i, page(w, i % BLOCK_PAGES), usual_bits(w));
	}
	memset(&this_cpu(toucher), 0, sizeof(this_cpu(toucher)));
	w->request = (struct request){ .deed = MOVE_MEANWHILE, .meanwhile = touch_next };
	if (finish(w, "L2 is moved while it writes")) {
		if (nested)
			check_touched(w, false);
		check_touched(w, true);
	}
	world_free(w);
}

/* ======== writes while memory is being moved ======== */

/*
 * Numbers 1, 2, 3... go to 64 pages in turn, each to the next word of its page: a staircase,
 * in which every word's number is known from the last one alone.
 */
#define STEPS	    64
#define STAIR_WORDS 512
#define STAIR_TURN  (STEPS * STAIR_WORDS)

struct staircase {
	u8 *at;	    /* as L2 sees the first page */
	u64 stride; /* from page to page */
	u64 n;	    /* the last number */
};

static PER_CPU(struct staircase, staircase);

static void climb(struct staircase *s)
{
	u64 n = ++s->n, slot = n % STAIR_TURN;
	volatile u64 *word = (u64 *)(s->at + slot % STEPS * s->stride + slot / STEPS * sizeof(u64));

	/* By stores and by locked instructions, which a hypervisor may emulate apart. */
	if (n & 1)
		*word = n;
	else
		__atomic_exchange_n(word, n, __ATOMIC_SEQ_CST);
}

static void climb_on(void)
{
	climb(&this_cpu(staircase));
}

/* A staircase's pages as L1 has them. */
struct stairs {
	struct world *w;
	u8 *block;
	u64 stride;
	bool reversed;
};

/* Behind the staircase's page I, as L2 counts them. */
static u8 *stair_page(const struct stairs *stairs, u64 i)
{
	return stairs->block + (stairs->reversed ? STEPS - 1 - i : i) * stairs->stride;
}

static bool check_stairs(const struct stairs *stairs, u64 last, const char *who)
{
	u64 wrong = 0, first_slot = 0, first_is = 0, first_should = 0;

	if (broken("word"))
		*(u64 *)stair_page(stairs, 1) = 0;
	for (u64 slot = 0; slot < STAIR_TURN; slot++) {
		u64 is = *(u64 *)(stair_page(stairs, slot % STEPS) + slot / STEPS * sizeof(u64));
		u64 back = (last - slot) % STAIR_TURN;
		u64 should = last > back ? last - back : 0;

		if (is == should || wrong++)
			continue;
		first_slot = slot;
		first_is = is;
		first_should = should;
	}
	return report(!wrong,
		      "%s wrote %lu numbers: L1 finds %lu of %d words wrong (first: word %lu of "
		      "page %lu is %lu and not %lu)",
		      who, last, wrong, STAIR_TURN, first_slot / STEPS, first_slot % STEPS,
		      first_is, first_should);
}

#define LARGE_ORDER 9

/* 64 pages behind the window in reverse order, each by an entry of its own. */
static void small_stairs(struct stairs *stairs)
{
	struct world *w = stairs->w;

	stairs->stride = PAGE_SIZE;
	stairs->reversed = true;
	stairs->block = alloc_pages(6);
	for (int i = 0; i < STEPS; i++) {
		w->pt[i] = (GPA_WINDOW + i * PAGE_SIZE) | OWN_PAGE;
		set_place(w, i, stair_page(stairs, i), usual_bits(w));
	}
}

/* 64 pages spread over one 2 MiB page, which dirty logging has to split. */
static void large_stairs(struct stairs *stairs)
{
	struct world *w = stairs->w;
	u64 backing;

	stairs->stride = PAGE_SIZE * ENTRIES / STEPS;
	stairs->block = alloc_pages(LARGE_ORDER);
	backing = virt_to_phys(stairs->block);
	if (w->nested) {
		free_page(nesting.map_large(w->l2, GPA_WINDOW, backing, 2));
		backing = GPA_WINDOW;
	}
	w->pd[0] = backing | OWN_PAGE | PT_PAGE_SIZE_MASK;
}

/* The same, by a nested page of 1 GiB that begins at 0. */
static void huge_stairs(struct stairs *stairs)
{
	large_stairs(stairs);
	assert(virt_to_phys(stairs->block) < 1ul << 30);
	free_page(nesting.map_large(stairs->w->l2, GPA_WINDOW, 0, 3));
	stairs->w->pd[0] =
		(GPA_WINDOW + virt_to_phys(stairs->block)) | OWN_PAGE | PT_PAGE_SIZE_MASK;
}

static struct stairs stairs_new(bool nested, enum stairs_kind kind)
{
	static void (*const make[])(struct stairs * stairs) = {
		[SMALL_PAGES] = small_stairs,
		[LARGE_PAGES] = large_stairs,
		[HUGE_PAGES] = huge_stairs,
	};
	struct stairs stairs = { .w = world_new(nested) };

	make[kind](&stairs);
	this_cpu(staircase) = (struct staircase){ .at = WINDOW, .stride = stairs.stride };
	return stairs;
}

static void stairs_free(struct stairs *stairs)
{
	world_free(stairs->w);
	free_pages(stairs->block);
}

/* What L1 has checked another L2 sees as well, through other tables. */
static void next_l2_reads(const struct stairs *stairs, u64 last)
{
	struct world *next = world_new(stairs->w->nested);
	bool good = true;

	for (int i = 0; i < PLACES; i++)
		set_place(next, i, stair_page(stairs, (last - i) % STEPS), usual_bits(next));
	for (int i = 0; i < PLACES && (u64)i < last; i++) {
		u64 offset = (last - i) % STAIR_TURN / STEPS * sizeof(u64);
		u64 is = l2_read(next, i, offset);

		good &= report_if_failed(is == last - i, "the next L2 reads %lu and not %lu", is,
					 last - i);
	}
	report(good && !next->broken, "the next L2 finds the last %d numbers", PLACES);
	world_free(next);
}

void writes_story(bool nested, enum stairs_kind kind)
{
	struct stairs stairs = stairs_new(nested, kind);
	struct staircase *s = &this_cpu(staircase);

	stairs.w->request = (struct request){ .deed = MOVE_MEANWHILE, .meanwhile = climb_on };
	if (finish(stairs.w, "L2 is moved while it writes")) {
		check_stairs(&stairs, s->n, "L2");
		next_l2_reads(&stairs, s->n);
	}
	stairs_free(&stairs);
}

/* ---- all CPUs ---- */

struct crowd {
	bool nested;
	volatile bool stop;
	struct rendezvous ready;
};

static void climb_until_told(void *data)
{
	struct crowd *crowd = data;

	rendezvous(&crowd->ready);
	if (smp_id() == 0) {
		migrate_quiet_while(climb_on);
		crowd->stop = true;
		return;
	}
	while (!crowd->stop)
		for (int i = 0; i < 64; i++)
			climb_on();
}

static void crowd_here(void *data)
{
	struct crowd *crowd = data;
	struct stairs stairs = stairs_new(crowd->nested, SMALL_PAGES);
	char who[16];

	l2_start(stairs.w->l2, climb_until_told, crowd);
	snprintf(who, sizeof(who), "CPU %d's L2", smp_id());
	if (l2_expect_return(stairs.w->l2)) {
		check_stairs(&stairs, this_cpu(staircase).n, who);
		next_l2_reads(&stairs, this_cpu(staircase).n);
	}
	stairs_free(&stairs);
}

void crowd_story(bool nested)
{
	struct crowd crowd = { .nested = nested, .ready = RENDEZVOUS(cpu_count()) };

	on_cpus(crowd_here, &crowd);
}

/* ======== the first access after the move ======== */

/*
 * All of the above comes back to L1 between the move and what it looks at, and the next entry
 * would put right what the move has broken. Here L2 itself looks, at once.
 */
struct first_access {
	volatile u64 *page;
	u64 seen;
	bool done;
};

static void access_at_once(void *data)
{
	struct first_access *access = data;

	migrate_quiet();
	access->seen = access->page[0];
	access->page[1] = access->seen + 1;
	access->done = true;
}

void first_access_story(void)
{
	u64 *named = alloc_page(), *meant = alloc_page();
	struct first_access access = { .page = named };
	struct l2 *l2 = l2_new(access_at_once, &access);

	named[0] = named[1] = 0x1111;
	meant[0] = 0x2222;
	nesting.use(l2);
	*nesting.entry(l2, virt_to_phys(named)) =
		virt_to_phys(broken("page") ? named : meant) | nesting.page;
	l2_expect_return(l2);
	report(access.seen == 0x2222, "L2 read 0x%lx, its nested tables lead to 0x2222",
	       access.seen);
	report(meant[1] == 0x2223 && named[1] == 0x1111,
	       "L2 wrote where its nested tables lead: 0x%lx there, 0x%lx where they do not",
	       meant[1], named[1]);
	l2_free(l2);
	free_page(named);
	free_page(meant);
}

void first_fault_story(u64 error)
{
	u64 *page = alloc_page();
	struct first_access access = { .page = page };
	struct fault fault = {
		.kind = NESTED_FAULT,
		.error = error,
		.linear = (u64)page,
		.physical = virt_to_phys(page) + (broken("fault") ? sizeof(u64) : 0),
	};
	struct l2 *l2 = l2_new(access_at_once, &access);

	nesting.use(l2);
	*nesting.entry(l2, virt_to_phys(page)) = 0;
	l2_enter(l2);
	report(nesting.is_fault(l2, &fault) && !access.done,
	       "the first access after the move: exit %s, expected %s", l2_exit_text(l2),
	       nesting.fault_text(&fault));
	l2_free(l2);
	free_page(page);
}
