// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What L2 writes during a migration arrives at the destination. See memory-world.h.
 *
 * A broken hypervisor does not log as dirty the pages that L2 writes to, or misses those that L2
 * reaches through large nested pages. The tests cannot tell a page that was not sent from a write
 * that was lost.
 */
#include "x86/nested/memory-world.h"
#include "alloc_page.h"
#include "barrier.h"
#include "percpu.h"
#include "smp.h"

/* ======== writes during a migration ======== */

/*
 * The numbers 1, 2, 3... go to 64 pages in turn, each to the next word of its page. This is a
 * staircase: the last number determines what each word must be.
 */
#define STEPS	    64
#define STAIR_WORDS 512
#define STAIR_TURN  (STEPS * STAIR_WORDS)

struct staircase {
	u8 *at;	    /* L2's address of the first page */
	u64 stride; /* from one page to the next */
	u64 n;	    /* the last number */
};

static PER_CPU(struct staircase, staircase);

static void climb(struct staircase *s)
{
	u64 n = ++s->n, slot = n % STAIR_TURN;
	volatile u64 *word = (u64 *)(s->at + slot % STEPS * s->stride + slot / STEPS * sizeof(u64));

	/*
	 * L2 writes by stores and by locked instructions, which a hypervisor may emulate by other
	 * code.
	 */
	if (n & 1)
		*word = n;
	else
		__atomic_exchange_n(word, n, __ATOMIC_SEQ_CST);
}

static void climb_on(void)
{
	climb(&this_cpu(staircase));
}

/* A staircase's pages, as L1 addresses them. */
struct stairs {
	struct world *w;
	u8 *block;
	u64 stride;
	bool reversed;
};

/* The page that L2 counts as page I of the staircase. */
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
	return report(
		!wrong,
		"%s wrote %lu numbers: L1 finds %lu of %d words wrong (first: word %lu of page %lu is %lu and not %lu)",
		who, last, wrong, STAIR_TURN, first_slot / STEPS, first_slot % STEPS, first_is,
		first_should);
}

#define LARGE_ORDER 9

/* 64 pages after the window in reverse order, each by an entry of its own. */
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

/* 64 pages spread over one 1 GiB nested page that begins at 0. */
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

/* Another L2 has to see the same words through tables of its own. */
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

	stairs.w->request = (struct request){ .deed = MIGRATE_MEANWHILE, .meanwhile = climb_on };
	if (finish(stairs.w, "L2 is migrated while it writes")) {
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

/* ======== the first access after the migration ======== */

/*
 * In all other stories L2 exits to L1 after the migration, and L1's next entry could repair what
 * the migration has broken. Here L2 itself looks first.
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
	       "the first access after the migration: exit %s, expected %s", l2_exit_text(l2),
	       nesting.fault_text(&fault));
	l2_free(l2);
	free_page(page);
}
