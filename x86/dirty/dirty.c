// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: memory that is written to while the guest is migrated.
 *
 * Specification: KVM API, KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG; Intel SDM volume 3, "Memory
 * Ordering", "Self-Modifying Code", "Accessed and Dirty Flags". At every moment a byte of memory
 * holds what was last written to it. It does not matter by which instruction and through which
 * mapping it was written, nor whether the guest, a page walk of its CPUs or the hypervisor wrote
 * it. This must hold during a live migration and every other action of the host.
 *
 * A broken hypervisor overlooks a write. After it has read the dirty log, it does not write-protect
 * a page again or does not flush a TLB. It forgets the second page of a write that crosses into it.
 * It does not log what its emulator, a page walk or its own write of a clock page has changed. It
 * sends a page while the page changes, and does not send it again. It sends a page as zero that is
 * not zero, or leaves out a page that has become zero. Then a page on the destination is older than
 * the rest, as a whole or in part.
 *
 * How the tests see it: each CPU has an area of its own and writes it page by page in a fixed
 * order, first with generation 1, then with generation 2, and so on. So at every moment the
 * pages hold, in that order, k, k, ... k, k-1, ... k-1: a staircase with one step. The order is
 * random for most tests. Before the writer writes a page, it checks that the page holds the
 * whole of the last generation. Meanwhile the boot CPU looks at the others' areas: in the
 * reverse order generations never go down. After the action all writers halt, and every page is
 * compared with what it has to hold. If there is one CPU, it does all this by itself while it
 * waits for the host.
 *
 * What the tests cannot tell apart: a stale page of an area, and a stale page of the writer's own
 * notes (generation and position, in `areas`), unless the page is ahead of the notes; a write that
 * KVM's dirty log has lost, and one that the VMM has lost. In `flood` and `sparse` the writer looks
 * only at a page's first and last word. There the tests do not see a stale word that is written
 * again before anybody looks.
 *
 * On the command line: `pages=N`, how many pages each CPU has in `flood`; `seed=N`; `memory=bar`,
 * for areas in a display's frame buffer (bar.c); `slots=own` or `slots=shared`, for the test
 * `slots` (slots.c); `strings=on`, for the test `emulated_page` (emulated.c); and break=WHAT, which
 * spoils memory on purpose after the first action of each test:
 *
 * stale     a page is as it was one generation ago when the writers halt
 * torn      the second half of a page is as it was one generation ago
 * late      as stale, but only the writer finds it when it goes on
 * unlocked  read-modify-writes are not locked, so that a write in between is lost
 * clean     entries in which a write has set A and D lose them in the second action
 */
#include "alloc_page.h"
#include "memory.h"
#include "random.h"
#include "smp.h"
#include "words.h"
#include "x86/dirty/dirty.h"

#define ACTIONS_PER_TEST 2

/* Further complaints about an area say nothing new, so they are only counted. */
#define MOST_COMPLAINTS 3

struct area areas[MOST_WRITERS];
int writers;

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

u64 page_at(const struct area *area, u64 position)
{
	return shuffled(position, area->multiplier, area->seed, area->pages);
}

/* ---- what is wrong ---- */

/*
 * Says "generation 7", for example. Nobody writes a generation that is ahead of the notes. If a
 * page holds one, the notes are stale.
 */
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
	report_fail(
		"CPU %d's page %lu, %p (physical 0x%lx): %s; the writer is at generation %lu, page %lu of %lu; seen by CPU %d",
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

/*
 * The pages of some kinds hold the same in every other generation. So the page is made stale by an
 * odd number of generations.
 */
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

u64 ram_pages(void)
{
	u64 pages = 0;

	for (int i = 0; i < memory_regions; i++)
		pages += (memory_region[i].end - memory_region[i].start) >> PAGE_SHIFT;
	return pages;
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
		.memory = alloc_area(MAX(page_order(pages * PAGE_SIZE), kind->order), kind->in_ram),
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
	int actions = kind->actions ? kind->actions : ACTIONS_PER_TEST;
	u64 generations = 0, wrong = 0;

	writers = MIN(cpu_count(), MOST_WRITERS);
	for (int i = 0; i < writers; i++)
		new_area(&areas[i], kind, i, pages);
	for (int i = 0; i < actions; i++)
		run_action(i == 0 && (broken("stale") || broken("torn") || broken("late")));
	for (int i = 0; i < writers; i++) {
		struct area *area = &areas[i];

		generations += area->generation - 1;
		wrong += atomic_read(&area->wrong);
		on_cpu(area->cpu, clean_up, area);
		free_area(area->memory);
	}
	report(!wrong,
	       "%d actions, %d writers, %lu pages each, %lu generations: %lu times something wrong",
	       actions, writers, pages, generations, wrong);
}

void run(const struct kind *kind)
{
	run_with(kind, power_of_two_below(scaled_count(kind->pages, kind->least)));
}
