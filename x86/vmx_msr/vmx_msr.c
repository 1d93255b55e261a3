// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that VM entries and exits load and save, across a migration (Intel SDM volume 3: 25.7.2 and
 * 25.8.2 for the MSR areas, 27.4 for loading MSRs at entries, 28.4 and 28.6 for saving and loading
 * them at exits, 25.7.1 and 25.8.1 for the controls of IA32_PAT, IA32_EFER, IA32_PERF_GLOBAL_CTRL,
 * IA32_BNDCFGS and the debug controls, 25.6.20 for the XSS-exiting bitmap, appendix A.6). This file
 * has the MSR areas; loaded.c has MSRs with fields of their own, xsaves.c has the XSS-exiting
 * bitmap.
 *
 * A hypervisor carries out the MSR areas itself, entry by entry, and keeps two copies of some
 * MSRs, one for L1 and one for L2. When L2 is migrated, it has to restore L2's values without
 * using the areas or the VMCS fields again; at the next exit it has to give L1 what the areas and
 * controls say then.
 *
 * A broken hypervisor loads the values of the VM entry a second time on the destination. It saves
 * a field although no control asks for it. It gives L1 what was L2's, or the other way round. It
 * uses the areas as they were before the migration. Or it stops before the end of a long area.
 *
 * Each place has a value of its own: what L1 had, what the entry loads, what L2 writes, what the
 * exit loads. So a value that is read tells where it came from. vmx_state tests what short areas
 * carry.
 *
 * The tests cannot tell an area that was read too early from one that was not read again.
 *
 * break=WHAT on the command line spoils a test on purpose:
 *
 * areas     each area ends one entry early
 * tsc       the stored TSC is taken for an older one
 * refused   the MSR area has nothing wrong for which the entry should fail
 * load      entries and exits load by the opposite choice of the controls
 * l2        L2's values change after each migration
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/vmx_msr/vmx_msr.h"

#define HERE 1

/* ======== MSR areas ======== */

/* MSRs that L1 and L2 share, and on which no code here depends. */
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

/* The three MSR areas. Each has COUNT entries, and SPARE more that must not be used. */
struct areas {
	struct vmx_msr_entry *entries[AREA_KINDS];
	unsigned count[AREA_KINDS];
};

#define UNTOUCHED 0x5a5a5a5a5a5a5a5aul
#define SPARE	  AREA_MSRS

/* The most entries that an area may have (A.6). */
static unsigned most_entries(void)
{
	return VMX_MISC_MAX_MSRS(rdmsr(MSR_IA32_VMX_MISC));
}

static u64 area_value(enum area_kind kind, unsigned i, unsigned seed)
{
	return kind == EXIT_STORE ? UNTOUCHED : NOWHERE((seed * AREA_KINDS + kind) * 0x10000 + i);
}

/*
 * The entries have the MSRs in turn, so that the last entry of each MSR counts. The spare entries
 * must not count.
 */
static struct areas new_areas(struct l2 *l2, const unsigned *count, unsigned seed)
{
	struct areas areas;

	for (enum area_kind kind = ENTRY_LOAD; kind < AREA_KINDS; kind++) {
		struct vmx_msr_entry *entries =
			alloc_pages(page_order((count[kind] + SPARE) * sizeof(*entries)));

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

/* What an area leaves in an MSR: the value of the last entry for it. */
static u64 last_value(const struct areas *areas, enum area_kind kind, unsigned msr, unsigned seed)
{
	unsigned last = areas->count[kind] - 1;

	while (last % AREA_MSRS != msr)
		last--;
	return area_value(kind, last, seed);
}

/* One stay in L2, which reads the MSRs and then writes BY_L2() to them. */
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
	report(!wrong, "%s: the exit stores %u entries and none after them: %u are wrong", when,
	       count, wrong);
}

/* Lets L2 stay once, with the areas of its VMCS. L1's own MSRs are restored at the end. */
static void check_areas(struct l2 *l2, const struct areas *areas, unsigned seed, bool move,
			const char *when)
{
	u64 own[AREA_MSRS], now[AREA_MSRS];

	stay = (struct stay){ .move = move, .seed = seed };
	read_msrs(own);
	l2_enter(l2);
	read_msrs(now);
	write_msrs(own);
	if (!report_if_failed(l2_is_call(l2, HERE), "%s: L2 should make its call: exit %s", when,
			      l2_exit_text(l2)))
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
     .about =
	     "MSR areas of the greatest size are carried out in order to the last entry, across a migration in L2")
{
	unsigned most = most_entries(), count[AREA_KINDS] = { most, most, most };
	struct l2 *l2 = l2_new(swap_msrs, NULL);
	struct areas areas = new_areas(l2, count, 0);

	report_info("%u entries", most);
	check_areas(l2, &areas, 0, true, "migration in L2");
	l2_free(l2);
	free_areas(&areas);
}

TEST(areas_changed, .on = EACH_CPU, .needs = VMX,
     .about =
	     "MSR areas that L1 replaces and resizes before and after a migration are used as L1 changed them last")
{
	static const unsigned counts[][AREA_KINDS] = {
		{ 30, 40, 50 }, { 7, 50, 4 }, { 90, 3, 60 }, { 5, 6, 7 }
	};
	struct l2 *l2 = l2_new(swap_msrs, NULL);
	struct areas areas[ARRAY_SIZE(counts)];

	areas[0] = new_areas(l2, counts[0], 0);
	check_areas(l2, &areas[0], 0, false, "before the migration");
	areas[1] = new_areas(l2, counts[1], 1);
	migrate_quiet();
	check_areas(l2, &areas[1], 1, false, "changed before a migration in L1");
	areas[2] = new_areas(l2, counts[2], 2);
	check_areas(l2, &areas[2], 2, false, "changed after a migration in L1");
	areas[3] = new_areas(l2, counts[3], 3);
	check_areas(l2, &areas[3], 3, true, "changed before a migration in L2");
	l2_free(l2);
	for (unsigned i = 0; i < ARRAY_SIZE(areas); i++)
		free_areas(&areas[i]);
}

/* ---- MSR-area entries that fail ---- */

/* What 27.4 forbids. The exit qualification is the number of the entry, counted from 1. */
static const struct {
	const char *what;
	struct vmx_msr_entry entry;
} unloadable[] = {
	{ "FS.base", { .index = MSR_FS_BASE, .value = 0 } },
	{ "GS.base", { .index = MSR_GS_BASE, .value = 0 } },
	{ "an entry with reserved bits", { .index = MSR_LSTAR, .reserved = 1 } },
	{ "an address that is not canonical", { .index = MSR_LSTAR, .value = BIT(62) } },
	{ "an MSR that does not exist", { .index = 0x3fffffff } },
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
	       "%s: exit %s; expected a failed VM entry at number %u of the area", what,
	       l2_exit_text(l2), place + 1);
	for (unsigned i = 0; i < AREA_MSRS; i++)
		report_if_failed(now[i] == last_value(areas, EXIT_LOAD, i, seed),
				 "%s: L1's MSR 0x%x is 0x%lx, expected 0x%lx from the exit's area",
				 what, area_msrs[i], now[i], last_value(areas, EXIT_LOAD, i, seed));
	report_if_failed(areas->entries[EXIT_STORE][0].value == UNTOUCHED,
			 "%s: the exit has stored 0x%lx, but should store nothing", what,
			 areas->entries[EXIT_STORE][0].value);
}

TEST(areas_refused, .on = EACH_CPU, .needs = VMX,
     .about =
	     "a VM entry fails at the MSR-area entry that L1 made wrong before a migration, and L1's MSRs are loaded")
{
	unsigned most = most_entries(), count[AREA_KINDS] = { most, 6, 6 };
	unsigned places[UNLOADABLE] = { 0, 1, most / 2, most - 2, most - 1 };
	struct areas areas[UNLOADABLE];
	struct vmx_msr_entry good[UNLOADABLE];
	struct l2 *l2s[UNLOADABLE];

	for (unsigned i = 0; i < UNLOADABLE; i++) {
		struct vmx_msr_entry *entry;

		l2s[i] = l2_new(l2_call_forever, (void *)HERE);
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

/* The TSC offset applies to instructions of L2 (25.6.5), and not to what the exit stores. */
static void check_tsc(struct l2 *l2, const struct vmx_msr_entry *entry, u64 offset,
		      const char *when)
{
	u64 stored, after, inside;

	l2_enter(l2);
	after = rdtsc_ordered();
	stored = entry->value - (broken("tsc") ? 1ul << 40 : 0);
	inside = last_tsc_of_l2 - offset;
	report(l2_is_call(l2, HERE) && tsc_in_order(inside, stored) && tsc_in_order(stored, after),
	       "%s: L2 read 0x%lx (less the offset), the exit stored 0x%lx, L1 read 0x%lx: expected in this order; exit %s",
	       when, inside, stored, after, l2_exit_name(l2->exit_reason));
	if (l2_is_call(l2, HERE))
		vmx_skip(l2);
}

TEST(tsc_stored, .on = EACH_CPU, .needs = VMX_TSC_OFFSETTING,
     .about =
	     "the TSC that an exit stores is L1's, without the offset, after migrations in L2 and in L1")
{
	struct l2 *l2 = l2_new(move_and_read_tsc, NULL);
	const struct vmx_msr_entry *entry = vmx_store_msr_at_exit(l2, MSR_IA32_TSC);

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	vmx_set(l2, TSC_OFFSET, AHEAD);
	check_tsc(l2, entry, AHEAD, "no migration");
	check_tsc(l2, entry, AHEAD, "migration in L2");
	vmx_set(l2, TSC_OFFSET, -AHEAD);
	migrate_quiet();
	check_tsc(l2, entry, -AHEAD, "migration in L1 and in L2");
	l2_free(l2);
}
