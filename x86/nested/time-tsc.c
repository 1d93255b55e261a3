// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TSC, less its offset, is in step with L1's and with another CPU's. See svm_time.c and
 * vmx_time.c for the manuals.
 *
 * A broken hypervisor sets the TSC of a CPU that is in L2 later than others, or by another clock,
 * or does not apply a change of L1's TSC_ADJUST to L2. A TSC that stands still is not seen.
 */
#include "libcflat.h"
#include "barrier.h"
#include "cpuid.h"
#include "x86/nested/time.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

/* ---- in a loop ---- */

/* The readings of the TSC by L1 and L2 of a CPU, one after the other; L2's less the offset. */
struct row {
	u64 offset;
	bool in_l2, move;
	u64 last, readings, back, worst;
	u64 worst_from, worst_to;
};

static PER_CPU(struct row, this_row);

static void add_reading(struct row *row, u64 tsc)
{
	if (row->readings++ && !tsc_in_order(row->last, tsc)) {
		row->back++;
		if (row->last - tsc > row->worst) {
			row->worst = row->last - tsc;
			row->worst_from = row->last;
			row->worst_to = tsc;
		}
	}
	row->last = tsc;
}

#define READINGS_PER_STAY 50

static void read_in_l2(void)
{
	struct row *row = &this_cpu(this_row);

	add_reading(row, rdtsc_ordered() - row->offset);
}

static void read_and_exit(void *unused)
{
	struct row *row = &this_cpu(this_row);

	for (;;) {
		for (int i = 0; i < READINGS_PER_STAY; i++)
			read_in_l2();
		if (row->move) {
			row->move = false;
			migrate_request();
			migrate_await(read_in_l2);
		}
		l2_call(HERE);
	}
}

/*
 * The TSC must not step back across an exit, an entry or a migration either. It does if a
 * hypervisor sets the TSC of one side by a clock, or later than it was read.
 */
TEST(tsc_never_back, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "the TSC, read in turns by L1 and L2 and all the time during a migration in L2, never steps back")
{
	u64 stays = scaled_count(1000, 40), done = 0;
	struct stay stay = { .offset = BEHIND };
	struct l2 *l2 = l2_new(read_and_exit, NULL);
	struct row *row = &this_cpu(this_row);

	*row = (struct row){ .offset = stay.offset };
	while (done < stays) {
		row->move = done == stays / 2;
		add_reading(row, rdtsc_ordered());
		if (!visit(l2, &stay))
			break;
		add_reading(row, rdtsc_ordered());
		done++;
	}
	report(done == stays && row->readings >= stays * (READINGS_PER_STAY + 2) && !row->back,
	       "%lu stays of %lu, %lu readings: %lu steps back (the worst by %lu: 0x%lx, then 0x%lx)",
	       done, stays, row->readings, row->back, row->worst, row->worst_from, row->worst_to);
	l2_free(l2);
}

/* ---- two CPUs ---- */

struct table_tennis {
	u64 offset; /* the TSC offset of the CPU that serves at the moment */
	u64 rounds, served, returned, late, worst;
	u64 ball;
	bool with_other, over;
};

/* The other CPU reads its TSC whenever it is its turn. */
static void return_balls(void *data)
{
	struct table_tennis *game = data;
	struct deadline deadline;

	deadline_start(&deadline, ANSWER_DEADLINE_MS);
	while (!READ_ONCE(game->over) && !deadline_passed(&deadline)) {
		if (!READ_ONCE(game->with_other))
			continue;
		game->ball = rdtsc_ordered();
		game->returned++;
		smp_wmb();
		WRITE_ONCE(game->with_other, false);
	}
}

static void note_late(struct table_tennis *game, u64 first, u64 second)
{
	if (tsc_in_order(first, second))
		return;
	game->late++;
	game->worst = MAX(game->worst, first - second);
}

/* Compares the TSCs of both CPUs, which are read in turns. This side is in L1 or L2. */
static void serve(struct table_tennis *game)
{
	for (u64 i = 0; i < game->rounds; i++) {
		u64 mine = rdtsc_ordered() - game->offset;

		WRITE_ONCE(game->with_other, true);
		game->served++;
		if (!wait_until(!READ_ONCE(game->with_other), PATIENCE_MS))
			return;
		note_late(game, mine, game->ball);
		mine = rdtsc_ordered() - game->offset;
		note_late(game, game->ball, mine);
	}
}

static void serve_in_l2(void *data)
{
	struct table_tennis *game = data;

	serve(game);
	be_migrated();
	serve(game);
	l2_call(HERE);
}

/* Compares L1's TSC with the other CPU's, and resets the counters. */
static u64 late_in_l1(struct table_tennis *game)
{
	u64 late;

	game->offset = 0;
	serve(game);
	late = game->late;
	game->late = game->worst = 0;
	return late;
}

/*
 * A broken hypervisor restores a CPU's TSC later, or by another clock, if the CPU is in L2. If the
 * CPUs' TSCs are out of step even in L1, that is no fault of nested guests, and there is nothing to
 * check.
 */
TEST(tsc_two_cpus, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, SMP),
     .about =
	     "L2's TSC, less its offset, is in step with another CPU's TSC in L1, before and after a migration")
{
	struct table_tennis game = { .rounds = scaled_count(200, 10) };
	struct l2 *l2 = l2_new(serve_in_l2, &game);
	int other = other_cpu();
	struct stay stay = { .offset = AHEAD };
	u64 l1_before, l1_after, in_l2, worst;

	on_cpu_async(other, return_balls, &game);
	l1_before = late_in_l1(&game);
	game.offset = stay.offset;
	visit(l2, &stay);
	in_l2 = game.late;
	worst = game.worst;
	game.late = 0;
	l1_after = late_in_l1(&game);
	WRITE_ONCE(game.over, true);
	on_cpu_wait(other);
	report(game.served == 4 * game.rounds && game.returned == game.served,
	       "%lu readings of %lu on CPU %d, each answered by one on CPU %d: %lu", game.served,
	       4 * game.rounds, smp_id(), other, game.returned);
	if (l1_before || l1_after)
		report_skip(
			"the TSCs of CPU %d and %d are out of step in L1 (%lu and %lu times): L2 saw it %lu times",
			smp_id(), other, l1_before, l1_after, in_l2);
	else
		report(!in_l2, "L2's TSC and CPU %d's were out of order %lu times, by %lu at most",
		       other, in_l2, worst);
	l2_free(l2);
}

/* ---- TSC_ADJUST ---- */

FEATURE(TSC_ADJUST, "TSC_ADJUST (CPUID 7 EBX bit 1)")
{
	return this_cpu_has(X86_FEATURE_TSC_ADJUST);
}

/*
 * A write to TSC_ADJUST changes L1's TSC, and L2's as well. A hypervisor that keeps L2's offset as
 * a sum that it made earlier does not follow. The adjustment is so large that no hypervisor takes
 * it for the difference between two CPUs.
 */
TEST(tsc_adjust, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, TSC_ADJUST),
     .about =
	     "L2's TSC follows a write to L1's TSC_ADJUST at the next entry, and TSC_ADJUST survives a migration in L2")
{
	u64 original = rdmsr(MSR_IA32_TSC_ADJUST), adjusted = original + (1ul << 48), value, now;
	struct stay stay = { .offset = BEHIND };
	struct l2 *l2 = l2_new(look_twice, &stay);

	if (visit(l2, &stay)) {
		check_stay(&stay, "before the adjustment");
		wrmsr(MSR_IA32_TSC_ADJUST, adjusted);
		now = rdtsc_ordered();
		report(now - stay.after >= 1ul << 48,
		       "TSC_ADJUST advanced L1's TSC: 0x%lx, then 0x%lx", stay.after, now);
		stay.move = true;
		if (visit(l2, &stay))
			check_stay(&stay, "with the adjustment");
		value = rdmsr(MSR_IA32_TSC_ADJUST);
		report(value == adjusted, "TSC_ADJUST reads 0x%lx, as written (0x%lx)", value,
		       adjusted);
		wrmsr(MSR_IA32_TSC_ADJUST, original);
		stay.move = false;
		if (visit(l2, &stay))
			check_stay(&stay, "the adjustment taken back");
	}
	l2_free(l2);
}
