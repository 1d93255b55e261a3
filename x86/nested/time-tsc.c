// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TSC, less its offset, in step with L1's and with another CPU's.
 */
#include "libcflat.h"
#include "barrier.h"
#include "cpuid.h"
#include "x86/nested/time.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

/* What anything may take longer than it should, at full speed. */
#define PATIENCE_MS 5000

/* ---- in a loop ---- */

/* What L1 and L2 of a CPU read of the TSC, in one row: L2's less the offset. */
struct row {
	u64 offset;
	bool in_l2, move;
	u64 last, readings, back, worst;
	u64 worst_from, worst_to;
};

static PER_CPU(struct row, this_row);

static void add_reading(struct row *row, u64 tsc)
{
	if (row->readings++ && !in_order(row->last, tsc)) {
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
 * Steps back are also those across an exit, an entry, a move: a hypervisor that sets the
 * TSC of the other side by a clock, or later than it was read, has guests see time twice.
 */
TEST(tsc_never_back, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about = "read in turns by L1 and L2, in L2 without pause while it is moved, the TSC never "
	      "steps back")
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
	       "%lu stays of %lu, %lu readings: %lu steps back (the worst by %lu: 0x%lx, then "
	       "0x%lx)",
	       done, stays, row->readings, row->back, row->worst, row->worst_from, row->worst_to);
	l2_free(l2);
}

/* ---- two CPUs ---- */

struct table_tennis {
	u64 offset; /* of the CPU that serves, now */
	u64 rounds, served, returned, late, worst;
	u64 ball;
	bool with_other, over;
};

/* The other CPU: reads its TSC whenever it is its turn. */
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
	if (in_order(first, second))
		return;
	game->late++;
	game->worst = MAX(game->worst, first - second);
}

/* From L1 or L2. Both TSCs, in turns, as one row. */
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
	be_moved();
	serve(game);
	l2_call(HERE);
}

/* Between L1 and the other CPU; and starts counting anew. */
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
 * A hypervisor that restores a CPU's TSC later or by another clock if it is in L2. TSCs that
 * are not in step between the CPUs without L2 are no fault of nested guests: then there is
 * nothing to check.
 */
TEST(tsc_two_cpus, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, SMP),
     .about = "L2's TSC less its offset is in step with another CPU's in L1, also after a move")
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
		report_skip("the TSCs of CPU %d and %d are out of step in L1 (%lu and %lu times): "
			    "L2 saw "
			    "it %lu times",
			    smp_id(), other, l1_before, l1_after, in_l2);
	else
		report(!in_l2, "L2's TSC and CPU %d's out of order %lu times, by %lu at most",
		       other, in_l2, worst);
	l2_free(l2);
}

/* ---- TSC_ADJUST ---- */

FEATURE(TSC_ADJUST, "TSC_ADJUST (CPUID 7 EBX bit 1)")
{
	return this_cpu_has(X86_FEATURE_TSC_ADJUST);
}

/*
 * L1's TSC is another after a write to TSC_ADJUST, and so is L2's. A hypervisor that
 * keeps L2's offset as a sum made earlier does not follow. The adjustment is so large that
 * nobody who restores it takes it for what two CPUs may differ by.
 */
TEST(tsc_adjust, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, TSC_ADJUST),
     .about = "L2's TSC follows L1's TSC_ADJUST from the next entry on, and both keep it in a move")
{
	u64 original = rdmsr(MSR_IA32_TSC_ADJUST), adjusted = original + (1ul << 48), value, now;
	struct stay stay = { .offset = BEHIND };
	struct l2 *l2 = l2_new(look_twice, &stay);

	if (visit(l2, &stay)) {
		check_stay(&stay, "before the adjustment");
		wrmsr(MSR_IA32_TSC_ADJUST, adjusted);
		now = rdtsc_ordered();
		report(now - stay.after >= 1ul << 48,
		       "TSC_ADJUST moved L1's TSC on: 0x%lx, then 0x%lx", stay.after, now);
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
