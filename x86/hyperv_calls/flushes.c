// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hyperv_calls: TLB flushes (Hyper-V TLFS, HvCallFlushVirtualAddressSpace,
 * HvCallFlushVirtualAddressList, and their Ex variants). A part of the program hyperv_calls: see
 * hyperv_calls.c.
 *
 * One CPU, the reader, reads a word through a mapping, again and again. Another changes the mapping
 * to another page, and makes the call. TLFS: "This call guarantees that by the time control returns
 * back to the caller, the observable effects of all flushes on the specified virtual processors
 * have occurred." So all that is read from then on must come from the other page. A hypervisor that
 * forgets the CPU leaves it its old translation, until something else flushes it: an exit, on some
 * hosts. So one stale word in many calls is proof, and none is not.
 */
#include "alloc_page.h"
#include "barrier.h"
#include "migrate.h"
#include "smp.h"
#include "vm.h"
#include "vmalloc.h"
#include "x86/hyperv_calls/hyperv_calls.h"

#define FLUSH ALL_OF(SMP, HV_HYPERCALL, HV_VP_INDEX, HV_REMOTE_TLB_FLUSH)

#define HV_FLUSH_ALL_PROCESSORS		    BIT(0)
#define HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES BIT(1)
#define HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY   BIT(2)

/* ---- the CPU that reads ---- */

static struct {
	int cpu;
	volatile u64 *word;
	u64 *pages[2];
	pteval_t *entry;
	u64 mapped; /* which of the pages */
	/* 0 while the mapping changes, then the page in bit 0 and the number of the change. */
	u64 must_see;
	bool stop;
	u64 rounds, stale, changes;
} reader;

/* The reader itself checks each word: its old translation may be gone at its next exit. */
static void read_on(void *unused)
{
	while (!READ_ONCE(reader.stop)) {
		u64 must_see = READ_ONCE(reader.must_see), seen;

		smp_rmb();
		seen = *reader.word;
		smp_rmb();
		if (must_see && seen != (must_see & 1) && READ_ONCE(reader.must_see) == must_see)
			WRITE_ONCE(reader.stale, reader.stale + 1);
		WRITE_ONCE(reader.rounds, reader.rounds + 1);
	}
}

static bool goes_on(u64 rounds)
{
	u64 until = READ_ONCE(reader.rounds) + rounds;

	return wait_until(READ_ONCE(reader.rounds) >= until, PATIENCE_MS);
}

static bool begin(void)
{
	calls_begin();
	reader.cpu = other_cpu();
	reader.word = alloc_vpage();
	reader.mapped = reader.must_see = reader.stale = reader.changes = 0;
	for (u64 i = 0; i < 2; i++) {
		reader.pages[i] = alloc_page();
		reader.pages[i][0] = i;
	}
	map_pages((void *)reader.word, virt_to_phys(reader.pages[0]), 1, PAGE_DATA);
	reader.entry = get_pte(current_page_table(), (void *)reader.word);
	reader.stop = false;
	on_cpu_async(reader.cpu, read_on, NULL);
	return report(goes_on(2), "CPU %d reads", reader.cpu);
}

static void end(void)
{
	WRITE_ONCE(reader.stop, true);
	on_cpu_wait(reader.cpu);
	unmap_pages((void *)reader.word, 1);
	for (int i = 0; i < 2; i++)
		free_page(reader.pages[i]);
	calls_end();
}

/* ---- calls ---- */

static const struct way {
	u16 code;
	u64 flags;
	int reps;
	enum { READER, READER_AND_SELF, NO_CPU, SET_ALL } cpus;
} ways[] = {
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE, 0, 0, READER },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE, HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES, 0,
	  READER_AND_SELF },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE, HV_FLUSH_ALL_PROCESSORS, 0, NO_CPU },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE, HV_FLUSH_NON_GLOBAL_MAPPINGS_ONLY, 0, READER },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST, 0, 1, READER },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST,
	  HV_FLUSH_ALL_PROCESSORS | HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES, 2, NO_CPU },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX, 0, 0, READER },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE_EX, HV_FLUSH_ALL_VIRTUAL_ADDRESS_SPACES, 0, SET_ALL },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX, 0, 2, READER_AND_SELF },
	{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST_EX, 0, 1, SET_ALL },
};

static void fill_set(struct vp_set *set, const struct way *way)
{
	*set = (struct vp_set){ 0 };
	if (way->cpus == SET_ALL)
		set->format = HV_GENERIC_SET_ALL;
	if (way->cpus == READER || way->cpus == READER_AND_SELF)
		add_cpu(set, reader.cpu);
	if (way->cpus == READER_AND_SELF)
		add_cpu(set, smp_id());
}

static u64 flush(const struct way *way, enum form form)
{
	u64 words[HV_HYPERCALL_FAST_WORDS] = { read_cr3(), way->flags };
	/* The last range is the page. Bits 11:0 are the number of further pages. */
	u64 ranges[] = { (u64)reader.word, (u64)reader.word };
	struct vp_set set;

	if (way->reps > 1)
		ranges[0] = (u64)reader.pages[0];
	fill_set(&set, way);
	return call_with_set(way->code | HV_HYPERCALL_REP_COUNT(way->reps), form, words, 2, &set,
			     ranges, way->reps);
}

static u64 calls, stale, failed, last_result;
static const struct way *last_way;

static void change_and_flush(const struct way *way, enum form form)
{
	u64 to = !reader.mapped, stale_before = READ_ONCE(reader.stale), result;

	WRITE_ONCE(reader.must_see, 0);
	mb();
	WRITE_ONCE(*reader.entry, virt_to_phys(reader.pages[to]) | PAGE_DATA);
	reader.mapped = to;
	mb();
	result = flush(way, form);
	WRITE_ONCE(reader.must_see, ++reader.changes << 1 | to);
	calls++;
	if ((u16)result != HV_STATUS_SUCCESS || HV_HYPERCALL_REP_OF(result) != (u32)way->reps) {
		failed++;
		last_result = result;
		last_way = way;
	}
	/* The second word is read after the call, and checked. */
	if (goes_on(3) && READ_ONCE(reader.stale) != stale_before) {
		stale++;
		last_way = way;
	}
}

static void check_calls(const char *when)
{
	report(!failed && !stale,
	       "%s: of %lu calls %lu failed, and after %lu CPU %d read from the page that was mapped before (the last such call is 0x%x with flags 0x%lx, result 0x%lx)",
	       when, calls, failed, stale, reader.cpu, last_way ? last_way->code : 0,
	       last_way ? last_way->flags : 0, last_result);
	calls = stale = failed = last_result = 0;
	last_way = NULL;
}

/* How often each call is made. A stale translation may live only a moment. */
#define ROUNDS 6

static void flush_in_all_ways(const char *when)
{
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
			for (enum form form = 0; form < FORMS; form++)
				if (can_call(ways[i].code, form))
					change_and_flush(&ways[i], form);
	check_calls(when);
}

TEST(flushes_reach_set, .on = EACH_CPU, .needs = FLUSH,
     .about =
	     "a CPU that a hypercall for TLB flushes names does not use an old translation, before an action and after it")
{
	if (begin()) {
		flush_in_all_ways("before the action");
		migrate_quiet();
		flush_in_all_ways("after the action");
	}
	end();
}

static void flush_next(void)
{
	static u32 next;
	const struct way *way = &ways[next / 2 % ARRAY_SIZE(ways)];
	enum form form = next++ % 2;

	if (can_call(way->code, form))
		change_and_flush(way, form);
}

TEST(flushes_all_along, .on = EACH_CPU, .needs = FLUSH,
     .about =
	     "throughout an action a CPU that a hypercall for TLB flushes names does not use an old translation")
{
	if (begin()) {
		migrate_quiet_while(flush_next);
		check_calls("during the action");
	}
	end();
}

/* ---- calls that must be refused ---- */

TEST(bad_flushes_refused, .on = EACH_CPU, .needs = FLUSH,
     .about = "a hypercall for TLB flushes with a bad input value is refused")
{
	static const struct {
		u64 control;
		const char *what;
	} bad[] = {
		{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST, "a list without elements" },
		{ HVCALL_FLUSH_VIRTUAL_ADDRESS_LIST | HV_HYPERCALL_REP_COUNT(1) |
			  HV_HYPERCALL_REP_START(1),
		  "a rep start index that is not below the rep count" },
		{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE | HV_HYPERCALL_REP_COUNT(1),
		  "a rep count of a simple call" },
		{ HVCALL_FLUSH_VIRTUAL_ADDRESS_SPACE | BIT(62),
		  "a reserved bit of the input value" },
	};
	u64 words[] = { read_cr3(), HV_FLUSH_ALL_PROCESSORS, 0, 0 };
	int refused = 0;

	calls_begin();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		u64 result = call_with(bad[i].control, BY_MEMORY, words, ARRAY_SIZE(words));

		refused += report_if_failed((u16)result == HV_STATUS_INVALID_HYPERCALL_INPUT,
					    "%s: the result is 0x%lx, its status should be %u",
					    bad[i].what, result, HV_STATUS_INVALID_HYPERCALL_INPUT);
	}
	report(refused == ARRAY_SIZE(bad), "%d of %lu bad calls are refused", refused,
	       ARRAY_SIZE(bad));
	calls_end();
}
