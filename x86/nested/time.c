// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TSC while it is migrated is L1's plus the offset. See svm_time.c and vmx_time.c for the
 * manuals and for the tests that only one of them has.
 *
 * A broken hypervisor takes L2's TSC for L1's, or adds the offset twice or not at all. L1 reads its
 * TSC before the entry and after the exit, and what L2 reads, less the offset, has to be between.
 * The tests cannot tell how fast the TSC goes: they do not see a TSC that stands still, or jumps
 * during a migration.
 *
 * On the command line: with break=offset, every L2 runs with another offset than the test thinks.
 */
#include "libcflat.h"
#include "cpuid.h"
#include "x86/nested/time.h"
#include "percpu.h"
#include "processor.h"

/* ======== being migrated ======== */

static u64 last_migration = 10 * NS_PER_MS;
static PER_CPU(struct stopwatch, migration_watch);

void watch_migration(void)
{
	static PER_CPU(u32, turns);

	if (this_cpu(turns)++ % TURNS_PER_LOOK == 0)
		stopwatch_ns(&this_cpu(migration_watch));
}

void be_migrated_with(void (*meanwhile)(void))
{
	stopwatch_start(&this_cpu(migration_watch));
	migrate_request();
	migrate_await(meanwhile);
	last_migration = stopwatch_ns(&this_cpu(migration_watch));
}

void be_migrated(void)
{
	be_migrated_with(watch_migration);
}

u64 last_migration_ns(void)
{
	return last_migration;
}

/* ======== the offset ======== */

/* L1 asks for this, since CPUID in L2 may exit. */
static bool has_rdtscp;

struct look look_at_tsc(void)
{
	struct look look = { .rdtsc = rdtsc_ordered() };
	u32 aux;

	look.rdtscp = has_rdtscp ? rdtscp(&aux) : rdtsc_ordered();
	return look;
}

void look_twice(void *data)
{
	struct stay *stay = data;

	for (;;) {
		stay->first = look_at_tsc();
		if (stay->move)
			be_migrated();
		stay->last = look_at_tsc();
		l2_call(HERE);
	}
}

static bool is_as_offset(const struct stay *stay, const struct look *look)
{
	return tsc_in_order(stay->before, look->rdtsc - stay->offset) &&
	       tsc_in_order(look->rdtsc, look->rdtscp) &&
	       tsc_in_order(look->rdtscp - stay->offset, stay->after);
}

bool check_look(const struct stay *stay, const struct look *look, const char *when)
{
	return report_if_failed(
		is_as_offset(stay, look),
		"%s: offset 0x%lx: L1 read 0x%lx, then L2 0x%lx by RDTSC and 0x%lx by RDTSCP (less the offset 0x%lx and 0x%lx), then L1 0x%lx",
		when, stay->offset, stay->before, look->rdtsc, look->rdtscp,
		look->rdtsc - stay->offset, look->rdtscp - stay->offset, stay->after);
}

bool visit(struct l2 *l2, struct stay *stay)
{
	has_rdtscp = this_cpu_has(X86_FEATURE_RDTSCP);
	l2_set_tsc_offset(l2, stay->offset + (broken("offset") ? FAR_AWAY : 0));
	stay->before = rdtsc_ordered();
	l2_enter_with_msrs(l2);
	stay->after = rdtsc_ordered();
	if (!report_if_failed(l2_is_call(l2, HERE), "L2 should have come to its call: exit %s",
			      l2_exit_text(l2)))
		return false;
	l2_skip_call(l2);
	return true;
}

void check_stay(const struct stay *stay, const char *when)
{
	bool good = check_look(stay, &stay->first, when);

	if (stay->move)
		good &= check_look(stay, &stay->last, "after the migration in L2");
	good &= report_if_failed(
		tsc_in_order(stay->before, stay->after) && stay->after - stay->before < FAR_AWAY,
		"%s: L1's own TSC has nothing of the offset: 0x%lx, then 0x%lx (offset 0x%lx)",
		when, stay->before, stay->after, stay->offset);
	if (good)
		report_pass("%s: L2's TSC is L1's plus the offset 0x%lx", when, stay->offset);
}

/*
 * A hypervisor that reads L2's TSC in a migration and writes it as L1's shifts both by the offset.
 * One that writes L1's TSC without the offset leaves L2 with L1's. The entries after the migration
 * show whether what was restored interferes with a new offset.
 */
TEST(tsc_offset, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "L2's TSC is L1's plus TSC_OFFSET, also across a migration, and a new offset takes effect at the next entry")
{
	struct stay stay = { 0 };
	struct l2 *l2 = l2_new(look_twice, &stay);
	u64 offsets[] = {
		0,	1,    AHEAD, BEHIND /* with a migration */, 1ul << 63, 0x5555555555555555,
		BEHIND, -1ul, 0,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		stay.offset = offsets[i];
		stay.move = i == 3;
		if (!visit(l2, &stay))
			break;
		check_stay(&stay, stay.move ? "before the migration" : "in L2");
	}
	l2_free(l2);
}

/* L2's TSC passes 0 during the migration, or before it. */
TEST(tsc_offset_wraps, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "a TSC_OFFSET that makes L2's TSC wrap around works like any other, across a migration")
{
	struct stay stay = { .move = true };
	struct l2 *l2 = l2_new(look_twice, &stay);

	stay.offset = -(rdtsc() + tsc_hz() / 1000);
	if (visit(l2, &stay))
		check_stay(&stay, "before the migration");
	l2_free(l2);
}

/* ---- the MSR ---- */

/* What L2 reads one after the other, by RDTSC, RDMSR and RDTSC. */
struct msr_look {
	u64 before, msr, after;
};

static struct msr_look look_at_msr(void)
{
	struct msr_look look;

	look.before = rdtsc_ordered();
	look.msr = rdmsr(MSR_IA32_TSC);
	look.after = rdtsc_ordered();
	return look;
}

static void look_at_msr_twice(void *data)
{
	struct msr_look *looks = data;

	looks[0] = look_at_msr();
	be_migrated();
	looks[1] = look_at_msr();
	l2_call(HERE);
}

static void check_msr(const struct stay *stay, const struct msr_look *look, const char *when)
{
	u64 first = look->before - stay->offset, last = look->after - stay->offset;
	bool good = tsc_in_order(look->before, look->msr) && tsc_in_order(look->msr, look->after);

	/* QEMU's TCG without KVM does not know the MSR, and reads 0. */
	report_xfail(!good && !look->msr && hypervisor_leaf("TCGTCGTCGTCG"), good,
		     "%s: RDTSC 0x%lx, MSR 0x10 0x%lx, RDTSC 0x%lx", when, look->before, look->msr,
		     look->after);
	report(tsc_in_order(stay->before, first) && tsc_in_order(last, stay->after),
	       "%s: L1 read 0x%lx, then L2 0x%lx and 0x%lx (less the offset 0x%lx), then L1 0x%lx",
	       when, stay->before, first, last, stay->offset, stay->after);
}

TEST(tsc_msr, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about = "in L2, RDMSR of the TSC reads what RDTSC does, before and after a migration in L2")
{
	struct msr_look looks[2] = { 0 };
	struct stay stay = { .offset = AHEAD };
	struct l2 *l2 = l2_new(look_at_msr_twice, looks);

	if (visit(l2, &stay)) {
		check_msr(&stay, &looks[0], "before the migration");
		check_msr(&stay, &looks[1], "after the migration");
	}
	l2_free(l2);
}
