// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dirty: read-modify-writes that change nothing (Intel SDM volume 3, "Locked Atomic
 * Operations"). A part of the program dirty: see dirty.c.
 */
#include "processor.h"
#include "vmalloc.h"
#include "x86/dirty/dirty.h"

/* Words of one cache line. The writer writes the neighbour, the boot CPU counts. */
#define GUARD_BEFORE 2
#define NEIGHBOUR    3 /* the writer's generations */
#define GUARD_AFTER  4
#define COUNTER	     5 /* the boot CPU's count */
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

/* With break=unlocked, a write that comes between this read and this write is lost. */
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
	/* The writer writes this word at the same time. If this is not atomic, a write is lost. */
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
		 "LOCK XADD of 1 was done %lu times, but all counters add up to %lu", area->added,
		 sum);
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
 * A broken hypervisor does a read-modify-write as a read and a write: in an emulator, between two
 * mappings, or because the page is exchanged in between. The write then brings back the value from
 * before another CPU's write. With one CPU only the guest's own write could be undone.
 */
TEST(no_change, .about = "locked read-modify-writes that change nothing undo no other CPU's write")
{
	run(&no_change);
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

/*
 * The SDM says of all these instructions that they write, even if they change nothing. A broken
 * hypervisor takes them for reads, and does not set the dirty bit. A broken dirty log loses the
 * page table in which the bits are set.
 */
TEST(no_change_is_write, .on = EACH_CPU,
     .about =
	     "a read-modify-write that changes nothing sets the dirty bit, and it survives an action")
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
	report_dirtied(entries, words, "after the first action");
	migrate_quiet();
	for (u64 i = 0; broken("clean") && i < ARRAY_SIZE(no_changes); i++)
		__atomic_and_fetch(entries[i], ~USED_BITS, __ATOMIC_SEQ_CST);
	report_dirtied(entries, words, "after the second action");
	for (u64 i = 0; i < ARRAY_SIZE(no_changes); i++)
		vfree(words[i]);
}
