/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program dirty share: areas of memory, the CPUs that write them, and what a
 * test says about how its pages are written. The head of dirty.c explains the tests.
 */
#ifndef DIRTY_H
#define DIRTY_H

#include "libcflat.h"
#include "atomic.h"
#include "pci.h"
#include "vm.h"

#define MOST_WRITERS 8

#define PAGE_WORDS (PAGE_SIZE / sizeof(u64))
#define LAST_WORD  (PAGE_WORDS - 1)

/*
 * A stamp's parts: the page, the CPU, the generation. Only `pages=N` could exceed the first limit,
 * and flood_pages() takes no more.
 */
#define STAMP_CPU_SHIFT	       16
#define STAMP_GENERATION_SHIFT 24

/* A block of this order can be mapped as one 2 MiB page. */
#define LARGE_PAGE_ORDER 9

/* Bits of a page table's entry that the CPU's page walker sets. */
#define USED_BITS (PT_ACCESSED_MASK | PT_DIRTY_MASK)

/* kvmclock or KVM's steal time, whose pages KVM writes. */
DECLARE_FEATURE(KVM_PAGES);

struct area;

/* How a test's pages are written. A "page" may be less than a page, or lie across two. */
struct kind {
	/* How many pages on a fast host, and on the slowest. Both are powers of two. */
	u64 pages, least;
	/* Memory comes in a block of at least this order. */
	unsigned order;
	/* Called on the writer's CPU. The memory is zeroed. May be NULL. */
	void (*set_up)(struct area *area);
	void (*clean_up)(struct area *area);
	/* Writes this generation to the page, which holds the one before. */
	void (*write)(struct area *area, u64 page, u64 generation);
	/* Whether the page holds the whole of this generation. Complains if not. */
	bool (*verify)(struct area *area, u64 page, u64 generation);
	/* A quicker verify() for the writer to call before it writes. NULL: verify() itself. */
	bool (*glance)(struct area *area, u64 page, u64 generation);
	/* The first and the last word of a page are stamps. They are written first and last. */
	bool stamped;
	/* The memory is in RAM, whatever `memory=` says. */
	bool in_ram;
	/* How many actions the test asks for. 0: two. */
	int actions;
	/* Called on the boot CPU while the writer writes. May be NULL. */
	void (*disturb)(struct area *area);
	/* Called on the writer's CPU after an action, when its pages are verified. May be NULL. */
	void (*also)(struct area *area);
};

/* One CPU's memory. */
struct area {
	const struct kind *kind;
	int cpu;
	u8 *memory;
	u64 pages, multiplier, seed;
	/* The writer's notes: the generation and position that it writes next. */
	u64 generation, position;
	atomic_t wrong; /* complaints */
	/*
	 * The boot CPU's notes while it looks at this area: how many positions are left, and the
	 * lowest generation that a page may have. That generation was seen in page look_floor_page,
	 * or is from the writer's notes if there is no such page.
	 */
	u64 look_left, look_floor, look_floor_page;
	/* The page that break= makes stale. */
	u8 *victim;
	/*
	 * The same memory at other addresses. With 4 KiB pages they are in reverse order, and the
	 * first page appears once more after the last one.
	 */
	u8 *view;
	u64 view_step;
	/* Members that only some kinds use. */
	u64 *untouched;
	u64 added;
	u64 old_cr4;
	u64 last_time;
	u64 last_steal;
};

/* The first `writers` of these are in use. Area N is CPU N's. */
extern struct area areas[MOST_WRITERS];
extern int writers;

/* ---- what an area holds ---- */

/* A value that is written only to this page, and only in this generation. */
u64 stamp(const struct area *area, u64 page, u64 generation);
/* The value for the rest of a page, derived from its stamp. */
u64 body(const struct area *area, u64 page, u64 generation);
u64 *words_of(const struct area *area, u64 page);
/* Which page comes at this position of the writer's order. */
u64 page_at(const struct area *area, u64 position);

/* Fails the test: page PAGE is wrong at address AT. */
void complain(struct area *area, u64 page, const void *at, const char *what);
/* Whether the word, or all COUNT words, hold WANTED. They complain if not. */
bool check_word(struct area *area, u64 page, const u64 *at, u64 wanted, u64 generation);
bool check_words(struct area *area, u64 page, const u64 *at, u64 count, u64 wanted, u64 generation);
/* For a kind that is `stamped`: checks the first and the last word. */
bool verify_stamps(struct area *area, u64 page, u64 generation);

/* Maps all of the area's memory once more, at area->view, with these bits in the entries. */
void map_view(struct area *area, u64 bits);
void unmap_view(struct area *area);

/* ---- where areas are ---- */

/*
 * 2^order pages of RAM. With memory=bar they are in a BAR, unless IN_RAM is true. The caller frees
 * them with free_area().
 */
void *alloc_area(unsigned order, bool in_ram);
void free_area(void *memory);
/* All memory that areas may be in. */
u64 area_pages(void);

/* memory=bar is on the command line. */
DECLARE_FEATURE(BAR);
/* The PCI function with RAM in a BAR, and that RAM, enabled and mapped. */
pcidevaddr_t display(void);
u8 *bar_memory(void);

/* ---- running ---- */

/* Runs a whole test: sets up an area on each CPU, writes during each action, and compares. */
void run(const struct kind *kind);
/* Like run(), with this many pages in each area (a power of two). */
void run_with(const struct kind *kind, u64 pages);
/* Allocates area->memory, which the caller frees with free_area(). */
void new_area(struct area *area, const struct kind *kind, int cpu, u64 pages);
/* All RAM that programs may use. */
u64 ram_pages(void);

/* Writes the next page. */
void step(struct area *area);
/* Asks for an action when each CPU has written a generation. All write until the host answers. */
void write_and_migrate(void);
/* Verifies all pages of an area while nobody writes. For on_cpu(). */
void compare(void *area);

#endif
