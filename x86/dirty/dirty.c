// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that is written to while the VM is moved.
 *
 * What must be true of any hypervisor: at every instant a byte of memory holds what was
 * last written to it, by whatever instruction, through whatever mapping, by the guest, by
 * its CPUs' page walkers or by the hypervisor itself; whether the VM is being moved or not
 * (Intel SDM volume 3, "Memory Ordering", "Self-Modifying Code", "Accessed and Dirty Flags";
 * KVM API, KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG).
 *
 * A broken one overlooks a write: it does not write-protect a page again or flush a TLB
 * after it has read the dirty log, forgets the second page of a write that crosses into
 * it, does not log what its emulator, a page walk or its own write of a clock page has
 * changed, sends a page while it changes and not again, takes a page for zero that is not,
 * or leaves one out that has become zero. Then the VM has on the other side a page that is
 * older than the rest, or half of it is.
 *
 * The tests see it because each CPU has an area of its own, which it writes page by page in
 * a fixed order, random for most: generation 1, then 2, and so on. So at every instant the
 * pages read, in that order, k ... k, k-1 ... k-1: a staircase with one step. Before it
 * writes a page the writer looks whether the last generation is there, and whole. The boot
 * CPU looks at the others' areas while they write: read in the opposite order, generations
 * never go down. Once the VM has been moved all writers halt, and every page is compared
 * with what it has to hold. With one CPU, it does all of this by itself while it waits.
 *
 * What they cannot tell apart: a stale page of an area, and a stale page of the writer's
 * own notes (generation and position, in `areas`), unless it is ahead of the notes; who
 * lost the write, KVM's dirty log or the VMM; and what went stale within a page and was
 * written anew before anybody looked, where the writer looks at no more than a page's first
 * and last word (`flood`, `sparse`).
 *
 * On the command line: `pages=N`, how many pages each CPU has in `flood`; `seed=N`; and
 * break=WHAT, to spoil the guest on purpose after its first move in each test:
 *
 * stale     a page is as it was one generation ago, when the writers halt
 * torn      the same, for the second half of the page
 * late      as stale, but found only by the writer, when it goes on
 * unlocked  read-modify-writes are not locked, so that a write in between is lost
 * clean     entries that a write has set A and D in have lost them when moved once more
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "processor.h"
#include "pvclock.h"
#include "random.h"
#include "smp.h"
#include "vm.h"
#include "vmalloc.h"

#define MOST_WRITERS   8
#define MOVES_PER_TEST 2

/* For every writer to go once through its area. */
#define GENERATION_MS 30000

/* Of one area: the rest would only say the same. */
#define MOST_COMPLAINTS 3

/* Pages that the boot CPU looks at in one turn of its waiting. */
#define LOOKS_PER_TURN 8

#define PAGE_WORDS (PAGE_SIZE / sizeof(u64))
#define LAST_WORD  (PAGE_WORDS - 1)

/* Within one table of the lowest level, which maps nothing else. */
#define VIEW_SIZE	(2ul << 20)
#define MOST_VIEW_PAGES 256

/* What a stamp is made of: writers and pages are far fewer than fit. */
#define STAMP_CPU_SHIFT	       16
#define STAMP_GENERATION_SHIFT 24

/* ---- an area and its writer ---- */

struct area;

/* How pages are written. A page of a test may be less than a page, or lie across two. */
struct kind {
	u64 pages, least; /* on a fast host, and on any; powers of two */
	unsigned order;	  /* memory comes in a block of at least this */
	/* On the writer's CPU; memory is zeroed. May be NULL. */
	void (*set_up)(struct area *area);
	void (*clean_up)(struct area *area);
	/* The page holds the generation before this, and now gets this one. */
	void (*write)(struct area *area, u64 page, u64 generation);
	/* Whether it holds the whole of this generation. If not, has said so. */
	bool (*verify)(struct area *area, u64 page, u64 generation);
	/* Of this the writer makes sure before it writes; NULL: of all. */
	bool (*glance)(struct area *area, u64 page, u64 generation);
	/* First and last word are stamps, first and last to be written. */
	bool stamped;
	/* By the boot CPU, while somebody writes. May be NULL. */
	void (*disturb)(struct area *area);
	/* After a move, on the writer's CPU, once its pages have been verified. May be NULL. */
	void (*also)(struct area *area);
};

struct area {
	const struct kind *kind;
	int cpu;
	u8 *memory;
	u64 pages, multiplier, seed;
	/* The writer's notes: what it is about to write. */
	u64 generation, position;
	atomic_t wrong;
	/*
	 * The boot CPU's, when it looks: positions left; no generation below this, which it
	 * has from this page, or from the notes if that is none.
	 */
	u64 look_left, look_floor, look_floor_page;
	/* What break= makes stale. */
	u8 *victim;
	/* The same memory elsewhere, 4 KiB pages in reverse order, the first again behind the last.
	 */
	u8 *view;
	u64 view_step;
	/* Some kinds' own. */
	u64 *untouched;
	u64 added;
	u64 old_cr4;
	u64 last_time;
	u64 last_steal;
};

static struct area areas[MOST_WRITERS];
static int writers;
static atomic_t stop;

/* What nobody else writes, and this one nowhere else and at no other time. */
static u64 stamp(const struct area *area, u64 page, u64 generation)
{
	return generation << STAMP_GENERATION_SHIFT | (u64)area->cpu << STAMP_CPU_SHIFT | page;
}

static u64 *words_of(const struct area *area, u64 page)
{
	return (u64 *)(area->memory + page * PAGE_SIZE);
}

/* The pages' order: a permutation, since the multiplier is odd and `pages` a power of two. */
static u64 page_at(const struct area *area, u64 position)
{
	return (position * area->multiplier + area->seed) & (area->pages - 1);
}

/* ---- what is wrong ---- */

/* "generation 7". Nobody writes what is ahead of the notes: then it is these that are stale. */
static const char *stamp_text(const struct area *area, u64 page, u64 value, char *text, size_t size)
{
	u64 generation = value >> STAMP_GENERATION_SHIFT;

	if (value == stamp(area, page, generation))
		snprintf(text, size, "generation %lu%s", generation,
			 generation > READ_ONCE(area->generation) ? ": the notes are stale" : "");
	else
		snprintf(text, size, "no stamp of this page");
	return text;
}

static void complain(struct area *area, u64 page, const void *at, const char *what)
{
	if (atomic_inc_return(&area->wrong) > MOST_COMPLAINTS)
		return;
	report_fail("CPU %d's page %lu, %p (physical 0x%lx): %s; the writer is at generation %lu, "
		    "page %lu of %lu; seen by CPU %d",
		    area->cpu, page, at, virt_to_phys(at), what, READ_ONCE(area->generation),
		    READ_ONCE(area->position), area->pages, smp_id());
}

static bool check_word(struct area *area, u64 page, const u64 *at, u64 wanted, u64 generation)
{
	u64 held = READ_ONCE(*at);
	char text[120], stamp_words[40];

	if (likely(held == wanted))
		return true;
	snprintf(text, sizeof(text), "held 0x%lx (%s), not 0x%lx of generation %lu", held,
		 stamp_text(area, page, held, stamp_words, sizeof(stamp_words)), wanted,
		 generation);
	complain(area, page, at, text);
	return false;
}

/* By string instructions: what emulates instructions does these in one go. */
static void fill_words(u64 *at, u64 count, u64 value)
{
	asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(value) : "memory");
}

/* Whether all of these are VALUE; if not, *unlike is the first that is not. */
static bool are_words(const u64 *at, u64 count, u64 value, const u64 **unlike)
{
	bool equal;

	asm volatile("repe scasq" : "+D"(at), "+c"(count), "=@cce"(equal) : "a"(value) : "memory");
	*unlike = at - 1;
	return equal;
}

static bool check_words(struct area *area, u64 page, const u64 *at, u64 count, u64 wanted,
			u64 generation)
{
	const u64 *unlike;

	return are_words(at, count, wanted, &unlike) ||
	       check_word(area, page, unlike, wanted, generation);
}

/* ---- writing, looking, comparing ---- */

static void step(struct area *area)
{
	const struct kind *kind = area->kind;
	u64 page = page_at(area, area->position);

	(kind->glance ? kind->glance : kind->verify)(area, page, area->generation - 1);
	kind->write(area, page, area->generation);
	barrier();
	if (area->position + 1 < area->pages) {
		WRITE_ONCE(area->position, area->position + 1);
	} else {
		WRITE_ONCE(area->position, 0);
		WRITE_ONCE(area->generation, area->generation + 1);
	}
	barrier();
}

static void write_until_stop(void *area)
{
	while (!atomic_read(&stop)) {
		step(area);
		/* An emulator that has one thread for all CPUs would stay for 100 ms with this. */
		pause();
	}
}

/* The writer is at work: backwards through the order, generations never go down. */
static void look_at(struct area *area)
{
	char text[160], whose[40] = "the notes";
	u64 page, done, begun, floor, ceiling;
	const u64 *words;

	if (!area->look_left) {
		area->look_left = area->pages;
		area->look_floor = READ_ONCE(area->generation) - 1;
		area->look_floor_page = area->pages;
	}
	page = page_at(area, --area->look_left);
	floor = area->look_floor;
	words = words_of(area, page);
	/* Not begun before done; x86 keeps reads in their order. */
	done = READ_ONCE(words[LAST_WORD]);
	begun = READ_ONCE(words[0]);
	ceiling = READ_ONCE(area->generation);
	if (likely(done >= stamp(area, page, floor) && begun >= done &&
		   begun <= stamp(area, page, ceiling) &&
		   done == stamp(area, page, done >> STAMP_GENERATION_SHIFT) &&
		   begun == stamp(area, page, begun >> STAMP_GENERATION_SHIFT))) {
		if (begun >> STAMP_GENERATION_SHIFT != floor) {
			area->look_floor = begun >> STAMP_GENERATION_SHIFT;
			area->look_floor_page = page;
		}
		return;
	}
	area->look_left = 0;
	if (area->look_floor_page < area->pages)
		snprintf(whose, sizeof(whose), "page %lu", area->look_floor_page);
	snprintf(text, sizeof(text),
		 "begins 0x%lx, ends 0x%lx, not 0x%lx to 0x%lx (generation %lu, by %s, to %lu)",
		 begun, done, stamp(area, page, floor), stamp(area, page, ceiling), floor, whose,
		 ceiling);
	complain(area, page, words, text);
}

/* The boot CPU's turn: a step in its own area, a look at another, if there is another. */
static void write_and_look(void)
{
	static int turn;
	struct area *other;

	step(&areas[0]);
	turn = turn % MAX(writers - 1, 1) + 1;
	other = &areas[turn % writers];
	if (other->kind->stamped)
		for (int i = 0; i < LOOKS_PER_TURN; i++)
			look_at(other);
	if (other->kind->disturb)
		other->kind->disturb(other);
}

/* Nobody writes now. */
static void compare(void *data)
{
	struct area *area = data;
	u64 position;

	for (position = 0; position < area->pages; position++)
		area->kind->verify(area, page_at(area, position),
				   area->generation - (position >= area->position));
	if (area->kind->also)
		area->kind->also(area);
}

static bool all_reached(const u64 *generations)
{
	for (int i = 0; i < writers; i++)
		if (READ_ONCE(areas[i].generation) < generations[i])
			return false;
	return true;
}

/* All writers write; for no less than a generation, then while the VM is moved. */
static void write_and_be_moved(void)
{
	u64 goals[MOST_WRITERS];
	struct deadline deadline;

	atomic_set(&stop, 0);
	for (int i = 0; i < writers; i++) {
		areas[i].look_left = 0;
		goals[i] = areas[i].generation + 1;
		if (i)
			on_cpu_async(areas[i].cpu, write_until_stop, &areas[i]);
	}
	deadline_start(&deadline, GENERATION_MS);
	while (!all_reached(goals)) {
		if (deadline_passed(&deadline))
			deadline_missed(GENERATION_MS, "every CPU to write its area once");
		write_and_look();
	}
	migrate_quiet_while(write_and_look);
	atomic_set(&stop, 1);
	for (int i = 1; i < writers; i++)
		on_cpu_wait(areas[i].cpu);
}

/* ---- break= ---- */

static u8 victims_past[PAGE_SIZE];
static u64 victims_generation, victims_position;

static struct area *victims_area(void)
{
	return &areas[writers - 1];
}

static void remember_victim(void)
{
	struct area *area = victims_area();

	memcpy(victims_past, area->victim, PAGE_SIZE);
	victims_generation = area->generation;
	victims_position = area->position;
}

/* Some kinds' generations take turns, so that an even number of them is nothing. */
static void write_until_past_is_stale(void *unused)
{
	struct area *area = victims_area();

	while (area->position != victims_position ||
	       (area->generation - victims_generation) % 2 == 0)
		step(area);
}

static void make_victim_stale(void)
{
	struct area *area = victims_area();
	u64 from = broken("torn") ? PAGE_SIZE / 2 : 0;

	on_cpu(area->cpu, write_until_past_is_stale, NULL);
	memcpy(area->victim + from, victims_past + from, PAGE_SIZE - from);
}

static void be_moved(bool break_it)
{
	if (break_it)
		remember_victim();
	write_and_be_moved();
	if (break_it) {
		make_victim_stale();
		if (broken("late"))
			return;
	}
	for (int i = 0; i < writers; i++)
		on_cpu(areas[i].cpu, compare, &areas[i]);
}

/* ---- a test ---- */

static u64 power_of_two_below(u64 n)
{
	while (n & (n - 1))
		n &= n - 1;
	return n;
}

static unsigned order_of(u64 pages)
{
	unsigned order = 0;

	while (1ul << order < pages)
		order++;
	return order;
}

static void set_up(void *data)
{
	struct area *area = data;

	if (area->kind->set_up)
		area->kind->set_up(area);
	for (u64 page = 0; page < area->pages; page++)
		area->kind->write(area, page, 0);
	area->generation = 1;
}

static void clean_up(void *data)
{
	struct area *area = data;

	if (area->kind->clean_up)
		area->kind->clean_up(area);
}

static void new_area(struct area *area, const struct kind *kind, int cpu, u64 pages)
{
	u8 *view = area->view;
	u64 seed = scramble(argument_number("seed", 1) * 256 + cpu);

	*area = (struct area){
		.kind = kind,
		.cpu = cpu,
		.memory = alloc_pages_dirty(MAX(order_of(pages), kind->order)),
		.pages = pages,
		.multiplier = seed | 1,
		.seed = seed >> 32,
		.view = view,
	};
	memset(area->memory, 0, pages * PAGE_SIZE);
	area->victim = area->memory + pages / 2 * PAGE_SIZE;
	on_cpu(cpu, set_up, area);
}

static void run_with(const struct kind *kind, u64 pages)
{
	u64 generations = 0, wrong = 0;

	writers = MIN(cpu_count(), MOST_WRITERS);
	for (int i = 0; i < writers; i++)
		new_area(&areas[i], kind, i, pages);
	for (int i = 0; i < MOVES_PER_TEST; i++)
		be_moved(i == 0 && (broken("stale") || broken("torn") || broken("late")));
	for (int i = 0; i < writers; i++) {
		struct area *area = &areas[i];

		generations += area->generation - 1;
		wrong += atomic_read(&area->wrong);
		on_cpu(area->cpu, clean_up, area);
		free_pages(area->memory);
	}
	report(!wrong,
	       "%d moves, %d writers, %lu pages each, %lu generations: %lu times something wrong",
	       MOVES_PER_TEST, writers, pages, generations, wrong);
}

static void run(const struct kind *kind)
{
	run_with(kind, power_of_two_below(scaled_count(kind->pages, kind->least)));
}

/* ---- whole pages, and parts of them ---- */

static bool verify_stamps(struct area *area, u64 page, u64 generation)
{
	const u64 *words = words_of(area, page);
	u64 wanted = stamp(area, page, generation);

	return check_word(area, page, &words[0], wanted, generation) &&
	       check_word(area, page, &words[LAST_WORD], wanted, generation);
}

static void write_stamps(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

static const struct kind staircase = {
	.pages = 256,
	.least = 16,
	.write = write_stamps,
	.verify = verify_stamps,
	.stamped = true,
};

/* Two writes for a page: the longest staircase that there is time for. */
TEST(staircase, .about = "pages written in order are a staircase with one step, at every instant")
{
	run(&staircase);
}

static u64 body(const struct area *area, u64 page, u64 generation)
{
	return scramble(stamp(area, page, generation));
}

static void write_whole(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	fill_words(words + 1, PAGE_WORDS - 2, body(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

static bool verify_whole(struct area *area, u64 page, u64 generation)
{
	return verify_stamps(area, page, generation) &&
	       check_words(area, page, words_of(area, page) + 1, PAGE_WORDS - 2,
			   body(area, page, generation), generation);
}

static const struct kind dense = {
	.pages = 64,
	.least = 8,
	.write = write_whole,
	.verify = verify_whole,
	.stamped = true,
};

TEST(dense, .about = "pages rewritten as a whole, in random order, are of one generation each")
{
	run(&dense);
}

#define CHECKSUM_WORD (LAST_WORD - 1)

static void write_sparsely(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);
	u64 value = body(area, page, generation);
	u64 at = 1 + value % (CHECKSUM_WORD - 1);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	WRITE_ONCE(words[CHECKSUM_WORD], words[CHECKSUM_WORD] + value - words[at]);
	WRITE_ONCE(words[at], value);
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

static bool verify_checksum(struct area *area, u64 page, u64 generation)
{
	const u64 *words = words_of(area, page);
	u64 sum = 0;

	if (!verify_stamps(area, page, generation))
		return false;
	for (u64 i = 1; i < CHECKSUM_WORD; i++)
		sum += words[i];
	return check_word(area, page, &words[CHECKSUM_WORD], sum, generation);
}

static const struct kind sparse = {
	.pages = 128,
	.least = 8,
	.write = write_sparsely,
	.verify = verify_checksum,
	.glance = verify_stamps,
	.stamped = true,
};

/* Nearly all of a page stays as it was many generations ago: what XBZRLE is made for. */
TEST(sparse, .about = "one word of a page at a time, and each page's checksum is right")
{
	run(&sparse);
}

static const struct kind flood = {
	.pages = 2048,
	.least = 32,
	.write = write_whole,
	.verify = verify_whole,
	.glance = verify_stamps,
	.stamped = true,
};

static u64 flood_pages(void)
{
	u64 pages = argument_number("pages", 0);

	return power_of_two_below(pages ? pages : scaled_count(flood.pages, flood.least));
}

/* Whether the stream ever comes to an end is the plan's affair. */
TEST(flood, .about = "many MiB, written as fast as it goes, are right in the end")
{
	run_with(&flood, flood_pages());
}

/* ---- other mappings, other instructions ---- */

/* No other CPU uses these addresses, so that one CPU's tables and TLB entries are its own affair.
 */
static u8 *view_space(int cpu)
{
	static u8 *space[MOST_WRITERS];

	if (!space[cpu]) {
		u8 *pages = alloc_vpages(2 * VIEW_SIZE / PAGE_SIZE);

		space[cpu] = (u8 *)ALIGN((u64)pages, VIEW_SIZE);
	}
	return space[cpu];
}

/* Page PAGE of the view, from 0 to pages: the last is the first again. */
static phys_addr_t behind_view(const struct area *area, u64 page)
{
	return virt_to_phys(area->memory) + (area->pages - 1 - page % area->pages) * PAGE_SIZE;
}

static void map_view(struct area *area, u64 bits)
{
	assert(area->pages <= MOST_VIEW_PAGES);
	area->view = view_space(area->cpu);
	for (u64 page = 0; page <= area->pages; page++)
		map_pages(area->view + page * PAGE_SIZE, behind_view(area, page), 1, bits);
}

static void unmap_view(struct area *area)
{
	unmap_pages(area->view, area->pages + 1);
}

static u64 *viewed_words(const struct area *area, u64 page)
{
	return (u64 *)(area->view + (area->pages - 1 - page) * PAGE_SIZE);
}

#define WORDS_APART	 63
#define LARGE_PAGE_ORDER 9

static void write_through_either(struct area *area, u64 page, u64 generation)
{
	bool small = (generation + page) & 1;
	u64 *words = small ? viewed_words(area, page) : words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	for (u64 at = WORDS_APART; at < LAST_WORD; at += WORDS_APART)
		WRITE_ONCE(words[at], stamp(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

/* By the mapping that it was not written through. */
static bool verify_through_other(struct area *area, u64 page, u64 generation)
{
	bool small = (generation + page) & 1;
	const u64 *words = small ? words_of(area, page) : viewed_words(area, page);
	u64 wanted = stamp(area, page, generation);

	for (u64 at = 0; at < LAST_WORD; at += WORDS_APART)
		if (!check_word(area, page, &words[at], wanted, generation))
			return false;
	return check_word(area, page, &words[LAST_WORD], wanted, generation);
}

static void set_up_both_mappings(struct area *area)
{
	int level;

	find_pte(current_page_table(), area->memory, &level);
	assert_msg(level > 1, "RAM at %p is mapped with small pages", area->memory);
	map_view(area, PAGE_DATA);
}

static const struct kind two_mappings = {
	.pages = 256,
	.least = 16,
	.order = LARGE_PAGE_ORDER,
	.set_up = set_up_both_mappings,
	.clean_up = unmap_view,
	.write = write_through_either,
	.verify = verify_through_other,
	.stamped = true,
};

/*
 * KVM may map the guest's memory with large pages too, has to split them while it keeps
 * a dirty log, and finds all mappings of a page by its reverse map.
 */
TEST(two_mappings, .about = "pages written by turns through a 2 MiB and a 4 KiB mapping are right")
{
	run(&two_mappings);
}

/*
 * 64 bytes across the end of each page of the view, whose next page is not the next in
 * RAM. They are written from offset 1 on, so that each size has a write that crosses.
 */
#define WINDOW	     64
#define WINDOW_WORDS (WINDOW / sizeof(u64))
#define WINDOW_FROM  1

enum method {
	BY_MOV_8,
	BY_MOV_16,
	BY_MOV_32,
	BY_MOV_64,
	BY_MOVDQU,
	BY_MOVNTI,
	BY_STOSB,
	BY_STOSW,
	BY_STOSQ,
	BY_MOVSB,
	BY_MOVSW,
	BY_MOVSQ,
	BY_MOVSB_DOWN,
	BY_MOVSQ_DOWN,
	METHODS
};

static const u8 method_width[METHODS] = {
	[BY_MOV_8] = 1,	     [BY_MOV_16] = 2,	  [BY_MOV_32] = 4, [BY_MOV_64] = 8,
	[BY_MOVDQU] = 16,    [BY_MOVNTI] = 8,	  [BY_STOSB] = 1,  [BY_STOSW] = 2,
	[BY_STOSQ] = 8,	     [BY_MOVSB] = 1,	  [BY_MOVSW] = 2,  [BY_MOVSQ] = 8,
	[BY_MOVSB_DOWN] = 1, [BY_MOVSQ_DOWN] = 8,
};

static enum method method_of(u64 page, u64 generation)
{
	return (page + generation) % METHODS;
}

static u8 *window_of(const struct area *area, u64 page)
{
	return area->view + (page + 1) * PAGE_SIZE - WINDOW / 2;
}

/* What the window holds; STOS has one value for all. */
static void window_pattern(const struct area *area, u64 page, u64 generation, u64 *pattern)
{
	enum method method = method_of(page, generation);
	u64 value = body(area, page, generation);

	for (u64 i = 0; i < WINDOW_WORDS; i++) {
		if (method >= BY_STOSB && method <= BY_STOSQ)
			pattern[i] = (u8)value * 0x0101010101010101ul;
		else
			pattern[i] = value * (2 * i + 1);
	}
}

/* COUNT writes of the method's width. */
static void write_by(enum method method, u8 *to, const u8 *from, u64 count)
{
	u64 width = method_width[method];
	u64 bytes = count * width;
	u64 value = *(const u64 *)from;

	switch (method) {
	case BY_STOSB:
		asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
		return;
	case BY_STOSW:
		asm volatile("rep stosw" : "+D"(to), "+c"(count) : "a"(value) : "memory");
		return;
	case BY_STOSQ:
		asm volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory");
		return;
	case BY_MOVSB:
		asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		return;
	case BY_MOVSW:
		asm volatile("rep movsw" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		return;
	case BY_MOVSQ:
		asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		return;
	case BY_MOVSB_DOWN:
	case BY_MOVSQ_DOWN:
		to += bytes - width;
		from += bytes - width;
		if (method == BY_MOVSB_DOWN)
			asm volatile("std; rep movsb; cld"
				     : "+D"(to), "+S"(from), "+c"(count)
				     :
				     : "memory");
		else
			asm volatile("std; rep movsq; cld"
				     : "+D"(to), "+S"(from), "+c"(count)
				     :
				     : "memory");
		return;
	default:
		break;
	}
	for (; count; count--, to += width, from += width) {
		value = *(const u64 *)from;
		switch (method) {
		case BY_MOV_8:
			asm volatile("movb %b0, (%1)" : : "q"(value), "r"(to) : "memory");
			break;
		case BY_MOV_16:
			asm volatile("movw %w0, (%1)" : : "r"(value), "r"(to) : "memory");
			break;
		case BY_MOV_32:
			asm volatile("movl %k0, (%1)" : : "r"(value), "r"(to) : "memory");
			break;
		case BY_MOV_64:
			asm volatile("movq %0, (%1)" : : "r"(value), "r"(to) : "memory");
			break;
		case BY_MOVNTI:
			asm volatile("movnti %0, (%1)" : : "r"(value), "r"(to) : "memory");
			break;
		default: /* XMM0 is nobody's: compiled code uses none. */
			asm volatile("movdqu (%1), %%xmm0; movdqu %%xmm0, (%0)"
				     :
				     : "r"(to), "r"(from)
				     : "memory");
			break;
		}
	}
}

static void write_window(struct area *area, u64 page, u64 generation)
{
	enum method method = method_of(page, generation);
	/* One word more: values are read 8 bytes at a time, whatever of them is written. */
	u64 pattern[WINDOW_WORDS + 1];
	const u8 *from = (const u8 *)pattern;
	u8 *to = window_of(area, page);
	u64 width = method_width[method];
	u64 count = (WINDOW - WINDOW_FROM) / width;
	u64 end = WINDOW_FROM + count * width;

	window_pattern(area, page, generation, pattern);
	pattern[WINDOW_WORDS] = 0;
	write_by(BY_MOV_8, to, from, WINDOW_FROM);
	write_by(method, to + WINDOW_FROM, from + WINDOW_FROM, count);
	write_by(BY_MOV_8, to + end, from + end, WINDOW - end);
}

static bool verify_window(struct area *area, u64 page, u64 generation)
{
	const u64 *words = (const u64 *)window_of(area, page);
	u64 pattern[WINDOW_WORDS];

	window_pattern(area, page, generation, pattern);
	for (u64 i = 0; i < WINDOW_WORDS; i++)
		if (!check_word(area, page, &words[i], pattern[i], generation))
			return false;
	return true;
}

static void set_up_windows(struct area *area)
{
	map_view(area, PAGE_DATA);
	area->old_cr4 = read_cr4();
	write_cr4(area->old_cr4 | X86_CR4_OSFXSR);
}

static void clean_up_windows(struct area *area)
{
	write_cr4(area->old_cr4);
	unmap_view(area);
}

static const struct kind crossing = {
	.pages = 64,
	.least = 8,
	.set_up = set_up_windows,
	.clean_up = clean_up_windows,
	.write = write_window,
	.verify = verify_window,
};

/*
 * An emulator that splits a write at the end of a page must log both pages, and a string
 * instruction that is interrupted by a fault must go on where it was.
 */
TEST(crossing, .about = "unaligned writes of all sizes, and string instructions, across pages")
{
	run(&crossing);
}

/* ---- code ---- */

#define MOV_EAX_IMM32 0xb8
#define RET	      0xc3

/* mov eax, imm32; ret. Every other page's lies across its end, within the operand. */
struct function {
	u8 mov;
	u32 value;
	u8 ret;
} __packed;

static struct function *function_of(const struct area *area, u64 page)
{
	u64 at = page * PAGE_SIZE + PAGE_SIZE / 4;

	if (page & 1)
		at = (page + 1) * PAGE_SIZE - offsetof(struct function, ret) / 2;
	return (void *)(area->view + at);
}

static void write_function(struct area *area, u64 page, u64 generation)
{
	*(volatile struct function *)function_of(area, page) = (struct function){
		.mov = MOV_EAX_IMM32,
		.value = body(area, page, generation),
		.ret = RET,
	};
}

/* What is no such function must not be called. */
static bool verify_function(struct area *area, u64 page, u64 generation)
{
	struct function *function = function_of(area, page);
	u32 wanted = body(area, page, generation);
	u32 read = ((volatile struct function *)function)->value;
	u32 (*call)(void) = (void *)function;
	u32 returned;
	char text[120];

	barrier();
	if (function->mov == MOV_EAX_IMM32 && function->ret == RET && read == wanted) {
		returned = call();
		if (returned == wanted)
			return true;
		snprintf(text, sizeof(text), "returns 0x%x, not 0x%x of generation %lu", returned,
			 wanted, generation);
	} else {
		snprintf(text, sizeof(text),
			 "is %02x %08x %02x, not mov eax, 0x%x of generation "
			 "%lu; ret",
			 function->mov, read, function->ret, wanted, generation);
	}
	complain(area, page, function, text);
	return false;
}

static void set_up_code(struct area *area)
{
	map_view(area, PAGE_TEXT | PT_WRITABLE_MASK);
}

static const struct kind code = {
	.pages = 64,
	.least = 8,
	.set_up = set_up_code,
	.clean_up = unmap_view,
	.write = write_function,
	.verify = verify_function,
};

/* Of a translator, or a decoder's cache, the new code must be known on the other side too. */
TEST(code, .about = "code that is rewritten and run does what was written last")
{
	run(&code);
}

/* ---- zero pages ---- */

#define ONE_BYTE	0x5a
#define UNTOUCHED_ORDER 2

/* By turns: zero, different words, zero, one byte all over. */
static u64 fill_of(const struct area *area, u64 page, u64 generation)
{
	switch ((generation + page) % 4) {
	case 1:
		return body(area, page, generation);
	case 3:
		return ONE_BYTE * 0x0101010101010101ul;
	default:
		return 0;
	}
}

static void write_fill(struct area *area, u64 page, u64 generation)
{
	fill_words(words_of(area, page), PAGE_WORDS, fill_of(area, page, generation));
}

static bool verify_fill(struct area *area, u64 page, u64 generation)
{
	return check_words(area, page, words_of(area, page), PAGE_WORDS,
			   fill_of(area, page, generation), generation);
}

/* As they come from the host, if they are zero. Another boot may have used them. */
static void set_up_untouched(struct area *area)
{
	const u64 *unlike;

	area->untouched = alloc_pages_dirty(UNTOUCHED_ORDER);
	if (!are_words(area->untouched, PAGE_WORDS << UNTOUCHED_ORDER, 0, &unlike))
		fill_words(area->untouched, PAGE_WORDS << UNTOUCHED_ORDER, 0);
}

static void clean_up_untouched(struct area *area)
{
	free_pages(area->untouched);
}

static void check_untouched(struct area *area)
{
	check_words(area, area->pages, area->untouched, PAGE_WORDS << UNTOUCHED_ORDER, 0, 0);
}

static const struct kind zero = {
	.pages = 64,
	.least = 8,
	.set_up = set_up_untouched,
	.clean_up = clean_up_untouched,
	.write = write_fill,
	.verify = verify_fill,
	.also = check_untouched,
};

TEST(zero, .about = "pages that become zero, that were zero, and that never were touched")
{
	run(&zero);
}

/* ---- read-modify-writes that change nothing ---- */

/* Words of one cache line. */
#define GUARD_BEFORE 2
#define NEIGHBOUR    3 /* the writer's, generation after generation */
#define GUARD_AFTER  4
#define COUNTER	     5 /* the disturber's */
#define GUARD	     0x6775617264697321ul

#define UNLOCKED_PAUSES 200

static void write_neighbour(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	if (!generation)
		words[GUARD_BEFORE] = words[GUARD_AFTER] = GUARD;
	WRITE_ONCE(words[NEIGHBOUR], stamp(area, page, generation));
}

static bool verify_neighbour(struct area *area, u64 page, u64 generation)
{
	const u64 *words = words_of(area, page);

	return check_word(area, page, &words[NEIGHBOUR], stamp(area, page, generation),
			  generation) &&
	       check_word(area, page, &words[GUARD_BEFORE], GUARD, generation) &&
	       check_word(area, page, &words[GUARD_AFTER], GUARD, generation);
}

/* What a lock is for: whoever writes the neighbour in between, loses that write. */
static void unlocked_or(u64 *word)
{
	u64 value = READ_ONCE(*word);

	for (int i = 0; i < UNLOCKED_PAUSES; i++)
		pause();
	WRITE_ONCE(*word, value);
}

static void change_nothing(struct area *area)
{
	u64 *words = words_of(area, area->added % area->pages);
	u64 value;

	if (broken("unlocked")) {
		unlocked_or(&words[NEIGHBOUR]);
		return;
	}
	cmpxchg(&words[GUARD_BEFORE], GUARD, GUARD);
	/* Over the writer's own word: at once, or not at all. */
	asm volatile("lock orq $0, %0" : "+m"(words[NEIGHBOUR]) : : "memory", "cc");
	value = READ_ONCE(words[NEIGHBOUR]);
	cmpxchg(&words[NEIGHBOUR], value, value);
	value = 0;
	asm volatile("lock xaddq %1, %0" : "+m"(words[NEIGHBOUR]), "+r"(value) : : "memory", "cc");
	__atomic_fetch_add(&words[COUNTER], 1, __ATOMIC_SEQ_CST);
	area->added++;
}

static void check_added(struct area *area)
{
	u64 sum = 0;
	char text[120];

	for (u64 page = 0; page < area->pages; page++)
		sum += words_of(area, page)[COUNTER];
	if (sum == area->added)
		return;
	snprintf(text, sizeof(text),
		 "LOCK XADD of 1 was done %lu times, all counters add up to "
		 "%lu",
		 area->added, sum);
	complain(area, 0, &words_of(area, 0)[COUNTER], text);
}

static const struct kind no_change = {
	.pages = 64,
	.least = 8,
	.write = write_neighbour,
	.verify = verify_neighbour,
	.disturb = change_nothing,
	.also = check_added,
};

/*
 * A read-modify-write that is done as a read and a write somewhere on its way (in an
 * emulator, between two mappings, by a page that is exchanged in between) brings back the
 * value from before a neighbour's write. With one CPU only the guest itself could do it.
 */
TEST(no_change, .about = "locked read-modify-writes that change nothing undo no other CPU's write")
{
	run(&no_change);
}

/* ---- bits that the CPU's page walker sets ---- */

#define USED_BITS (PT_ACCESSED_MASK | PT_DIRTY_MASK)

/* Of the view's pages, small or large, of which the table maps nothing else. */
static pteval_t *entry_of(const struct area *area, u64 page)
{
	int level;

	return find_pte(current_page_table(), area->view, &level) + page;
}

static void set_up_walks(struct area *area)
{
	map_view(area, PAGE_DATA);
	area->view_step = PAGE_SIZE;
	/* The table: between two generations nobody writes it but the walker. */
	area->victim = (u8 *)entry_of(area, 0);
}

#define LARGE_PAGE_SIZE (PAGE_SIZE << LARGE_PAGE_ORDER)
#define LARGE_VIEW_SIZE (LARGE_PAGE_SIZE * 512)

/* All large pages of the view are the same memory. */
static void set_up_large_walks(struct area *area)
{
	static u8 *space[MOST_WRITERS];

	if (!space[area->cpu])
		space[area->cpu] = (u8 *)ALIGN((u64)alloc_vpages(2 * LARGE_VIEW_SIZE / PAGE_SIZE),
					       LARGE_VIEW_SIZE);
	area->view = space[area->cpu];
	area->view_step = LARGE_PAGE_SIZE;
	for (u64 page = 0; page < area->pages; page++)
		map_range(area->view + page * LARGE_PAGE_SIZE, virt_to_phys(area->memory),
			  LARGE_PAGE_SIZE, PAGE_DATA);
	area->victim = (u8 *)entry_of(area, 0);
}

static void clean_up_large_walks(struct area *area)
{
	pteval_t *entries = entry_of(area, 0);

	for (u64 page = 0; page < area->pages; page++)
		WRITE_ONCE(entries[page], 0);
	flush_tlb_all();
	/* It is no address of a small view. */
	area->view = NULL;
}

/* In odd generations every page is used, even ones are written; before, no entry says so. */
static void use_or_clear(struct area *area, u64 page, u64 generation)
{
	volatile u64 *at = (u64 *)(area->view + page * area->view_step);

	if (!(generation & 1)) {
		__atomic_and_fetch(entry_of(area, page), ~USED_BITS, __ATOMIC_SEQ_CST);
		invlpg((void *)at);
	} else if (page & 1) {
		(void)*at;
	} else {
		*at = generation;
	}
}

/* A CPU may read ahead, and so set accessed bits by itself; dirty bits never. */
static bool verify_used_bits(struct area *area, u64 page, u64 generation)
{
	pteval_t entry = READ_ONCE(*entry_of(area, page));
	bool written = (generation & 1) && !(page & 1);
	char text[120];

	if (!(entry & PT_DIRTY_MASK) == !written && (entry & PT_ACCESSED_MASK || !(generation & 1)))
		return true;
	snprintf(text, sizeof(text), "was %s, and its entry is 0x%lx",
		 !(generation & 1) ? "cleared"
		 : written	   ? "written (A and D)"
				   : "read (A, no D)",
		 entry);
	complain(area, page, entry_of(area, page), text);
	return false;
}

static const struct kind walks = {
	.pages = 256,
	.least = 16,
	.set_up = set_up_walks,
	.clean_up = unmap_view,
	.write = use_or_clear,
	.verify = verify_used_bits,
};

static const struct kind large_walks = {
	.pages = 256,
	.least = 16,
	.order = LARGE_PAGE_ORDER,
	.set_up = set_up_large_walks,
	.clean_up = clean_up_large_walks,
	.write = use_or_clear,
	.verify = verify_used_bits,
};

/*
 * With nested paging it is the CPU that writes the guest's tables, by an access that KVM sees
 * as a fault of its own; with shadow paging it is KVM.
 */
TEST(walks, .about = "accessed and dirty bits that a page walk has set are not lost, nor made up")
{
	run(&walks);
}

TEST(large_walks, .about = "the same for the entries of 2 MiB pages")
{
	run(&large_walks);
}

static void lock_or_0(u64 *word)
{
	asm volatile("lock orq $0, %0" : "+m"(*word) : : "memory", "cc");
}

static void lock_xadd_0(u64 *word)
{
	u64 nothing = 0;

	asm volatile("lock xaddq %1, %0" : "+m"(*word), "+r"(nothing) : : "memory", "cc");
}

static void lock_cmpxchg_same(u64 *word)
{
	cmpxchg(word, GUARD, GUARD);
}

static void lock_cmpxchg_fails(u64 *word)
{
	cmpxchg(word, ~GUARD, 0ul);
}

static void xchg_same(u64 *word)
{
	(void)xchg(word, GUARD);
}

static void or_0(u64 *word)
{
	asm volatile("orq $0, %0" : "+m"(*word) : : "memory", "cc");
}

static const struct {
	const char *name;
	void (*run)(u64 *word);
} no_changes[] = {
	{ "lock or 0", lock_or_0 },
	{ "lock xadd 0", lock_xadd_0 },
	{ "lock cmpxchg(x, x)", lock_cmpxchg_same },
	{ "lock cmpxchg that fails", lock_cmpxchg_fails },
	{ "xchg(x)", xchg_same },
	{ "or 0", or_0 },
};

static void report_dirtied(pteval_t *const *entries, u64 *const *words, const char *when)
{
	bool all = true;

	for (u64 i = 0; i < ARRAY_SIZE(no_changes); i++)
		all &= report_if_failed(
			(*entries[i] & USED_BITS) == USED_BITS && *words[i] == GUARD,
			"%s: %s: the entry is 0x%lx without A or D, or 0x%lx is not 0x%lx",
			no_changes[i].name, when, *entries[i], *words[i], GUARD);
	report(all, "%s: %lu read-modify-writes have set A and D", when, ARRAY_SIZE(no_changes));
}

/* A write is a write, says the SDM of all these, also if it changes nothing. */
TEST(no_change_is_write, .on = EACH_CPU,
     .about = "a read-modify-write that changes nothing is a write, and stays one when moved")
{
	u64 *words[ARRAY_SIZE(no_changes)];
	pteval_t *entries[ARRAY_SIZE(no_changes)];

	for (u64 i = 0; i < ARRAY_SIZE(no_changes); i++) {
		words[i] = vmalloc(PAGE_SIZE);
		*words[i] = GUARD;
		entries[i] = get_pte(current_page_table(), words[i]);
		__atomic_and_fetch(entries[i], ~USED_BITS, __ATOMIC_SEQ_CST);
		invlpg(words[i]);
	}
	migrate_quiet();
	for (u64 i = 0; i < ARRAY_SIZE(no_changes); i++)
		no_changes[i].run(words[i]);
	report_dirtied(entries, words, "after the first move");
	migrate_quiet();
	for (u64 i = 0; broken("clean") && i < ARRAY_SIZE(no_changes); i++)
		__atomic_and_fetch(entries[i], ~USED_BITS, __ATOMIC_SEQ_CST);
	report_dirtied(entries, words, "moved once more");
	for (u64 i = 0; i < ARRAY_SIZE(no_changes); i++)
		vfree(words[i]);
}

/* ---- pages that the hypervisor writes ---- */

#define KVM_FEATURE_STEAL_TIME 5

/* Linux uapi asm/kvm_para.h; msr.rst, MSR_KVM_STEAL_TIME. */
struct kvm_steal_time {
	u64 steal;
	u32 version;
	u32 flags;
	u8 preempted;
	u8 u8_pad[3];
	u32 pad[11];
};

#define STEAL_WORDS (sizeof(struct kvm_steal_time) / sizeof(u64))
#define CLOCK_WORDS (sizeof(struct pvclock_vcpu_time_info) / sizeof(u64))

/* Where they are in the page; the writer fills all the rest of it. */
#define STEAL_AT 128
#define CLOCK_AT 300

/* KVM writes the steal time whenever the vCPU is loaded, the clock when it is registered. */
#define HYPERVISOR_MS 2000

static bool has_steal_time(void)
{
	u32 leaf = hypervisor_leaf(KVM_SIGNATURE);

	return leaf && raw_cpuid(leaf + 1, 0).a >> KVM_FEATURE_STEAL_TIME & 1;
}

FEATURE(KVM_PAGES, "kvmclock or KVM's steal time")
{
	return feature_KVMCLOCK.present() || has_steal_time();
}

static struct pvclock_vcpu_time_info *clock_in(const struct area *area)
{
	return (void *)(words_of(area, 0) + CLOCK_AT);
}

static struct kvm_steal_time *steal_in(const struct area *area)
{
	return (void *)(words_of(area, 0) + STEAL_AT);
}

static void set_up_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		pvclock_register(pvclock_best_msrs(), clock_in(area));
	if (has_steal_time())
		wrmsr(MSR_KVM_STEAL_TIME, (u64)steal_in(area) | KVM_MSR_ENABLED);
}

static void clean_up_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		pvclock_disable(pvclock_best_msrs());
	if (has_steal_time())
		wrmsr(MSR_KVM_STEAL_TIME, 0);
}

/* Three stretches: before, between and behind what is KVM's. */
static const struct {
	u64 from, to;
} guests_words[] = {
	{ 1, STEAL_AT },
	{ STEAL_AT + STEAL_WORDS, CLOCK_AT },
	{ CLOCK_AT + CLOCK_WORDS, LAST_WORD },
};

static void write_around(struct area *area, u64 page, u64 generation)
{
	u64 *words = words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	for (u64 i = 0; i < ARRAY_SIZE(guests_words); i++)
		fill_words(words + guests_words[i].from, guests_words[i].to - guests_words[i].from,
			   body(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

/* The parts that the writer fills. */
static bool verify_around(struct area *area, u64 page, u64 generation)
{
	const u64 *words = words_of(area, page);

	if (!verify_stamps(area, page, generation))
		return false;
	for (u64 i = 0; i < ARRAY_SIZE(guests_words); i++)
		if (!check_words(area, page, words + guests_words[i].from,
				 guests_words[i].to - guests_words[i].from,
				 body(area, page, generation), generation))
			return false;
	return true;
}

/* A page that nobody writes on the other side shows what it showed before the move. */
static void check_clock(struct area *area)
{
	struct pvclock_vcpu_time_info *clock = clock_in(area);
	u64 now = pvclock_read(clock);
	char text[120];

	if (now < area->last_time) {
		snprintf(text, sizeof(text), "kvmclock went back from %lu to %lu", area->last_time,
			 now);
		complain(area, 0, clock, text);
	}
	memset(clock, 0, sizeof(*clock));
	pvclock_register(pvclock_best_msrs(), clock);
	if (!wait_until(READ_ONCE(clock->tsc_to_system_mul), HYPERVISOR_MS))
		complain(area, 0, clock, "nobody wrote the clock that has been registered again");
	else
		area->last_time = pvclock_read(clock);
}

static void check_steal(struct area *area)
{
	struct kvm_steal_time *steal = steal_in(area);
	u32 version = READ_ONCE(steal->version);
	char text[120];

	if (!wait_until(READ_ONCE(steal->version) != version, HYPERVISOR_MS))
		complain(area, 0, steal, "nobody writes the steal time any more");
	if (READ_ONCE(steal->steal) < area->last_steal) {
		snprintf(text, sizeof(text), "steal time went back from %lu to %lu",
			 area->last_steal, READ_ONCE(steal->steal));
		complain(area, 0, steal, text);
	}
	area->last_steal = READ_ONCE(steal->steal);
}

static void check_kvm_pages(struct area *area)
{
	if (feature_KVMCLOCK.present())
		check_clock(area);
	if (has_steal_time())
		check_steal(area);
}

static const struct kind kvm_pages = {
	.pages = 1,
	.least = 1,
	.set_up = set_up_kvm_pages,
	.clean_up = clean_up_kvm_pages,
	.write = write_around,
	.verify = verify_around,
	.stamped = true,
	.also = check_kvm_pages,
};

/* KVM marks a page dirty itself where it writes one, by an address that it keeps. */
TEST(kvm_pages, .needs = KVM_PAGES,
     .about = "pages that KVM writes go on being written, and what is beside in them stays")
{
	run(&kvm_pages);
}

/* ---- how fast ---- */

#define RATE_MS 20

static u64 bytes_per_second(void (*write)(struct area *area), struct area *area)
{
	struct stopwatch watch;
	u64 bytes = 0, ns;

	/* The hypervisor's own work at the first touch does not count. */
	write(area);
	stopwatch_start(&watch);
	do {
		write(area);
		bytes += area->pages * PAGE_SIZE;
		ns = stopwatch_ns(&watch);
	} while (ns < RATE_MS * 1000000ul);
	return bytes * 1000 / MAX(ns / 1000000, 1ul);
}

static void write_generation(struct area *area)
{
	for (u64 i = 0; i < area->pages; i++)
		step(area);
}

static void write_by_stosb(struct area *area)
{
	for (u64 page = 0; page < area->pages; page++) {
		u64 *at = words_of(area, page);
		u64 count = PAGE_SIZE;

		asm volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(0) : "memory");
	}
}

static void write_by_stosq(struct area *area)
{
	for (u64 page = 0; page < area->pages; page++)
		fill_words(words_of(area, page), PAGE_WORDS, 0);
}

static void write_unchecked(struct area *area)
{
	for (u64 i = 0; i < area->pages; i++)
		area->kind->write(area, page_at(area, i), area->generation);
}

/*
 * The writer's checks must not make it slow: there would be nothing to catch. memset()
 * of each page is what is quicker here: a CPU knows REP STOSB as a whole, an emulator may go byte
 * by byte.
 */
TEST(dirty_rate, .about = "tells how fast `flood` writes, with checks and without, and memset()")
{
	u64 pages = flood_pages();
	u64 written, unchecked, memset;

	writers = 1;
	new_area(&areas[0], &flood, 0, pages);
	written = bytes_per_second(write_generation, &areas[0]);
	report(!atomic_read(&areas[0].wrong), "%lu generations of %lu pages, none wrong",
	       areas[0].generation - 1, pages);
	unchecked = bytes_per_second(write_unchecked, &areas[0]);
	memset = MAX(bytes_per_second(write_by_stosb, &areas[0]),
		     bytes_per_second(write_by_stosq, &areas[0]));
	free_pages(areas[0].memory);
	mark("dirty_rate",
	     "pages=%lu bytes_per_second=%lu unchecked_bytes_per_second=%lu "
	     "memset_bytes_per_second=%lu",
	     pages, written, unchecked, memset);
}
