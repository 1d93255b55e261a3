// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2's TSC while it is moved: the offset, that it never steps back, and that it stays in step
 * with other CPUs. See svm_time.c and vmx_time.c for the manuals, and for what is the
 * one's or the other's alone.
 *
 * A hypervisor may take L2's TSC for L1's, add the offset twice or not at all, or set the TSC
 * of a CPU that is in L2 later or by another clock. What L2 reads is compared with L1's TSC
 * before the entry and after the exit, less the offset. That is exact as to the offset, and says
 * nothing about how fast the TSC goes: a TSC that stands still, or leaps during a move, is not
 * seen.
 *
 * On the command line: break=offset has every L2 entered with another offset.
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

/* ======== being moved ======== */

static u64 last_move = 10 * NS_PER_MS;
static PER_CPU(struct stopwatch, move_watch);

void watch_move(void)
{
	static PER_CPU(u32, turns);

	if (this_cpu(turns)++ % TURNS_PER_LOOK == 0)
		stopwatch_ns(&this_cpu(move_watch));
}

void be_moved_with(void (*meanwhile)(void))
{
	stopwatch_start(&this_cpu(move_watch));
	migrate_request();
	migrate_await(meanwhile);
	last_move = stopwatch_ns(&this_cpu(move_watch));
}

void be_moved(void)
{
	be_moved_with(watch_move);
}

u64 last_move_ns(void)
{
	return last_move;
}

/* ======== the offset ======== */

bool in_order(u64 first, u64 second)
{
	return (s64)(second - first) >= 0;
}

/* Asked in L1: in L2 CPUID may exit. */
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
			be_moved();
		stay->last = look_at_tsc();
		l2_call(HERE);
	}
}

static bool is_as_offset(const struct stay *stay, const struct look *look)
{
	return in_order(stay->before, look->rdtsc - stay->offset) &&
	       in_order(look->rdtsc, look->rdtscp) &&
	       in_order(look->rdtscp - stay->offset, stay->after);
}

bool check_look(const struct stay *stay, const struct look *look, const char *when)
{
	return report_if_failed(is_as_offset(stay, look),
				"%s: offset 0x%lx: L1 read 0x%lx, then L2 0x%lx by RDTSC and 0x%lx "
				"by RDTSCP (less the "
				"offset 0x%lx and 0x%lx), then L1 0x%lx",
				when, stay->offset, stay->before, look->rdtsc, look->rdtscp,
				look->rdtsc - stay->offset, look->rdtscp - stay->offset,
				stay->after);
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
		good &= check_look(stay, &stay->last, "after the move inside L2");
	good &= report_if_failed(
		in_order(stay->before, stay->after) && stay->after - stay->before < FAR_AWAY,
		"%s: L1's own TSC has nothing of the offset: 0x%lx, then 0x%lx (offset 0x%lx)",
		when, stay->before, stay->after, stay->offset);
	if (good)
		report_pass("%s: L2's TSC is L1's and the offset 0x%lx", when, stay->offset);
}

/*
 * A hypervisor that reads L2's TSC in a move and writes it as L1's shifts both by the
 * offset; one that writes L1's without the offset leaves L2 with L1's. The offsets of the
 * later stays tell whether what the move has restored is in the way of a new one.
 */
TEST(tsc_offset, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "L2's TSC is L1's plus TSC_OFFSET, also across a move, and each entry's offset counts")
{
	struct stay stay = { 0 };
	struct l2 *l2 = l2_new(look_twice, &stay);
	u64 offsets[] = {
		0, 1, AHEAD, BEHIND /* moved */, 1ul << 63, 0x5555555555555555, BEHIND, -1ul, 0,
	};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		stay.offset = offsets[i];
		stay.move = i == 3;
		if (!visit(l2, &stay))
			break;
		check_stay(&stay, stay.move ? "before the move" : "in L2");
	}
	l2_free(l2);
}

/* Also the wrap: L2's TSC passes 0 while it is moved, or in the reading before. */
TEST(tsc_offset_wraps, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about = "an offset that has L2's TSC wrap around works like any other, across a move")
{
	struct stay stay = { .move = true };
	struct l2 *l2 = l2_new(look_twice, &stay);

	stay.offset = -(rdtsc() + tsc_hz() / 1000);
	if (visit(l2, &stay))
		check_stay(&stay, "before the move");
	l2_free(l2);
}

/* ---- the MSR ---- */

/* What L2 reads, one after the other: RDTSC, RDMSR, RDTSC. */
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
	be_moved();
	looks[1] = look_at_msr();
	l2_call(HERE);
}

static void check_msr(const struct stay *stay, const struct msr_look *look, const char *when)
{
	u64 first = look->before - stay->offset, last = look->after - stay->offset;
	bool good = in_order(look->before, look->msr) && in_order(look->msr, look->after);

	/* QEMU's TCG by itself does not know the MSR, and reads 0. */
	report_xfail(!good && !look->msr && hypervisor_leaf("TCGTCGTCGTCG"), good,
		     "%s: RDTSC 0x%lx, MSR 0x10 0x%lx, RDTSC 0x%lx", when, look->before, look->msr,
		     look->after);
	report(in_order(stay->before, first) && in_order(last, stay->after),
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
		check_msr(&stay, &looks[0], "before the move");
		check_msr(&stay, &looks[1], "after the move");
	}
	l2_free(l2);
}

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
