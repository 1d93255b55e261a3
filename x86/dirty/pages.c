// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: pages that are written whole, in part, quickly, or with zeros. A part of the program
 * dirty: see dirty.c, which says what a broken hypervisor does to them.
 */
#include "alloc_page.h"
#include "console.h"
#include "random.h"
#include "words.h"
#include "x86/dirty/dirty.h"

bool verify_stamps(struct area *area, u64 page, u64 generation)
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

/* Only two words of each page are written, so there is time for a long staircase. */
TEST(staircase,
     .about = "pages that are written in order are one generation apart at most, at every moment")
{
	run(&staircase);
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

/* A broken VMM sends a page while it changes, and not again: then half of the page is old. */
TEST(dense, .about = "pages that are rewritten as a whole in random order are never half old")
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

/* Most of a page stays the same for many generations. XBZRLE is made for such pages. */
TEST(sparse, .about = "pages of which one word changes at a time keep their checksums")
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

	/* All areas together take at most a quarter of memory, in blocks that need alignment. */
	u64 most = area_pages() / 4 / MIN(cpu_count(), MOST_WRITERS);

	pages = pages ?: MIN(most, scaled_count(flood.pages, flood.least));
	return power_of_two_below(MIN(pages, 1ul << STAMP_CPU_SHIFT));
}

/* The plan has to see to it that the migration ends under such a load. */
TEST(flood,
     .about =
	     "many MiB, written as fast as possible while the guest is migrated, hold the last write")
{
	run_with(&flood, flood_pages());
}

/* ---- zero pages ---- */

#define ONE_BYTE	0x5a
#define UNTOUCHED_ORDER 2

/* In turn: zeros, random words, zeros, one byte everywhere. */
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

/*
 * Pages that the guest has not touched hold zeros. If an earlier boot has used them, this fills
 * them with zeros.
 */
static void set_up_untouched(struct area *area)
{
	area->untouched = alloc_pages_dirty(UNTOUCHED_ORDER);
	if (first_unlike(area->untouched, PAGE_WORDS << UNTOUCHED_ORDER, 0))
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

/*
 * A broken VMM sends a page as zero that is not, or does not send one that has become zero, so that
 * the destination keeps older words. Or pages that were never touched are not zero there.
 */
TEST(zero,
     .about =
	     "pages that become zero, stop being zero, or were never touched hold what they should")
{
	run(&zero);
}

static u64 blink_of(const struct area *area, u64 page, u64 generation)
{
	return (generation + page) % 2 ? body(area, page, 0) : 0;
}

static void write_blink(struct area *area, u64 page, u64 generation)
{
	fill_words(words_of(area, page), PAGE_WORDS, blink_of(area, page, generation));
}

static bool verify_blink(struct area *area, u64 page, u64 generation)
{
	return check_words(area, page, words_of(area, page), PAGE_WORDS,
			   blink_of(area, page, generation), generation);
}

static const struct kind blink = {
	.pages = 64,
	.least = 8,
	.write = write_blink,
	.verify = verify_blink,
};

/*
 * A VMM that sends only what has changed since it sent the page last forgets that it has sent zeros
 * meanwhile: it finds no change, and the destination keeps the zeros.
 */
TEST(blink,
     .about = "pages that alternate between zeros and always the same words hold the last write")
{
	run(&blink);
}

/* ---- how fast ---- */

#define RATE_MS 20

static u64 bytes_per_second(void (*write)(struct area *area), struct area *area)
{
	struct stopwatch watch;
	u64 bytes = 0, ns;

	/* The first write to a page makes the hypervisor work, which does not count. */
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
 * The writer's checks must not make it slow, or there is nothing to catch. memset() of each page
 * is measured by the quicker of two instructions: a CPU does REP STOSB as a whole, an emulator
 * may go byte by byte.
 */
TEST(dirty_rate,
     .about =
	     "measures how fast `flood` writes with and without its checks, and how fast memset() is")
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
	free_area(areas[0].memory);
	mark("dirty_rate",
	     "pages=%lu bytes_per_second=%lu unchecked_bytes_per_second=%lu memset_bytes_per_second=%lu",
	     pages, written, unchecked, memset);
}
