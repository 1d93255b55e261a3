// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: memory that is touched for the first time while an action is under way (QEMU's
 * docs/devel/migration/main; userfaultfd(2), "Write-protect mode"). A part of the program dirty:
 * see dirty.c.
 *
 * Memory that nobody has touched has no page at the host yet. It reads as zeros. Hosts treat it
 * specially: it is sent as zero or not at all, post-copy fetches it, and write protection for a
 * background snapshot cannot be put on a page that is not there.
 *
 * A host with transparent huge pages gives 2 MiB at the first touch, so each step touches pages of
 * 2 MiB that are new. The boot CPU makes the first step soon, and waits half as many turns again
 * before each further one. So some steps fall into a short action, and some are left for a long
 * one. Pages are touched by plain and locked writes, by reads before the first write, and by KVM's
 * own write of a clock page. A page must be zero when it is touched, and hold what was written from
 * then on; pages that were not touched must be zero in the end.
 *
 * A broken VMM does not write-protect a page that is not there, so the snapshot has what was
 * written later. The restored guest, which has not touched the page yet, finds no zeros. Or the
 * first write to a page that was not there is not logged, and is lost.
 *
 * If an earlier boot or round has used the memory, the test fills it with zeros first. Then the
 * touches are not the first ones.
 */
#include "alloc_page.h"
#include "processor.h"
#include "pvclock.h"
#include "words.h"
#include "x86/dirty/dirty.h"

/* One for each action. They are freed, since a further round finds its memory touched anyhow. */
#define BLOCKS 2
/* 32 MiB, but all blocks together are at most two thirds of RAM. */
#define MOST_BLOCK_ORDER 13
#define CHUNK_SHIFT	 (PAGE_SHIFT + LARGE_PAGE_ORDER)
#define PAGES_PER_CHUNK	 4ul

/* How many turns pass before the first step on a fast host. */
#define FIRST_TURNS 64

static u8 *blocks[BLOCKS];
static bool used;

/* Pages of one action, `fresh.pages` of them. The first `touched` are written. */
static struct area fresh;
static u64 touched, turns, turns_left;

static enum touch {
	MOV,
	READ_FIRST,
	XCHG,
	XADD,
	CMPXCHG,
	REP_STOS,
	KVM_WRITES,
	TOUCHES
} touch_of(u64 page)
{
	enum touch touch = page % TOUCHES;

	return touch == KVM_WRITES && !feature_KVMCLOCK.present() ? MOV : touch;
}

static const char *const touch_names[TOUCHES] = {
	[MOV] = "mov",
	[READ_FIRST] = "a read",
	[XCHG] = "xchg",
	[XADD] = "lock xadd",
	[CMPXCHG] = "lock cmpxchg",
	[REP_STOS] = "rep stos",
	[KVM_WRITES] = "KVM's write of a clock page",
};

/* Touches the page, and returns what its first word held, where the way to touch it tells. */
static u64 touch(u64 *words, u64 page)
{
	u64 *at = words;
	u64 count = 1;

	switch (touch_of(page)) {
	case READ_FIRST:
		return READ_ONCE(words[0]);
	case XCHG:
		return xchg(words, 1ul);
	case XADD:
		return __atomic_fetch_add(words, 1, __ATOMIC_SEQ_CST);
	case CMPXCHG:
		return cmpxchg(words, 0ul, 1ul);
	case REP_STOS:
		asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(1ul) : "memory");
		return 0;
	case KVM_WRITES:
		pvclock_register(pvclock_best_msrs(), (void *)words);
		pvclock_disable(pvclock_best_msrs());
		return 0;
	case MOV:
	default:
		WRITE_ONCE(words[0], 1);
		return 0;
	}
}

/* Pages are counted chunk by chunk. Each chunk has PAGES_PER_CHUNK of them, at random places. */
static u64 *words_of_page(u64 page)
{
	u64 chunk = 1 + page / PAGES_PER_CHUNK, n = page % PAGES_PER_CHUNK;
	u64 each = BIT(LARGE_PAGE_ORDER) / PAGES_PER_CHUNK;
	u64 within = n * each + body(&fresh, page, 0) % each;

	return (u64 *)(fresh.memory + (chunk << CHUNK_SHIFT) + within * PAGE_SIZE);
}

static void touch_next(void)
{
	u64 page = touched;
	u64 *words = words_of_page(page);
	/* KVM writes a clock page. The other ways write less. */
	u64 used = sizeof(struct pvclock_vcpu_time_info) / sizeof(u64);
	const u64 *unlike;
	char text[160];
	u64 found = touch(words, page);

	unlike = first_unlike(words + used, PAGE_WORDS - used, 0);
	if (found || unlike) {
		snprintf(
			text, sizeof(text),
			"touched for the first time, by %s, and it held 0x%lx at offset 0x%lx and not 0",
			touch_names[touch_of(page)], found ? found : *unlike,
			found ? 0 : (u64)unlike & ~PAGE_MASK);
		complain(&fresh, page, words, text);
	}
	fill_words(words, PAGE_WORDS, body(&fresh, page, 1));
	WRITE_ONCE(touched, touched + 1);
	fresh.position = touched;
}

static void touch_now_and_then(void)
{
	if (touched == fresh.pages || --turns_left)
		return;
	for (u64 i = 0; i < PAGES_PER_CHUNK; i++)
		touch_next();
	turns_left = turns;
	turns += MAX(turns / 2, 1ul);
}

static unsigned block_order(void)
{
	unsigned order = MOST_BLOCK_ORDER;

	while ((u64)BLOCKS << order > ram_pages() * 2 / 3)
		order--;
	return order;
}

/* A VMM sends or saves memory from its beginning to its end, so the later block comes first. */
static void use_block(int action, unsigned order)
{
	fresh.memory = blocks[BLOCKS - 1 - action];
	/* Not the first chunk, since the allocator has written to the beginning of the block. */
	fresh.pages = ((PAGE_SIZE << order >> CHUNK_SHIFT) - 1) * PAGES_PER_CHUNK;
}

static void check_all(void)
{
	for (u64 page = 0; page < fresh.pages; page++) {
		bool written = page < touched;
		u64 wanted = written ? body(&fresh, page, 1) : 0;
		const u64 *unlike = first_unlike(words_of_page(page), PAGE_WORDS, wanted);
		char text[160];

		if (!unlike)
			continue;
		snprintf(text, sizeof(text), "%s, and holds 0x%lx and not 0x%lx at offset 0x%lx",
			 written ? "first touched while an action may have been under way"
				 : "never touched",
			 *unlike, wanted, (u64)unlike & ~PAGE_MASK);
		complain(&fresh, page, unlike, text);
	}
}

TEST(first_touch,
     .about =
	     "memory touched for the first time during an action is zero, and then holds what is written")
{
	unsigned order = block_order();
	u64 all_touched = 0;

	memset(&fresh, 0, sizeof(fresh));
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = alloc_pages_dirty(order);
	for (int action = 0; action < BLOCKS; action++) {
		use_block(action, order);
		for (u64 page = 0; (used || current_boot() > 1) && page < fresh.pages; page++)
			fill_words(words_of_page(page), PAGE_WORDS, 0);
		touched = 0;
		turns = turns_left = scaled_count(FIRST_TURNS, 1);
		migrate_quiet_while(touch_now_and_then);
		if (broken("stale"))
			memset(words_of_page(0), 0, PAGE_SIZE);
		if (broken("late"))
			*words_of_page(fresh.pages - 1) = 1;
		check_all();
		all_touched += touched;
	}
	used = true;
	for (int i = 0; i < BLOCKS; i++)
		free_pages(blocks[i]);
	report(!atomic_read(&fresh.wrong),
	       "%d actions, %lu of %lu pages touched for the first time", BLOCKS, all_touched,
	       BLOCKS * fresh.pages);
}
