// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that entries and exits of VMX load and save, across a move (Intel SDM volume 3: 25.7.2 and
 * 25.8.2 the MSR areas, 27.4 loading MSRs at entries, 28.4 and 28.6 saving and loading them at
 * exits, 25.7.1 and 25.8.1 the controls for IA32_PAT, IA32_EFER, IA32_PERF_GLOBAL_CTRL,
 * IA32_BNDCFGS and the debug controls, 25.6.20 the XSS-exiting bit map, appendix A.6).
 *
 * A hypervisor carries out the MSR areas by itself, entry by entry, and of some MSRs keeps one
 * copy for L1 and one for L2. When the machine is moved inside L2 it has to restore L2's values
 * without taking the areas or the fields of the VMCS for them again, and afterwards L1's by what
 * the areas and controls say then. A broken one loads the entry's values a second time on the other
 * side, saves the field where it was not asked to, gives L1 what L2 had or the other way round,
 * goes by areas as they were before the move, or stops in a long area too early.
 *
 * Each place has a value of its own: what L1 had, what the entry loads, what L2 writes, what the
 * exit loads; and so what is read shows where it came from. What the areas carry with few entries
 * is vmx_state's business.
 *
 * What cannot be told apart: an area that was read too early, and one that was not read again.
 *
 * On the command line: break=WHAT, to spoil the test on purpose:
 *
 * areas     each area ends one entry early
 * tsc       what was stored of the TSC is older than it should be
 * refused   the entry that may not be loaded may
 * load      what the entry should load, or the exit, is loaded by the other choice of the control
 * l2        behind each move L2 has other values
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/vmx_msr/vmx_msr.h"

#define HERE 1

/* Counters wrap: only distances mean anything. */
static bool in_order(u64 first, u64 second)
{
	return (s64)(second - first) >= 0;
}

static void call_in_l2(void *data)
{
	for (;;)
		l2_call(HERE);
}

/* ======== MSR areas ======== */

/* L1 and L2 share these, and no code here depends on them. */
static const u32 area_msrs[] = { MSR_LSTAR, MSR_CSTAR, MSR_KERNEL_GS_BASE };

#define AREA_MSRS ARRAY_SIZE(area_msrs)

enum area_kind { ENTRY_LOAD, EXIT_STORE, EXIT_LOAD, AREA_KINDS };

static const struct {
	enum vmcs_field address, count;
} area_fields[] = {
	[ENTRY_LOAD] = { VM_ENTRY_MSR_LOAD_ADDR, VM_ENTRY_MSR_LOAD_COUNT },
	[EXIT_STORE] = { VM_EXIT_MSR_STORE_ADDR, VM_EXIT_MSR_STORE_COUNT },
	[EXIT_LOAD] = { VM_EXIT_MSR_LOAD_ADDR, VM_EXIT_MSR_LOAD_COUNT },
};

/* Three areas, each of so many entries, with room for some behind them. */
struct areas {
	struct vmx_msr_entry *entries[AREA_KINDS];
	unsigned count[AREA_KINDS];
};

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aul
#define SPARE	  AREA_MSRS

/* So many entries has an area at most (A.6). */
static unsigned most_entries(void)
{
	return VMX_MISC_MAX_MSRS(rdmsr(MSR_IA32_VMX_MISC));
}

static u64 area_value(enum area_kind kind, unsigned i, unsigned seed)
{
	return kind == EXIT_STORE ? UNTOUCHED : NOWHERE((seed * AREA_KINDS + kind) * 0x10000 + i);
}

static unsigned area_order(unsigned count)
{
	unsigned order = 0;

	while (PAGE_SIZE << order < (count + SPARE) * sizeof(struct vmx_msr_entry))
		order++;
	return order;
}

/* The MSRs in turns, so that the last of each counts; behind the end, what must not count. */
static struct areas new_areas(struct l2 *l2, const unsigned *count, unsigned seed)
{
	struct areas areas;

	for (enum area_kind kind = ENTRY_LOAD; kind < AREA_KINDS; kind++) {
		struct vmx_msr_entry *entries = alloc_pages(area_order(count[kind]));

		for (unsigned i = 0; i < count[kind] + SPARE; i++)
			entries[i] = (struct vmx_msr_entry){ .index = area_msrs[i % AREA_MSRS],
							     .value = area_value(kind, i, seed) };
		areas.entries[kind] = entries;
		areas.count[kind] = count[kind];
		vmx_set(l2, area_fields[kind].address, virt_to_phys(entries));
		vmx_set(l2, area_fields[kind].count, count[kind] - broken("areas"));
	}
	return areas;
}

static void free_areas(struct areas *areas)
{
	for (enum area_kind kind = ENTRY_LOAD; kind < AREA_KINDS; kind++)
		free_pages(areas->entries[kind]);
}

/* What an area of so many entries leaves in an MSR: the value of its last entry for it. */
static u64 last_value(const struct areas *areas, enum area_kind kind, unsigned msr, unsigned seed)
{
	unsigned last = areas->count[kind] - 1;

	while (last % AREA_MSRS != msr)
		last--;
	return area_value(kind, last, seed);
}

/* One stay in L2: what it reads of the MSRs, and what it writes there afterwards. */
static struct stay {
	bool move;
	unsigned seed;
	u64 read[AREA_MSRS];
} stay;

#define BY_L2(msr) NOWHERE(0x900000 + stay.seed * 0x10 + (msr))

static void swap_msrs(void *unused)
{
	for (;;) {
		if (stay.move)
			migrate_quiet();
		for (unsigned i = 0; i < AREA_MSRS; i++) {
			stay.read[i] = rdmsr(area_msrs[i]);
			wrmsr(area_msrs[i], BY_L2(i));
		}
		l2_call(HERE);
	}
}

static void read_msrs(u64 *values)
{
	for (unsigned i = 0; i < AREA_MSRS; i++)
		values[i] = rdmsr(area_msrs[i]);
}

static void write_msrs(const u64 *values)
{
	for (unsigned i = 0; i < AREA_MSRS; i++)
		wrmsr(area_msrs[i], values[i]);
}

static void check_stored(const struct areas *areas, const char *when)
{
	unsigned wrong = 0, count = areas->count[EXIT_STORE];

	for (unsigned i = 0; i < count + SPARE; i++) {
		u64 expected = i < count ? BY_L2(i % AREA_MSRS) : UNTOUCHED;
		u64 value = areas->entries[EXIT_STORE][i].value;

		if (value != expected && !wrong++)
			report_fail("%s: entry %u of %u to be stored has 0x%lx, expected 0x%lx",
				    when, i + 1, count, value, expected);
	}
	report(!wrong, "%s: the exit stores %u entries and none behind them: %u are wrong", when,
	       count, wrong);
}

/* L2 stays once, with the areas that are set, and L1's own MSRs come back in the end. */
static void check_areas(struct l2 *l2, const struct areas *areas, unsigned seed, bool move,
			const char *when)
{
	u64 own[AREA_MSRS], now[AREA_MSRS];

	stay = (struct stay){ .move = move, .seed = seed };
	read_msrs(own);
	l2_enter(l2);
	read_msrs(now);
	write_msrs(own);
	if (!report_if_failed(l2_is_call(l2, HERE), "%s: L2 should have come to its call: exit %s",
			      when, l2_exit_text(l2)))
		return;
	vmx_skip(l2);
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		u64 loaded = last_value(areas, ENTRY_LOAD, i, seed);
		u64 back = last_value(areas, EXIT_LOAD, i, seed);

		report(stay.read[i] == loaded && now[i] == back,
		       "%s: MSR 0x%x in L2 is 0x%lx, expected 0x%lx; in L1 0x%lx, expected 0x%lx",
		       when, area_msrs[i], stay.read[i], loaded, now[i], back);
	}
	check_stored(areas, when);
}

TEST(areas_full, .on = EACH_CPU, .needs = VMX,
     .about = "MSR areas of the most entries that may be are carried out in their order to the "
	      "last, "
	      "moved in L2")
{
	unsigned most = most_entries(), count[AREA_KINDS] = { most, most, most };
	struct l2 *l2 = l2_new(swap_msrs, NULL);
	struct areas areas = new_areas(l2, count, 0);

	report_info("%u entries", most);
	check_areas(l2, &areas, 0, true, "moved in L2");
	l2_free(l2);
	free_areas(&areas);
}

TEST(areas_changed, .on = EACH_CPU, .needs = VMX,
     .about =
	     "MSR areas that L1 changes, replaces and shortens before a move and after it count as "
	     "they are")
{
	static const unsigned counts[][AREA_KINDS] = {
		{ 30, 40, 50 }, { 7, 50, 4 }, { 90, 3, 60 }, { 5, 6, 7 }
	};
	struct l2 *l2 = l2_new(swap_msrs, NULL);
	struct areas areas[ARRAY_SIZE(counts)];

	areas[0] = new_areas(l2, counts[0], 0);
	check_areas(l2, &areas[0], 0, false, "before the move");
	areas[1] = new_areas(l2, counts[1], 1);
	migrate_quiet();
	check_areas(l2, &areas[1], 1, false, "changed before a move in L1");
	areas[2] = new_areas(l2, counts[2], 2);
	check_areas(l2, &areas[2], 2, false, "changed behind it");
	areas[3] = new_areas(l2, counts[3], 3);
	check_areas(l2, &areas[3], 3, true, "changed before a move in L2");
	l2_free(l2);
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++)
		free_areas(&areas[i]);
}

/* ---- entries that may not be loaded ---- */

/* 27.4; the qualification is the number of the entry, from 1 on. */
static const struct {
	const char *what;
	struct vmx_msr_entry entry;
} unloadable[] = {
	{ "FS.base", { .index = MSR_FS_BASE, .value = 0 } },
	{ "GS.base", { .index = MSR_GS_BASE, .value = 0 } },
	{ "an entry with reserved bits", { .index = MSR_LSTAR, .reserved = 1 } },
	{ "an address that is not canonical", { .index = MSR_LSTAR, .value = BIT(62) } },
	{ "an MSR that is not there", { .index = 0x3fffffff } },
};

#define UNLOADABLE ARRAY_SIZE(unloadable)

static void check_not_loaded(struct l2 *l2, const struct areas *areas, unsigned place,
			     unsigned seed, const char *what)
{
	u64 own[AREA_MSRS], now[AREA_MSRS], reason;

	read_msrs(own);
	reason = l2_enter(l2);
	read_msrs(now);
	write_msrs(own);
	report(reason == (EXIT_REASON_MSR_LOAD_FAIL | VMX_EXIT_REASONS_FAILED_VMENTRY) &&
		       vmx_get(l2, EXIT_QUALIFICATION) == place + 1,
	       "%s: exit %s; expected that the entry fails at number %u", what, l2_exit_text(l2),
	       place + 1);
	for (unsigned i = 0; i < AREA_MSRS; i++)
		report_if_failed(now[i] == last_value(areas, EXIT_LOAD, i, seed),
				 "%s: L1's MSR 0x%x is 0x%lx, expected 0x%lx of the exit's area",
				 what, area_msrs[i], now[i], last_value(areas, EXIT_LOAD, i, seed));
	report_if_failed(areas->entries[EXIT_STORE][0].value == UNTOUCHED,
			 "%s: the exit has stored 0x%lx, and should store nothing", what,
			 areas->entries[EXIT_STORE][0].value);
}

TEST(areas_refused, .on = EACH_CPU, .needs = VMX,
     .about = "an entry fails at the place in its area that L1 has set wrong before a move, and "
	      "loads "
	      "L1's MSRs")
{
	unsigned most = most_entries(), count[AREA_KINDS] = { most, 6, 6 };
	unsigned places[UNLOADABLE] = { 0, 1, most / 2, most - 2, most - 1 };
	struct areas areas[UNLOADABLE];
	struct vmx_msr_entry good[UNLOADABLE];
	struct l2 *l2s[UNLOADABLE];

	for (unsigned i = 0; i < UNLOADABLE; i++) {
		struct vmx_msr_entry *entry;

		l2s[i] = l2_new(call_in_l2, NULL);
		areas[i] = new_areas(l2s[i], count, i);
		entry = &areas[i].entries[ENTRY_LOAD][places[i]];
		good[i] = *entry;
		if (!broken("refused"))
			*entry = unloadable[i].entry;
		vmx_clear(l2s[i]);
	}
	migrate_quiet();
	for (unsigned i = 0; i < UNLOADABLE; i++) {
		u64 own[AREA_MSRS];

		check_not_loaded(l2s[i], &areas[i], places[i], i, unloadable[i].what);
		areas[i].entries[ENTRY_LOAD][places[i]] = good[i];
		read_msrs(own);
		l2_expect_call(l2s[i], HERE);
		write_msrs(own);
		l2_free(l2s[i]);
		free_areas(&areas[i]);
	}
}

/* ---- the TSC ---- */

#define AHEAD (5ul << 50)

static u64 last_tsc_of_l2;

static void move_and_read_tsc(void *unused)
{
	for (;;) {
		last_tsc_of_l2 = rdtsc_ordered();
		l2_call(HERE);
		migrate_quiet();
		last_tsc_of_l2 = rdtsc_ordered();
	}
}

/* The offset is for instructions of L2 (25.6.5), and not for what the exit stores. */
static void check_tsc(struct l2 *l2, const struct vmx_msr_entry *entry, u64 offset,
		      const char *when)
{
	u64 stored, after, inside;

	l2_enter(l2);
	after = rdtsc_ordered();
	stored = entry->value - (broken("tsc") ? 1ul << 40 : 0);
	inside = last_tsc_of_l2 - offset;
	report(l2_is_call(l2, HERE) && in_order(inside, stored) && in_order(stored, after),
	       "%s: L2 read 0x%lx (less the offset), the exit stored 0x%lx, L1 read 0x%lx; exit %s",
	       when, inside, stored, after, l2_exit_name(l2->exit_reason));
	if (l2_is_call(l2, HERE))
		vmx_skip(l2);
}

TEST(tsc_stored, .on = EACH_CPU, .needs = VMX_TSC_OFFSETTING,
     .about =
	     "the TSC that an exit stores is L1's, between what L2 has read and L1 reads, moved in "
	     "L2 or in L1")
{
	struct l2 *l2 = l2_new(move_and_read_tsc, NULL);
	const struct vmx_msr_entry *entry = vmx_store_msr_at_exit(l2, MSR_IA32_TSC);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	vmx_set(l2, TSC_OFFSET, AHEAD);
	check_tsc(l2, entry, AHEAD, "not moved");
	check_tsc(l2, entry, AHEAD, "moved in L2");
	vmx_set(l2, TSC_OFFSET, -AHEAD);
	migrate_quiet();
	check_tsc(l2, entry, -AHEAD, "moved in L1 and in L2");
	l2_free(l2);
}
