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
#include "alloc_page.h"
#include "random.h"
#include "smp.h"
#include "words.h"
#include "x86/dirty/dirty.h"

#define MOVES_PER_TEST 2

/* Of one area: the rest would only say the same. */
#define MOST_COMPLAINTS 3

struct area areas[MOST_WRITERS];
int writers;

/* What nobody else writes, and this one nowhere else and at no other time. */
u64 stamp(const struct area *area, u64 page, u64 generation)
{
	return generation << STAMP_GENERATION_SHIFT | (u64)area->cpu << STAMP_CPU_SHIFT | page;
}

u64 body(const struct area *area, u64 page, u64 generation)
{
	return scramble(stamp(area, page, generation));
}

u64 *words_of(const struct area *area, u64 page)
{
	return (u64 *)(area->memory + page * PAGE_SIZE);
}

/* The pages' order: a permutation, since the multiplier is odd and `pages` a power of two. */
u64 page_at(const struct area *area, u64 position)
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

void complain(struct area *area, u64 page, const void *at, const char *what)
{
	if (atomic_inc_return(&area->wrong) > MOST_COMPLAINTS)
		return;
	report_fail("CPU %d's page %lu, %p (physical 0x%lx): %s; the writer is at generation %lu, "
		    "page %lu of %lu; seen by CPU %d",
		    area->cpu, page, at, virt_to_phys(at), what, READ_ONCE(area->generation),
		    READ_ONCE(area->position), area->pages, smp_id());
}

bool check_word(struct area *area, u64 page, const u64 *at, u64 wanted, u64 generation)
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

bool check_words(struct area *area, u64 page, const u64 *at, u64 count, u64 wanted, u64 generation)
{
	const u64 *unlike = first_unlike(at, count, wanted);

	return !unlike || check_word(area, page, unlike, wanted, generation);
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

static void run_action(bool break_it)
{
	if (break_it)
		remember_victim();
	write_and_migrate();
	if (break_it) {
		make_victim_stale();
		if (broken("late"))
			return;
	}
	for (int i = 0; i < writers; i++)
		on_cpu(areas[i].cpu, compare, &areas[i]);
}

/* ---- a test ---- */

u64 power_of_two_below(u64 n)
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

void new_area(struct area *area, const struct kind *kind, int cpu, u64 pages)
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

void run_with(const struct kind *kind, u64 pages)
{
	u64 generations = 0, wrong = 0;

	writers = MIN(cpu_count(), MOST_WRITERS);
	for (int i = 0; i < writers; i++)
		new_area(&areas[i], kind, i, pages);
	for (int i = 0; i < MOVES_PER_TEST; i++)
		run_action(i == 0 && (broken("stale") || broken("torn") || broken("late")));
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

void run(const struct kind *kind)
{
	run_with(kind, power_of_two_below(scaled_count(kind->pages, kind->least)));
}
