// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: the CPUs that write their areas, and the boot CPU that looks at them meanwhile. A part
 * of the program dirty: see dirty.c.
 */
#include "barrier.h"
#include "processor.h"
#include "smp.h"
#include "x86/dirty/dirty.h"

/* How long all writers may take to go through their areas once. */
#define GENERATION_MS 30000

/* How many pages the boot CPU looks at in one turn. */
#define LOOKS_PER_TURN 8

static atomic_t stop;

void step(struct area *area)
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
		/* Without this, an emulator with one thread runs this CPU for 100 ms at a time. */
		pause();
	}
}

/* Checks while the writer writes: in the reverse order generations never go down. */
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
	/* Reads the last word first, since it is written last. x86 keeps reads in order. */
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

/* The boot CPU's turn: it writes a page of its own area, and looks at a page of another area. */
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

void compare(void *data)
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

void write_and_migrate(void)
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
