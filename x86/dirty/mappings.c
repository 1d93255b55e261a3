// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: writes through other mappings, and by other instructions than mov. A part of the
 * program dirty: see dirty.c.
 */
#include "processor.h"
#include "vmalloc.h"
#include "x86/dirty/dirty.h"

/* The view lies within one page table of the lowest level, which maps nothing else. */
#define VIEW_SIZE	(2ul << 20)
#define MOST_VIEW_PAGES 256

/* Each CPU has addresses of its own, so that nobody else needs to flush their TLB entries. */
static u8 *view_space(int cpu)
{
	static u8 *space[MOST_WRITERS];

	if (!space[cpu]) {
		u8 *pages = alloc_vpages(2 * VIEW_SIZE / PAGE_SIZE);

		space[cpu] = (u8 *)ALIGN((u64)pages, VIEW_SIZE);
	}
	return space[cpu];
}

/* Where page PAGE of the view is in memory. After the last page comes the first again. */
static phys_addr_t behind_view(const struct area *area, u64 page)
{
	return virt_to_phys(area->memory) + (area->pages - 1 - page % area->pages) * PAGE_SIZE;
}

void map_view(struct area *area, u64 bits)
{
	assert(area->pages <= MOST_VIEW_PAGES);
	area->view = view_space(area->cpu);
	for (u64 page = 0; page <= area->pages; page++)
		map_pages(area->view + page * PAGE_SIZE, behind_view(area, page), 1, bits);
}

void unmap_view(struct area *area)
{
	unmap_pages(area->view, area->pages + 1);
}

static u64 *viewed_words(const struct area *area, u64 page)
{
	return (u64 *)(area->view + (area->pages - 1 - page) * PAGE_SIZE);
}

#define WORDS_APART 63

static void write_through_either(struct area *area, u64 page, u64 generation)
{
	bool small = (generation + page) & 1;
	u64 *words = small ? viewed_words(area, page) : words_of(area, page);

	WRITE_ONCE(words[0], stamp(area, page, generation));
	for (u64 at = WORDS_APART; at < LAST_WORD; at += WORDS_APART)
		WRITE_ONCE(words[at], stamp(area, page, generation));
	WRITE_ONCE(words[LAST_WORD], stamp(area, page, generation));
}

/* Reads the page through the mapping by which it was not written. */
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
 * KVM may map the guest's memory with large pages. It has to split them while it keeps a dirty
 * log, and finds all mappings of a page by its reverse map. A broken KVM overlooks one of the
 * two mappings, so that writes through it are not logged, or go to another page.
 */
TEST(two_mappings,
     .about = "pages written by turns through a 2 MiB and a 4 KiB mapping hold the last write")
{
	run(&two_mappings);
}

/*
 * Each page of the view has a window of 64 bytes across its end. The next page of the view is not
 * the next one in RAM. Writes begin at offset 1, so that one of every size crosses the end.
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

/* What the window holds. STOS stores the same value everywhere. */
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

/* Writes COUNT times, with the width of the method. */
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
		default: /* Compiled code does not use XMM0. */
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
	/* One word is spare: values are read 8 bytes at a time, even if fewer are written. */
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
 * A broken emulator splits a write at the end of a page and logs only one of the pages. Or a
 * string instruction that is interrupted by a fault goes on at the wrong place.
 */
TEST(crossing,
     .about =
	     "unaligned writes of all sizes and string instructions reach both pages that they cross")
{
	run(&crossing);
}
