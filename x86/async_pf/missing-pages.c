// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that the host may have to fetch first, and the tokens of asynchronous page faults that are
 * open until it has. See missing-pages.h.
 */
#include "x86/async_pf/missing-pages.h"
#include "alloc_page.h"
#include "apic.h"
#include "deadline.h"
#include "exception.h"
#include "isr.h"
#include "migrate.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"
#include "test.h"
#include "vm.h"

#define VECTOR	   0x66
#define ARRIVAL_MS 5000

struct book {
	volatile struct async_pf *shared;
	u32 open[ASYNC_PF_MOST_TOKENS]; /* tokens; 0 is none */
	/* Tokens that were open when KVM called all pages ready. They may still come one by one. */
	u32 closed[ASYNC_PF_MOST_TOKENS];
	u32 not_present, ready, for_all;
	u32 unknown, overflows, empty;
	u32 last_unknown;
};

static PER_CPU(struct book, books);

static volatile u32 *place_of(u32 *tokens, u32 token)
{
	for (int i = 0; i < ASYNC_PF_MOST_TOKENS; i++)
		if (READ_ONCE(tokens[i]) == token)
			return &tokens[i];
	return NULL;
}

static int count_open(const struct book *book)
{
	int count = 0;

	for (int i = 0; i < ASYNC_PF_MOST_TOKENS; i++)
		count += READ_ONCE(book->open[i]) != 0;
	return count;
}

extern const u8 touch_page[], page_is_missing[];

/*
 * A fault in is_there() makes it return false. Anywhere else the CPU waits for the page. If the
 * page is not ready in time, the CPU touches it again, and check_book() reports the open token
 * later, when the test may print.
 */
static void on_page_fault(struct ex_regs *regs)
{
	struct book *book = &this_cpu(books);
	u32 token = read_cr2();
	volatile u32 *place;

	if (!book->shared || !(book->shared->flags & ASYNC_PF_PAGE_NOT_PRESENT))
		unhandled_exception(regs);
	/* Only KVM sets this again, so a later #PF without a token is recognized. */
	book->shared->flags = 0;
	book->not_present++;
	place = place_of(book->open, 0);
	if (!place) {
		book->overflows++;
		return;
	}
	*place = token;
	if (regs->rip == (u64)touch_page) {
		regs->rip = (u64)page_is_missing;
		return;
	}
	irq_enable();
	wait_in_full(*place != token, ARRIVAL_MS);
	irq_disable();
}

static void on_page_ready(isr_regs_t *regs)
{
	struct book *book = &this_cpu(books);
	u32 token = async_pf_take_token(book->shared);
	volatile u32 *place;

	if (token == ASYNC_PF_ALL_TOKENS) {
		book->for_all++;
		memcpy(book->closed, book->open, sizeof(book->open));
		memset(book->open, 0, sizeof(book->open));
	} else if (!token) {
		book->empty++;
	} else {
		book->ready++;
		place = place_of(book->open, token);
		if (!place)
			place = place_of(book->closed, token);
		if (!place) {
			book->unknown++;
			book->last_unknown = token;
		} else if (!(broken("token") && book->ready == 1)) {
			*place = 0;
		}
	}
}

static void begin(u64 options)
{
	struct book *book = &this_cpu(books);

	*book = (struct book){ .shared = alloc_page() };
	handle_exception(PF_VECTOR, on_page_fault);
	handle_irq_eoi(VECTOR, on_page_ready);
	async_pf_enable(book->shared, VECTOR, options);
}

static void end(void)
{
	struct book *book = &this_cpu(books);

	async_pf_disable();
	unhandle_irq(VECTOR);
	handle_exception(PF_VECTOR, NULL);
	free_page((void *)book->shared);
	book->shared = NULL;
}

/* ---- the pages ---- */

#define ORDER 11 /* 8 MiB */
#define PAGES BIT(ORDER)

/* Fewer than KVM fetches at a time. With more than that it stops telling the guest. */
#define MOST_POSTPONED (ASYNC_PF_MOST_TOKENS / 2)

static struct {
	u64 *memory;
	u64 position, generation;
	u64 wrong, wrong_page;
	u64 postponed[MOST_POSTPONED];
	int postponed_count;
} area;

static void area_begin(void)
{
	area.memory = alloc_pages(ORDER);
	area.position = area.wrong = area.postponed_count = 0;
	area.generation = 1;
}

static u64 *word_of(u64 page)
{
	return area.memory + page * (PAGE_SIZE / sizeof(u64));
}

/* After a missing page the host fetches the page behind it, so do not go through them in order. */
static u64 page_at(u64 position)
{
	return position * 1103515245 % PAGES;
}

/* Returns false at once if the host has to fetch the page first and tells the CPU. */
static __noinline bool is_there(const u64 *word)
{
	bool there;

	asm volatile("touch_page:\n"
		     "	testb $0, (%1)\n"
		     "	mov $1, %0\n"
		     "	jmp 1f\n"
		     "page_is_missing:\n"
		     "	mov $0, %0\n"
		     "1:"
		     : "=q"(there)
		     : "r"(word)
		     : "memory", "cc");
	return there;
}

/* Until a page is written in this round, it holds the generation of the last round. */
static void write_page(u64 page)
{
	u64 *word = word_of(page);

	if (READ_ONCE(*word) != area.generation - 1 && !area.wrong++)
		area.wrong_page = page;
	WRITE_ONCE(*word, area.generation);
}

static void write_postponed_pages(void)
{
	while (area.postponed_count)
		write_page(area.postponed[--area.postponed_count]);
}

/* Goes on with the next page while the host fetches one, so that many fetches are in flight. */
static void write_next_page(void)
{
	u64 page = page_at(area.position);

	if (is_there(word_of(page)))
		write_page(page);
	else
		area.postponed[area.postponed_count++] = page;
	area.position = (area.position + 1) % PAGES;
	if (!area.position || area.postponed_count == MOST_POSTPONED)
		write_postponed_pages();
	area.generation += !area.position;
}

static void spoil_a_page(void)
{
	if (broken("page"))
		word_of(page_at(area.position))[0]++;
}

static void check_area(void)
{
	/* By now the host has all pages. Write each of them once more. */
	for (u64 i = 0; i < PAGES; i++)
		write_next_page();
	write_postponed_pages();
	report(!area.wrong, "%lu pages hold what was written last; %lu do not, the first is %lu",
	       PAGES, area.wrong, area.wrong_page);
	free_pages(area.memory);
}

static void check_book(void)
{
	struct book *book = &this_cpu(books);

	report(wait_until(!count_open(book), ARRIVAL_MS),
	       "all pages that KVM reported as not present are ready, %d are not (%u page faults with a token, %u pages ready, %u times all)",
	       count_open(book), book->not_present, book->ready, book->for_all);
	report_if_failed(
		!book->unknown,
		"%u pages were reported as ready, but not as not present before: the last token is 0x%x",
		book->unknown, book->last_unknown);
	report_if_failed(!book->empty, "%u interrupts without a token", book->empty);
	report_if_failed(!book->overflows, "%u tokens came while %u, the most, were open",
			 book->overflows, ASYNC_PF_MOST_TOKENS);
}

static void (*with_open_tokens)(void);
static u32 told;

static void write_one(void)
{
	u32 not_present;

	write_next_page();
	not_present = READ_ONCE(this_cpu(books).not_present);
	if (not_present == told || !with_open_tokens)
		return;
	told = not_present;
	with_open_tokens();
}

u32 write_missing_pages(u64 options, void (*function)(void))
{
	with_open_tokens = function;
	told = 0;
	begin(options);
	area_begin();
	migrate_quiet_while(write_one);
	spoil_a_page();
	check_area();
	check_book();
	end();
	return this_cpu(books).not_present;
}
