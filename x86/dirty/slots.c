// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: memory that the guest turns off and on again while it is migrated (Intel 3 Series Express
 * Chipset data sheet, 5.1.12 "PAM0" and on; PCI Local Bus Specification 3.0, 6.2.2, "Memory Space";
 * KVM API, KVM_SET_USER_MEMORY_REGION). A part of the program dirty: see dirty.c.
 *
 * The host bridge decides whether memory from C0000h on is RAM, in segments of 16 KiB. A device
 * with RAM behind a BAR answers only while its memory space is enabled. Such RAM keeps its contents
 * while it is off. A VMM implements this by memory slots of KVM: it removes the slot with this
 * memory, and makes new ones for what is there now. The dirty log belongs to the slot. A broken VMM
 * removes a slot and does not read its dirty log first, or makes the new slot without a log, or
 * reads the log of a slot into the place of another.
 *
 * The boot CPU has 12 of its 16 pages in memory that is turned off, in one part or three. Now and
 * then it turns a part on, writes the part's pages, and turns the part off again, wholly or only
 * for writes. In between it writes the other pages, which are in other RAM. So the last write
 * before a slot is removed counts, and the first one after it was made. At first the parts follow
 * each other quickly, then ever more slowly. So some removals fall into a short action, and a long
 * one comes to an end. After the action all parts are turned on, and all pages are compared.
 *
 * A VMM may add all pages of a new slot to the dirty log, as QEMU does on Linux 5.8 and newer
 * (KVM_DIRTY_LOG_INITIALLY_SET). Then the tests find an unread log only because the memory is still
 * off when the action ends.
 *
 * If firmware has made all memory up to 1 MiB RAM, as qboot does, all RAM is in one slot, and
 * `slots` has it removed and made again each time. No CPU may run meanwhile. QEMU sees to that
 * since 8.0. With an older one a second CPU dies. So with several CPUs the test runs only if the
 * segments are in other slots than the CPUs' code, or with `slots=shared` on the command line. It
 * needs a stanza of its own, dirty_slots, because QEMU does not reset the PAM registers: after a
 * reset some segments are still off.
 */
#include "alloc_page.h"
#include "argument.h"
#include "pam.h"
#include "pci.h"
#include "processor.h"
#include "smp.h"
#include "x86/dirty/dirty.h"

/* A short action may see no part turned off. */
#define ACTIONS	       4
#define AREA_PAGES     16
#define SWITCHED_PAGES 12
#define PAGES_PER_PART (SWITCHED_PAGES / switched->parts)

/* Modes of a part: what may be done with it. They have the values of the PAM registers. */
#define CAN_READ PAM_READ
#define IS_ON	 PAM_RAM

/* Memory that can be turned off. */
static const struct switched {
	int parts;
	u8 off; /* a part that is off has some of these bits */
	void *(*start)(int part);
	void (*set_mode)(int part, u8 mode);
} * switched;

static u8 modes[SWITCHED_PAGES];

/*
 * A turn writes the pages of one part. `written_in` has the generation in which a part was written
 * last. `turn_in` is the generation of the turn under way, or NO_TURN. The TSC tells when the first
 * turn of this action began, if there was one, and when the next one is due.
 */
#define NO_TURN (~0ul)
static u64 written_in[SWITCHED_PAGES];
static u64 turn_in, first_turn_at, next_turn_at;
static int turn_part;
static u64 times_off;

static bool is_switched(const struct area *area, u64 page)
{
	return area->cpu == 0 && page < SWITCHED_PAGES;
}

static int part_of(u64 page)
{
	return page / PAGES_PER_PART;
}

static u64 *place_of(const struct area *area, u64 page)
{
	if (!is_switched(area, page))
		return words_of(area, page);
	return switched->start(part_of(page)) + page % PAGES_PER_PART * PAGE_SIZE;
}

static void set_mode(int part, u8 mode)
{
	if (modes[part] != mode)
		switched->set_mode(part, mode);
	modes[part] = mode;
}

static bool is_turn_of(const struct area *area, u64 page, u64 generation)
{
	return is_switched(area, page) && part_of(page) == turn_part && generation == turn_in;
}

/* Called before the first page of a generation is written. */
static void begin_turn_if_due(u64 generation)
{
	u64 now = rdtsc();

	if (!first_turn_at)
		first_turn_at = now;
	else if ((s64)(now - next_turn_at) < 0)
		return;
	turn_in = generation;
	set_mode(turn_part, IS_ON);
}

/* The next turn is due when a quarter as much time again has passed. */
static void end_turn(u8 mode)
{
	u64 now = rdtsc();

	set_mode(turn_part, mode);
	times_off++;
	next_turn_at = now + (now - first_turn_at) / 4;
	written_in[turn_part] = turn_in;
	turn_in = NO_TURN;
	turn_part = (turn_part + 1) % switched->parts;
}

static void write_place(struct area *area, u64 page, u64 generation)
{
	u64 *words = place_of(area, page);
	bool turn = is_turn_of(area, page, generation);

	if (is_switched(area, page) && generation && !turn)
		return;
	WRITE_ONCE(words[0], stamp(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
	if (turn && (page + 1) % PAGES_PER_PART == 0)
		end_turn(body(area, page, generation) & switched->off);
}

static bool verify_place(struct area *area, u64 page, u64 generation)
{
	const u64 *words = place_of(area, page);
	u64 wanted;

	if (is_switched(area, page) && !is_turn_of(area, page, generation))
		generation = written_in[part_of(page)];
	if (is_switched(area, page) && !(modes[part_of(page)] & CAN_READ))
		set_mode(part_of(page), switched->off ? CAN_READ : IS_ON);
	wanted = stamp(area, page, generation);
	return check_word(area, page, &words[0], wanted, generation) &&
	       check_word(area, page, &words[LAST_WORD], wanted, generation);
}

/* Before the page is written in the next generation. What is off then stays off. */
static bool verify_if_on(struct area *area, u64 page, u64 generation)
{
	if (is_switched(area, page) && page == 0 && turn_in == NO_TURN)
		begin_turn_if_due(generation + 1);
	if (is_switched(area, page) && !(modes[part_of(page)] & CAN_READ))
		return true;
	return verify_place(area, page, generation);
}

static void set_up_slots(struct area *area)
{
	if (area->cpu)
		return;
	/* The pages of a part come one after the other. */
	area->multiplier = 1;
	area->seed = 0;
	memset(written_in, 0, sizeof(written_in));
	turn_in = NO_TURN;
	turn_part = 0;
	first_turn_at = 0;
}

/* An action is over. In the next one turns follow each other quickly again. */
static void begin_anew(struct area *area)
{
	if (area->cpu == 0)
		first_turn_at = 0;
}

static const struct kind slots = {
	.pages = AREA_PAGES,
	.least = AREA_PAGES,
	.set_up = set_up_slots,
	.write = write_place,
	.verify = verify_place,
	.glance = verify_if_on,
	.also = begin_anew,
	.in_ram = true,
	.actions = ACTIONS,
};

/* All parts are on, before and after this. */
static void run_with_switched(const struct switched *memory)
{
	switched = memory;
	for (int part = 0; part < switched->parts; part++)
		modes[part] = IS_ON;
	times_off = 0;
	run(&slots);
	for (int part = 0; part < switched->parts; part++)
		set_mode(part, IS_ON);
	report_info("memory was turned off %lu times", times_off);
}

/* ---- memory of the host bridge ---- */

/*
 * Segments 0 to 2 are the place of the display's option ROM. Nobody needs it when the firmware has
 * ended. Behind them qboot puts ACPI's tables and what it tells the guest.
 */
#define SEGMENTS      3
#define SEGMENTS_SIZE (SEGMENTS * PAM_SEGMENT_SIZE)

static bool slots_are(const char *word)
{
	return argument("slots") && !strcmp(argument("slots"), word);
}

FEATURE(SLOTS, "slots=own or slots=shared on the command line, as the stanza dirty_slots has it")
{
	return slots_are("own") || slots_are("shared");
}

FEATURE(OWN_SLOTS, "one CPU, or memory from C0000h on that is in no memory slot with all other RAM")
{
	return cpu_count() == 1 || slots_are("shared") || !pam_all_is_ram();
}

static void set_segment(int segment, u8 mode)
{
	pam_set_mode(segment, mode);
}

static const struct switched segments = {
	.parts = SEGMENTS,
	.off = CAN_READ,
	.start = pam_segment,
	.set_mode = set_segment,
};

static bool segments_hold(void)
{
	u64 *words = pam_segment(0);
	bool hold = true;

	for (u64 page = 0; page < SEGMENTS_SIZE / PAGE_SIZE; page++) {
		WRITE_ONCE(words[page * PAGE_WORDS], page + 1);
		hold &= READ_ONCE(words[page * PAGE_WORDS]) == page + 1;
	}
	return hold;
}

/* Firmware may have put something there, so the contents are saved. */
TEST(slots, .needs = ALL_OF(SLOTS, Q35, OWN_SLOTS),
     .about =
	     "RAM that the chipset turns off and on during an action holds what was last written to it")
{
	void *saved = alloc_pages_dirty(page_order(SEGMENTS_SIZE));
	u8 modes_before[SEGMENTS];

	for (int segment = 0; segment < SEGMENTS; segment++)
		modes_before[segment] = pam_set_mode(segment, PAM_RAM);
	memcpy(saved, pam_segment(0), SEGMENTS_SIZE);
	if (segments_hold())
		run_with_switched(&segments);
	else
		report_skip("the host bridge makes no RAM of C0000h to CBFFFh");
	memcpy(pam_segment(0), saved, SEGMENTS_SIZE);
	for (int segment = 0; segment < SEGMENTS; segment++)
		pam_set_mode(segment, modes_before[segment]);
	free_pages(saved);
}

/* ---- memory of a device ---- */

static void *bar_start(int part)
{
	return bar_memory();
}

static void enable_bar(int part, u8 mode)
{
	u16 command = pci_config_readw(display(), PCI_COMMAND) & ~PCI_COMMAND_MEMORY;

	pci_config_writew(display(), PCI_COMMAND,
			  command | (mode == IS_ON ? PCI_COMMAND_MEMORY : 0));
}

static const struct switched bar = {
	.parts = 1,
	.start = bar_start,
	.set_mode = enable_bar,
};

/* The BAR has a slot of its own, so other CPUs may run in other RAM. */
TEST(bar_slots, .needs = BAR,
     .about =
	     "RAM behind a BAR that is disabled and enabled during an action holds what was last written to it")
{
	bar_memory();
	run_with_switched(&bar);
}
