// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Time while a nested guest is in flight: L2's TSC, L1's timers and clock, and that no
 * entry or exit is lost or done twice.
 *
 * The truth is AMD's APM volume 2: TSC_OFFSET of the VMCB (15.5.1, appendix B), which is
 * added to what L2 reads of the TSC, and to nothing else; TSC_RATIO (15.30.5), by which
 * L1's TSC is multiplied first; physical interrupts with and without their intercept, with
 * and without V_INTR_MASKING (15.13.1, 15.21.1); GIF (15.17). Of the local APIC's timer the
 * truth is chapter 16.4 and Intel's SDM volume 3 (TSC deadline), of kvmclock Linux's
 * Documentation/virt/kvm/x86/msr.rst.
 *
 * In a move a VMM reads TSC, local APIC and clock while L2 runs, and writes them back into a
 * vCPU that is in L2 already or will be: a hypervisor may take L2's TSC for L1's, add
 * TSC_OFFSET twice or not at all, take it from the VMCB in memory and not from what VMRUN
 * has loaded, forget an interrupt for L1 or give it to L2, or begin L2's last entry anew.
 *
 * What L2 reads is compared with L1's TSC before VMRUN and after #VMEXIT, less the offset.
 * That is exact as to the offset, and says nothing about how fast the TSC goes: a TSC that
 * stands still, or leaps during a move, is seen only where a test says so. An interrupt's
 * place is known by the stack that it interrupts. Timers are measured by the library's time
 * source, which stands still while the guest does and the APIC may count on: so the
 * host is asked how long that was. Late is no failure short of a deadline.
 *
 * QEMU's TCG may deliver an interrupt twice that KVM injects (docs/findings.md); such a one
 * comes with interrupts off or is not in service in the local APIC, and is counted apart.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "apic.h"
#include "barrier.h"
#include "console.h"
#include "cpuid.h"
#include "isr.h"
#include "muldiv.h"
#include "pvclock.h"
#include "smp.h"
#include "svm.h"

#define NS_PER_MS     1000000ul
#define NS_PER_SECOND 1000000000ul

/* What anything may take longer than it should, at full speed. */
#define PATIENCE_MS 5000

/* The first call of an L2 that has come to where its test wants it. */
#define HERE 1

/* No test takes as long: 2^50 cycles are days. */
#define FAR_AWAY (1ul << 50)
#define AHEAD	 (5ul << 50)
#define BEHIND	 (-(7ul << 50))

/*
 * A request to be moved, and a function that is called in turns of some microseconds until
 * it has been answered.
 */
static void request_move(void)
{
	host_lock();
	puts("Now migrate the VM (quiet)\n");
}

static void await_move(void (*meanwhile)(void))
{
	host_byte(meanwhile, "the host's answer to a request to be moved");
	machine_line("got", "answer=0");
	host_unlock();
}

/* What a move took the last time, by the time source, so that timers can be set by it. */
static u64 last_move_ns = 10 * NS_PER_MS;
static PER_CPU(struct stopwatch, move_watch);

/* A stopwatch must be looked at; more often than so it is in the way of the move. */
#define TURNS_PER_LOOK 64

static void watch_move(void)
{
	static PER_CPU(u32, turns);

	if (this_cpu(turns)++ % TURNS_PER_LOOK == 0)
		stopwatch_ns(&this_cpu(move_watch));
}

static void be_moved_with(void (*meanwhile)(void))
{
	stopwatch_start(&this_cpu(move_watch));
	request_move();
	await_move(meanwhile);
	last_move_ns = stopwatch_ns(&this_cpu(move_watch));
}

static void be_moved(void)
{
	be_moved_with(watch_move);
}

/* ======== TSC_OFFSET ======== */

/* Counters wrap: only distances mean anything. */
static bool in_order(u64 first, u64 second)
{
	return (s64)(second - first) >= 0;
}

struct look {
	u64 rdtsc, rdtscp;
};

static struct look look_at_tsc(void)
{
	struct look look = { .rdtsc = rdtsc_ordered() };
	u32 aux;

	look.rdtscp = this_cpu_has(X86_FEATURE_RDTSCP) ? rdtscp(&aux) : rdtsc_ordered();
	return look;
}

/* One stay in L2, from L1's side and L2's. */
struct stay {
	bool move;
	u64 offset;
	u64 before, after;	 /* L1's TSC */
	struct look first, last; /* L2's; in between it is moved if it is to be */
};

static void look_twice(void *data)
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

static bool check_look(const struct stay *stay, const struct look *look, const char *when)
{
	return report_if_failed(is_as_offset(stay, look),
				"%s: offset 0x%lx: L1 read 0x%lx, then L2 0x%lx by RDTSC and 0x%lx "
				"by RDTSCP (less the "
				"offset 0x%lx and 0x%lx), then L1 0x%lx",
				when, stay->offset, stay->before, look->rdtsc, look->rdtscp,
				look->rdtsc - stay->offset, look->rdtscp - stay->offset,
				stay->after);
}

/* Enters L2 with the stay's offset, up to its call. False: that is not where it came to. */
static bool visit(struct l2 *l2, struct stay *stay)
{
	l2->vmcb->control.tsc_offset = stay->offset;
	stay->before = rdtsc_ordered();
	l2_enter(l2);
	stay->after = rdtsc_ordered();
	if (!report_if_failed(l2_is_call(l2, HERE), "L2 should have come to its call: exit %s",
			      l2_exit_text(l2)))
		return false;
	l2_skip_call(l2);
	return true;
}

static void check_stay(const struct stay *stay, const char *when)
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
TEST(tsc_offset, .on = EACH_CPU, .needs = SVM,
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
TEST(tsc_offset_wraps, .on = EACH_CPU, .needs = SVM,
     .about = "an offset that has L2's TSC wrap around works like any other, across a move")
{
	struct stay stay = { .move = true };
	struct l2 *l2 = l2_new(look_twice, &stay);

	stay.offset = -(rdtsc() + tsc_hz() / 1000);
	if (visit(l2, &stay))
		check_stay(&stay, "before the move");
	l2_free(l2);
}

struct change {
	struct l2 *l2;
	u64 offset;
	struct look before, changed, moved;
};

static void change_own_vmcb(void *data)
{
	struct change *change = data;

	for (;;) {
		change->before = look_at_tsc();
		change->l2->vmcb->control.tsc_offset = change->offset;
		change->changed = look_at_tsc();
		be_moved();
		change->moved = look_at_tsc();
		l2_call(HERE);
	}
}

/*
 * VMRUN loads the VMCB; nothing loads it again while L2 runs, nor does #VMEXIT store
 * TSC_OFFSET (15.6). A hypervisor that goes by the VMCB in memory when it restores an L2
 * in flight gives it an offset that L1 has not yet run it with.
 */
TEST(tsc_offset_in_memory, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a TSC_OFFSET written to the VMCB while L2 is in flight counts from the next VMRUN on")
{
	struct change change = { .offset = BEHIND };
	struct stay stay = { .offset = AHEAD }, next = { .offset = BEHIND };
	struct l2 *l2 = l2_new(change_own_vmcb, &change);
	u64 left;

	change.l2 = l2;
	if (visit(l2, &stay)) {
		if (check_look(&stay, &change.before, "before the change") &
		    check_look(&stay, &change.changed, "after the change") &
		    check_look(&stay, &change.moved, "after the change and the move"))
			report_pass("L2 kept the offset that it was entered with, 0x%lx",
				    stay.offset);
		left = l2->vmcb->control.tsc_offset;
		report(left == change.offset,
		       "#VMEXIT left TSC_OFFSET in the VMCB alone: 0x%lx (L2 wrote 0x%lx)", left,
		       change.offset);
		l2_start(l2, look_twice, &next);
		if (visit(l2, &next))
			check_stay(&next, "at the next entry");
	}
	l2_free(l2);
}

struct msr_look {
	u64 before, msr, after;	   /* L2's RDTSC, RDMSR, RDTSC */
	u64 before2, msr2, after2; /* and after the move */
};

static void look_at_msr(void *data)
{
	struct msr_look *look = data;

	look->before = rdtsc_ordered();
	look->msr = rdmsr(MSR_IA32_TSC);
	look->after = rdtsc_ordered();
	be_moved();
	look->before2 = rdtsc_ordered();
	look->msr2 = rdmsr(MSR_IA32_TSC);
	look->after2 = rdtsc_ordered();
	l2_call(HERE);
}

static void check_msr(u64 before, u64 msr, u64 after, const char *when)
{
	bool good = in_order(before, msr) && in_order(msr, after);

	/* QEMU's TCG by itself does not know the MSR, and reads 0. */
	report_xfail(!good && !msr && hypervisor_leaf("TCGTCGTCGTCG"), good,
		     "%s: RDTSC 0x%lx, MSR 0x10 0x%lx, RDTSC 0x%lx", when, before, msr, after);
}

TEST(tsc_msr, .on = EACH_CPU, .needs = SVM,
     .about = "in L2 the TSC's MSR, if it is not intercepted, reads what RDTSC does")
{
	struct msr_look look = { 0 };
	struct stay stay = { .offset = AHEAD };
	struct l2 *l2 = l2_new(look_at_msr, &look);

	if (visit(l2, &stay)) {
		check_msr(look.before, look.msr, look.after, "before the move");
		check_msr(look.before2, look.msr2, look.after2, "after the move");
		look.before -= stay.offset;
		look.after2 -= stay.offset;
		report(in_order(stay.before, look.before) && in_order(look.after2, stay.after),
		       "L1's TSC before, 0x%lx, and after, 0x%lx, embrace L2's less the offset "
		       "0x%lx: 0x%lx and 0x%lx",
		       stay.before, stay.after, stay.offset, look.before, look.after2);
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
			request_move();
			await_move(read_in_l2);
		}
		l2_call(HERE);
	}
}

/*
 * Steps back are also those across an exit, an entry, a move: a hypervisor that sets the
 * TSC of the other side by a clock, or later than it was read, has guests see time twice.
 */
TEST(tsc_never_back, .on = EACH_CPU, .needs = SVM,
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
TEST(tsc_two_cpus, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP),
     .about = "L2's TSC less its offset is in step with another CPU's in L1, also after a move")
{
	struct table_tennis game = { .rounds = scaled_count(200, 10) };
	struct l2 *l2 = l2_new(serve_in_l2, &game);
	int other = (smp_id() + 1) % cpu_count();
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
TEST(tsc_adjust, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_ADJUST),
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

/* ======== TSC_RATIO ======== */

#define RATIO_FRACTION_BITS 32

/* 15.30.5: L2's TSC is L1's * TSC_RATIO + TSC_OFFSET, the ratio in units of 2^-32. */
static u64 scale_tsc(u64 tsc, u64 ratio)
{
	return (unsigned __int128)tsc * ratio >> RATIO_FRACTION_BITS;
}

TEST(ratio_arithmetic, .about = "this program multiplies by a ratio as 15.30.5 says")
{
	static const struct {
		u64 tsc, ratio, scaled;
	} known[] = {
		{ 1000, SVM_TSC_RATIO_DEFAULT, 1000 },
		{ 1001, SVM_TSC_RATIO_DEFAULT / 2, 500 },
		{ 1000, 0x380000000, 3500 },
		{ 1ul << 56, 0x180000000, 3ul << 55 },
		{ 1ul << 33, 1, 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		report(scale_tsc(known[i].tsc, known[i].ratio) == known[i].scaled,
		       "TSC 0x%lx at ratio 0x%lx is 0x%lx (computed 0x%lx)", known[i].tsc,
		       known[i].ratio, known[i].scaled, scale_tsc(known[i].tsc, known[i].ratio));
}

static void check_scaled_look(const struct stay *stay, const struct look *look, u64 ratio,
			      const char *when)
{
	u64 low = scale_tsc(stay->before, ratio) + stay->offset;
	u64 high = scale_tsc(stay->after, ratio) + stay->offset;

	report(in_order(low, look->rdtsc) && in_order(look->rdtsc, look->rdtscp) &&
		       in_order(look->rdtscp, high),
	       "%s: ratio 0x%lx, offset 0x%lx: L1 read 0x%lx (0x%lx for L2), then L2 0x%lx and "
	       "0x%lx, "
	       "then L1 0x%lx (0x%lx for L2)",
	       when, ratio, stay->offset, stay->before, low, look->rdtsc, look->rdtscp, stay->after,
	       high);
}

static void check_ratio_register(u64 ratio, const char *when)
{
	u64 value = rdmsr(MSR_AMD64_TSC_RATIO);

	report(value == ratio, "%s: TSC_RATIO reads 0x%lx, as written (0x%lx)", when, value, ratio);
}

/*
 * The product is of L1's whole TSC: an offset that was computed for another ratio, or L1's
 * own offset left unscaled, puts L2's TSC far off. The ratio is L1's register, no part of the
 * VMCB, and must be carried by itself.
 */
static void run_at_ratio(struct l2 *l2, struct stay *stay, u64 ratio, const char *when)
{
	if (!report_if_failed(!wrmsr_safe(MSR_AMD64_TSC_RATIO, ratio),
			      "TSC_RATIO 0x%lx is refused with #GP", ratio))
		return;
	check_ratio_register(ratio, when);
	if (visit(l2, stay)) {
		check_scaled_look(stay, &stay->first, ratio, when);
		if (stay->move)
			check_scaled_look(stay, &stay->last, ratio, "after the move inside L2");
		report(in_order(stay->before, stay->after) && stay->after - stay->before < FAR_AWAY,
		       "%s: L1's own TSC is not scaled: 0x%lx, then 0x%lx", when, stay->before,
		       stay->after);
	}
	check_ratio_register(ratio, "back in L1");
}

static void check_ratios(u64 moved_at)
{
	static const u64 ratios[] = {
		SVM_TSC_RATIO_DEFAULT / 2, SVM_TSC_RATIO_DEFAULT * 3 / 2, SVM_TSC_RATIO_DEFAULT + 1,
		SVM_TSC_RATIO_DEFAULT / 3, SVM_TSC_RATIO_DEFAULT * 2 + 7, SVM_TSC_RATIO_DEFAULT,
	};
	struct stay stay = { 0 };
	struct l2 *l2 = l2_new(look_twice, &stay);

	for (size_t i = 0; i < ARRAY_SIZE(ratios); i++) {
		stay.offset = i % 2 ? BEHIND : AHEAD;
		stay.move = ratios[i] == moved_at;
		run_at_ratio(l2, &stay, ratios[i], stay.move ? "before the move" : "in L2");
	}
	wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT);
	l2_free(l2);
}

TEST(tsc_ratio_below_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "L2's TSC is L1's times TSC_RATIO plus TSC_OFFSET; a ratio of a half survives a move")
{
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "at the beginning");
	check_ratios(SVM_TSC_RATIO_DEFAULT / 2);
}

TEST(tsc_ratio_above_one, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "the same for a move at a ratio of one and a half")
{
	check_ratios(SVM_TSC_RATIO_DEFAULT * 3 / 2);
}

TEST(tsc_ratio_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM, SVM_TSC_RATE),
     .about = "a write to TSC_RATIO with a reserved bit, 40 to 63, raises #GP and changes nothing")
{
	for (int bit = 40; bit < 64; bit++) {
		int vector = wrmsr_safe(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_DEFAULT | 1ul << bit);

		report(vector == GP_VECTOR, "bit %d: exception %d", bit, vector);
	}
	check_ratio_register(SVM_TSC_RATIO_DEFAULT, "afterwards");
}

/* ======== L1's APIC timer ======== */

#define TIMER_VECTOR  0x41
#define RESCUE_VECTOR 0x42

/* What came of the timer on this CPU, told by the stack that it interrupted. */
struct ticks {
	const struct l2 *l2;
	u32 in_l1, in_l2;
	/* Came though nobody may have sent them: interrupts were off, or not in service. */
	u32 uncalled;
	u64 first_tsc; /* L1's TSC at the first */
	bool once;     /* not periodic: the handler stops it */
	bool keep;     /* but not this one */
	bool rescued;

	/* Since the arming, by the time source; and when the first had been seen. */
	struct stopwatch watch;
	u64 seen_ns;
	u64 patience_ms; /* for those that this CPU waits for */
};

static PER_CPU(struct ticks, timer_ticks);

static u32 ticks_so_far(void)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);

	return READ_ONCE(ticks->in_l1) + READ_ONCE(ticks->in_l2);
}

/*
 * A QEMU that does not carry a timer's current count has KVM fire a one-shot as soon as it
 * is restored, even one that has fired before (docs/findings.md). Two tests are about that;
 * for all others the handler stops the timer, and a one-shot may be early.
 */
static void on_tick(isr_regs_t *regs)
{
	struct ticks *ticks = &this_cpu(timer_ticks);
	bool in_l2 = l2_owns_stack(ticks->l2, regs->rsp);

	if (!(regs->rflags & X86_EFLAGS_IF) || !apic_read_bit(APIC_ISR, TIMER_VECTOR)) {
		ticks->uncalled++;
		return;
	}
	if (ticks->once && !ticks->keep)
		apic_stop_timer();
	if (!ticks_so_far())
		ticks->first_tsc =
			rdtsc_ordered() - (in_l2 ? ticks->l2->vmcb->control.tsc_offset : 0);
	if (in_l2)
		ticks->in_l2++;
	else
		ticks->in_l1++;
	eoi();
}

/*
 * Not from the handler, which may come in the middle of it. A look at the time is an exit to
 * the VMM: one at the first tick, and else now and then, for the stopwatch not to lose time.
 */
static void watch_ticks(void)
{
	static PER_CPU(u32, turns);
	struct ticks *ticks = &this_cpu(timer_ticks);
	bool first = !ticks->seen_ns && ticks_so_far();
	u64 ns;

	if (!first && this_cpu(turns)++ % TURNS_PER_LOOK)
		return;
	ns = stopwatch_ns(&ticks->watch);
	if (first)
		ticks->seen_ns = ns;
}

static void watch_ticks_and_move(void)
{
	watch_ticks();
	watch_move();
}

static bool await_ticks(u32 wanted)
{
	return wait_until((watch_ticks(), ticks_so_far() >= wanted),
			  this_cpu(timer_ticks).patience_ms);
}

/*
 * A bound that the timer's frequency does not exceed, so that count / frequency is no longer
 * than the time: the ticks of a stretch that embraces the one of which the time is known.
 */
static u64 apic_hz_at_most(void)
{
	static u64 most = ~0ul;
	struct stopwatch watch;
	u32 first, last;
	u64 ns;

	if (most != ~0ul)
		return most;
	apic_write(APIC_LVTT, APIC_LVT_MASKED);
	apic_write(APIC_TDCR, APIC_TDR_DIV_16);
	apic_start_timer(UINT32_MAX);
	for (int attempt = 0; attempt < 3; attempt++) {
		first = apic_read(APIC_TMCCT);
		stopwatch_start(&watch);
		delay_us(3000);
		ns = stopwatch_ns(&watch);
		last = apic_read(APIC_TMCCT);
		most = MIN(most, mul_div(first - last, NS_PER_SECOND, ns));
	}
	apic_stop_timer();
	return most;
}

/* Who gets a physical interrupt while L2 runs. */
enum route {
	TO_L1,	      /* intercepted */
	TO_L1_ALWAYS, /* intercepted, V_INTR_MASKING: whatever L2's IF, which is 0 */
	TO_L2,	      /* not intercepted: through L2's IDT, which is L1's */
};

static const char *const route_names[] = {
	"intercepted",
	"intercepted with V_INTR_MASKING and IF clear in L2",
	"not intercepted",
};

struct wait {
	bool periodic, halt;
	u32 wanted, at_move, halts;
	bool moved, came;
};

/* Time for what must not come any more. */
#define LINGER_US 2000

static void be_moved_and_wait(void *data)
{
	struct wait *wait = data;

	if (wait->periodic)
		await_ticks(2);
	be_moved_with(watch_ticks_and_move);
	WRITE_ONCE(wait->moved, true);
	wait->at_move = ticks_so_far();
	wait->wanted = wait->periodic ? wait->at_move + 3 : 1;
	if (wait->halt) {
		irq_disable();
		while (ticks_so_far() < wait->wanted && !this_cpu(timer_ticks).rescued) {
			wait->halts++;
			safe_halt();
			irq_disable();
		}
		irq_enable();
	}
	wait->came = await_ticks(wait->wanted);
	watch_ticks();
	if (wait->periodic)
		apic_cleanup_timer();
	delay_us(LINGER_US);
	l2_call(HERE);
}

#define MOST_INTR_EXITS 100000

/* L2 up to its call, entered again after each INTR; gives how many of these there were. */
static u32 run_to_call(struct l2 *l2)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	u32 interrupts = 0, for_nothing = 0, before = ticks->in_l1;

	/* Nothing may be printed here: L2 may have been interrupted in the middle of a line. */
	while (l2_enter(l2) == SVM_EXIT_INTR && interrupts < MOST_INTR_EXITS) {
		interrupts++;
		/* STGI has let it in; and others perhaps, until the next CLGI. */
		for_nothing += READ_ONCE(ticks->in_l1) == before && !ticks->rescued;
		before = ticks->in_l1;
	}
	report_if_failed(!for_nothing, "%u of %u exits INTR brought L1 no interrupt", for_nothing,
			 interrupts);
	report_if_failed(l2_is_call(l2, HERE),
			 "after %u exits for interrupts L2 should have come to its call: exit %s",
			 interrupts, l2_exit_text(l2));
	return interrupts;
}

static void set_route(struct l2 *l2, enum route route)
{
	struct vmcb *vmcb = l2->vmcb;

	if (route != TO_L2)
		l2_intercept(l2, INTERCEPT_INTR);
	if (route == TO_L1_ALWAYS) {
		vmcb->control.v_intr |= V_INTR_MASKING_MASK;
		vmcb->save.rflags &= ~X86_EFLAGS_IF;
	}
}

static void begin_ticks(struct l2 *l2)
{
	handle_irq(TIMER_VECTOR, on_tick);
	this_cpu(timer_ticks) = (struct ticks){ .l2 = l2, .once = true };
}

static void end_ticks(void)
{
	u32 uncalled = this_cpu(timer_ticks).uncalled;

	apic_cleanup_timer();
	delay_us(1);
	unhandle_irq(TIMER_VECTOR);
	if (uncalled)
		report_xfail(is_tcg(), false,
			     "%u interrupts came while interrupts were off, or not in service",
			     uncalled);
}

/* Armed so, now; GIF is 0 until VMRUN, so that it can only come to L2's time. */
struct arming {
	u32 mode;
	u64 ns;	      /* meant */
	u32 count;    /* of the APIC's timer */
	u64 deadline; /* L1's TSC */
	u64 earliest; /* the same, if the host was held up while it was armed */
	struct host_time host;
};

/* The timer counts slowly, so that a long move does not outlast it. */
static void arm_timer(struct arming *arming)
{
	arming->count = MIN(mul_div(apic_hz_at_most(), arming->ns, NS_PER_SECOND), 0xfffffffful);
	host_time(&arming->host);
	apic_setup_timer(TIMER_VECTOR, arming->mode);
	apic_write(APIC_TDCR, APIC_TDR_DIV_16);
	this_cpu(timer_ticks).once = arming->mode != APIC_LVT_TIMER_PERIODIC;
	/* The last move may have been long, and this one short; and tsc_hz() may be off. */
	this_cpu(timer_ticks).patience_ms = PATIENCE_MS + 4 * arming->ns / NS_PER_MS;
	clgi();
	stopwatch_start(&this_cpu(timer_ticks).watch);
	if (arming->mode == APIC_LVT_TIMER_TSCDEADLINE) {
		arming->deadline = rdtsc() + mul_div(tsc_hz(), arming->ns, NS_PER_SECOND);
		arming->earliest = apic_arm_deadline(arming->deadline);
	} else {
		apic_start_timer(arming->count);
	}
}

/* Two ticks of the time source, which runs by itself. */
#define ROUNDING_NS 1000
#define PPM	    1000000
#define CLOCKS_PPM  1000

/* ns must have been enough for the timer to count; nothing but the host's pauses helps. */
static bool not_early(const struct arming *arming, u64 ns, u64 counts, u64 *paused)
{
	struct host_time now = { 0 };

	host_time(&now);
	*paused = now.pause_max - arming->host.pause_max;
	return ns + *paused + ROUNDING_NS + ns / PPM * CLOCKS_PPM >=
	       mul_div(counts, NS_PER_SECOND, apic_hz_at_most());
}

static void check_first(const struct arming *arming)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool early;
	u64 paused;

	if (!ticks_so_far())
		return;
	early = !not_early(arming, ticks->seen_ns, arming->count, &paused);
	if (arming->mode == APIC_LVT_TIMER_TSCDEADLINE) {
		/* A move arms it anew, while the guest stands still. */
		u64 earliest = arming->earliest - mul_div(tsc_hz(), paused, NS_PER_SECOND);

		report(in_order(earliest, ticks->first_tsc),
		       "it came not before its deadline: L1's TSC 0x%lx, armed for 0x%lx (0x%lx if "
		       "the host was held up, and moved)",
		       ticks->first_tsc, arming->deadline, earliest);
		return;
	}
	report(!early,
	       "it came not before its time: after %lu ns, and at most %lu ns in which the guest "
	       "stood still; armed for %u counts at %lu Hz at most",
	       ticks->seen_ns, paused, arming->count, apic_hz_at_most());
}

/* A periodic timer may also come to L1 between an exit and the next entry. */
static void check_places(enum route route, u32 exits, u32 least, u32 most)
{
	const struct ticks *ticks = &this_cpu(timer_ticks);
	bool to_l1 = route != TO_L2;
	u32 here = to_l1 ? ticks->in_l1 : ticks->in_l2;
	u32 elsewhere = to_l1 ? ticks->in_l2 : ticks->in_l1;
	bool exits_good = !to_l1 ? !exits : ticks->once ? exits == here : exits <= here;

	report(here >= least && here <= most && !elsewhere && exits_good,
	       "%s: %u interrupts in L1, %u in L2, %u exits INTR; there should be %u to %u in %s "
	       "and %s",
	       route_names[route], ticks->in_l1, ticks->in_l2, exits, least, most,
	       to_l1 ? "L1" : "L2", to_l1 ? "an exit for each" : "no exits");
}

/*
 * Where in a move the timer expires: late in it, so that it may be while the guest stands
 * still, or after it. It changes from CPU to CPU and round to round.
 */
static u64 expiry_ns(bool after)
{
	u64 percent = after || (smp_id() + current_round()) % 2 ? 130 : 90;

	return last_move_ns * percent / 100 + 2 * NS_PER_MS;
}

#define PERIOD_NS (10 * NS_PER_MS)

/*
 * A hypervisor that looks for L1's interrupts only in L1, that restores the local APIC before
 * L2 and takes its interrupt for L2's, or drops the one that was about to become an exit. L2's
 * TSC is far off: a deadline that is compared with it comes at once, or never.
 */
static void timer_in_flight(u32 mode, enum route route)
{
	struct wait wait = { .periodic = mode == APIC_LVT_TIMER_PERIODIC };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = mode };
	u32 exits, most = 1;
	u64 ns, paused;

	set_route(l2, route);
	l2->vmcb->control.tsc_offset = smp_id() % 2 ? AHEAD : BEHIND;
	begin_ticks(l2);
	arming.ns = wait.periodic ? PERIOD_NS * timescale() : expiry_ns(false);
	arm_timer(&arming);
	exits = run_to_call(l2);
	ns = stopwatch_ns(&this_cpu(timer_ticks).watch);
	report(wait.came, "%u of %u interrupts came in time (%u until the move was over)",
	       ticks_so_far(), wait.wanted, wait.at_move);
	if (wait.periodic) {
		not_early(&arming, ns, 0, &paused);
		most = mul_div(ns + paused, apic_hz_at_most(), NS_PER_SECOND) / arming.count;
	}
	check_places(route, exits, wait.wanted, most);
	if (mode != APIC_LVT_TIMER_ONESHOT)
		check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(oneshot_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "L1's one-shot APIC timer ends L2 with INTR once, across a move")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1);
}

TEST(oneshot_intercepted_always, .on = EACH_CPU, .needs = SVM,
     .about = "the same with V_INTR_MASKING, where L2 with interrupts off cannot hold it up")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L1_ALWAYS);
}

TEST(oneshot_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same timer without the intercept interrupts L2 once, and no exit comes of it")
{
	timer_in_flight(APIC_LVT_TIMER_ONESHOT, TO_L2);
}

TEST(periodic_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "L1's periodic timer goes on after a move in L2: one exit INTR for each interrupt, "
	      "none too many")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L1);
}

TEST(periodic_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same without the intercept: all interrupts are L2's")
{
	timer_in_flight(APIC_LVT_TIMER_PERIODIC, TO_L2);
}

TEST(deadline_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about = "L1's TSC deadline, moved while L2 with another TSC runs, ends L2 once, not before "
	      "its time")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L1);
}

TEST(deadline_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, TSC_DEADLINE),
     .about = "the same without the intercept: L2 gets the interrupt at L1's deadline")
{
	timer_in_flight(APIC_LVT_TIMER_TSCDEADLINE, TO_L2);
}

static void take_and_be_moved(void *data)
{
	struct wait *wait = data;

	wait->came = await_ticks(1);
	be_moved();
	wait->at_move = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/* A hypervisor, or a VMM, that arms a timer by its initial count though nothing is left of it. */
TEST(oneshot_kept_expired, .on = EACH_CPU, .needs = SVM,
     .about = "a one-shot APIC timer that has fired does not fire again because L2 is moved")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(take_and_be_moved, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	this_cpu(timer_ticks).keep = true;
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(wait.came, "it came before the move (%u times until after it)", wait.at_move);
	check_places(TO_L1, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

/* A hypervisor or a VMM that carries the initial count and not the current one. */
TEST(oneshot_kept_armed, .on = EACH_CPU, .needs = SVM,
     .about = "a one-shot APIC timer that is armed when L2 is moved does not fire before its time")
{
	struct wait wait = { 0 };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = expiry_ns(true) };
	u32 exits;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	check_places(TO_L1, exits, 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

/* ---- L2 halted ---- */

/* Another CPU wakes the one that halts, if nothing else does. */
struct rescuer {
	int cpu;
	const struct wait *wait;
	bool over;
};

static void on_rescue(isr_regs_t *regs)
{
}

static void rescue_in_time(void *data)
{
	struct rescuer *rescuer = data;

	wait_until(READ_ONCE(rescuer->wait->moved), ANSWER_DEADLINE_MS);
	if (wait_until(READ_ONCE(rescuer->over), cpu_ptr(timer_ticks, rescuer->cpu)->patience_ms))
		return;
	WRITE_ONCE(cpu_ptr(timer_ticks, rescuer->cpu)->rescued, true);
	apic_send_ipi(rescuer->cpu, RESCUE_VECTOR);
}

/*
 * A halted L2 is a state of the vCPU that a move carries by itself (its "MP state"), and
 * L1's interrupt has to end both that and L2. Behind the move the timer is not yet due.
 */
static void halted(enum route route)
{
	struct wait wait = { .halt = true };
	struct l2 *l2 = l2_new(be_moved_and_wait, &wait);
	struct arming arming = { .mode = APIC_LVT_TIMER_TSCDEADLINE };
	struct rescuer rescuer = { .cpu = smp_id(), .wait = &wait };
	int other = (smp_id() + 1) % cpu_count();
	u32 exits;

	set_route(l2, route);
	begin_ticks(l2);
	handle_irq_eoi(RESCUE_VECTOR, on_rescue);
	on_cpu_async(other, rescue_in_time, &rescuer);
	arming.ns = expiry_ns(true);
	arm_timer(&arming);
	exits = run_to_call(l2);
	WRITE_ONCE(rescuer.over, true);
	on_cpu_wait(other);
	unhandle_irq(RESCUE_VECTOR);
	report(!this_cpu(timer_ticks).rescued && wait.came,
	       "the timer woke L2 after the move%s (it halted %u times)",
	       this_cpu(timer_ticks).rescued ? ", but only with another CPU's help" : "",
	       wait.halts);
	check_places(route, exits - (route != TO_L2 && this_cpu(timer_ticks).rescued), 1, 1);
	check_first(&arming);
	end_ticks();
	l2_free(l2);
}

TEST(halted_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about = "L2, halted after a move, is ended by L1's timer, and goes on behind its HLT")
{
	halted(TO_L1);
}

TEST(halted_not_intercepted, .on = EACH_CPU, .needs = ALL_OF(SVM, SMP, TSC_DEADLINE),
     .about = "L2, halted after a move, is woken by L1's timer, which interrupts it itself")
{
	halted(TO_L2);
}

/* ---- expired, and not yet taken ---- */

static bool is_requested(void)
{
	return apic_read_bit(APIC_IRR, TIMER_VECTOR);
}

static void count_start(void *data)
{
	(*(volatile u32 *)data)++;
	l2_call(HERE);
}

/*
 * What a hypervisor does that looks for work a last time before VMRUN: the interrupt comes
 * between CLGI and VMRUN, which sets GIF. It is recognized before L2's first instruction.
 */
TEST(expired_under_clgi, .on = EACH_CPU, .needs = SVM,
     .about = "a timer that expires while GIF is clear, moved so, ends L2 before its first "
	      "instruction")
{
	u32 starts = 0;
	struct l2 *l2 = l2_new(count_start, &starts);
	u64 rip = l2->vmcb->save.rip;
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	bool requested, still;
	u32 early;

	set_route(l2, TO_L1);
	begin_ticks(l2);
	arm_timer(&arming);
	requested = wait_until(is_requested(), PATIENCE_MS);
	be_moved();
	still = is_requested();
	early = ticks_so_far();
	l2_enter(l2);
	report(requested && still && !early,
	       "while GIF was clear the interrupt was requested (%d, after the move %d) and not "
	       "taken "
	       "(%u times)",
	       requested, still, early);
	report(l2->vmcb->control.exitcode == SVM_EXIT_INTR && l2->vmcb->save.rip == rip && !starts,
	       "VMRUN ended with INTR at L2's first instruction, 0x%lx: exit %s", rip,
	       l2_exit_text(l2));
	check_places(TO_L1, l2->vmcb->control.exitcode == SVM_EXIT_INTR, 1, 1);
	run_to_call(l2);
	report(starts == 1, "then L2 ran once: %u times", starts);
	end_ticks();
	l2_free(l2);
}

struct held {
	bool requested, still;
	u32 early, after;
};

static void hold_and_be_moved(void *data)
{
	struct held *held = data;

	irq_disable();
	held->requested = wait_until(is_requested(), PATIENCE_MS);
	be_moved();
	held->still = is_requested();
	held->early = ticks_so_far();
	irq_enable();
	held->after = ticks_so_far();
	delay_us(LINGER_US);
	l2_call(HERE);
}

/*
 * Without V_INTR_MASKING L2's IF holds up L1's interrupt, intercepted or not (15.21.1). A
 * hypervisor that restores the local APIC and asks at once whether the interrupt can be
 * delivered may ask while it has L1's IF in hand.
 */
static void held_up(enum route route)
{
	struct held held = { 0 };
	struct l2 *l2 = l2_new(hold_and_be_moved, &held);
	struct arming arming = { .mode = APIC_LVT_TIMER_ONESHOT, .ns = NS_PER_MS };
	u32 exits;

	set_route(l2, route);
	l2->vmcb->save.rflags &= ~X86_EFLAGS_IF;
	begin_ticks(l2);
	arm_timer(&arming);
	exits = run_to_call(l2);
	report(held.requested && held.still && !held.early,
	       "while L2 had interrupts off the timer's was requested (%d, after the move %d) and "
	       "not "
	       "taken (%u times)",
	       held.requested, held.still, held.early);
	report(held.after == 1, "STI let it in at once: %u times", held.after);
	check_places(route, exits, 1, 1);
	end_ticks();
	l2_free(l2);
}

TEST(held_up_intercepted, .on = EACH_CPU, .needs = SVM,
     .about =
	     "a timer that expires while L2 has interrupts off, moved so, ends L2 at its STI, once")
{
	held_up(TO_L1);
}

TEST(held_up_not_intercepted, .on = EACH_CPU, .needs = SVM,
     .about = "the same without the intercept interrupts L2 behind its STI, once")
{
	held_up(TO_L2);
}

/* ======== kvmclock ======== */

/* Even as a version; and an hour, by which no clock is off. */
#define DECOY_VERSION  0x54545454
#define DECOY_AHEAD_NS (3600 * NS_PER_SECOND)

/* Without PVCLOCK_TSC_STABLE_BIT: KVM's CPU may be away between TSC and time (kvmclock.c). */
#define UNSTABLE_SLACK_NS (100 * NS_PER_MS)

/* adjtimex(2) slews CLOCK_MONOTONIC by so much; the runner tells pauses in microseconds. */
#define MOST_SLEW_PPM	 500
#define HOST_ROUNDING_NS (NS_PER_MS / 10)

/* This CPU's clock, read by L1 and L2 in one row. L2's TSC is `offset` off the page's. */
struct clock {
	struct pvclock_vcpu_time_info *page;
	u64 offset;
	bool unstable;
	u64 last, readings, back, leaps;
	s64 worst;
};

static PER_CPU(struct clock, this_clock);

static void begin_clock(struct pvclock_vcpu_time_info *page, u64 offset)
{
	this_cpu(this_clock) = (struct clock){ .page = page, .offset = offset };
	pvclock_register(pvclock_best_msrs(), page);
}

static u64 read_clock(u64 tsc_offset)
{
	struct clock *clock = &this_cpu(this_clock);
	struct pvclock_vcpu_time_info info;
	s64 step;
	u64 time;

	/* The TSC belongs to the line that is valid when it is read. */
	do {
		info = pvclock_snapshot(clock->page);
		time = pvclock_time_at(&info, rdtsc_ordered() - tsc_offset);
		smp_rmb();
	} while (READ_ONCE(clock->page->version) != info.version);
	step = time - clock->last;
	clock->unstable |= !(info.flags & PVCLOCK_TSC_STABLE_BIT);
	if (clock->readings++) {
		clock->back += step < (clock->unstable ? -(s64)UNSTABLE_SLACK_NS : 0);
		clock->leaps += step > (s64)DECOY_AHEAD_NS / 2;
		if (step < clock->worst || step > (s64)DECOY_AHEAD_NS / 2)
			clock->worst = step;
	}
	clock->last = time;
	return time;
}

static void read_clock_in_l2(void)
{
	read_clock(this_cpu(this_clock).offset);
}

static void check_clock_row(const char *when)
{
	const struct clock *clock = &this_cpu(this_clock);

	report(!clock->back && !clock->leaps,
	       "%s: %lu readings, %lu steps back, %lu leaps (the worst step: %ld ns; an abandoned "
	       "page is %ld ns ahead)",
	       when, clock->readings, clock->back, clock->leaps, clock->worst, DECOY_AHEAD_NS);
}

/* The clock at the host's time, read from L1. */
struct clock_reading {
	u64 before, after;
	bool answered;
	struct host_time host;
};

static struct clock_reading clock_and_host(void)
{
	struct clock_reading reading = { .before = read_clock(0) };
	char answer[256];
	u64 question = host_ask("time", answer, sizeof(answer));

	reading.after = read_clock(0);
	reading.answered = question;
	if (!question)
		return reading;
	reading.host.monotonic = answer_number(answer, "monotonic");
	reading.host.moves = answer_number(answer, "moves");
	reading.host.pause_max = answer_number(answer, "pause_max");
	/* By which the runner checks the same on its own. */
	mark("clock", "clock=kvmclock cpu=%d before=%lu after=%lu answer=%lu", smp_id(),
	     reading.before, reading.after, question);
	return reading;
}

/* The clock may have stood still while the host held the guest, or have gone on. */
static void check_with_host(const struct clock_reading *from, const struct clock_reading *to)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + HOST_ROUNDING_NS;
	s64 least = to->before - from->after, most = to->after - from->before;

	if (this_cpu(this_clock).unstable)
		tolerance += UNSTABLE_SLACK_NS;
	if (to->answered)
		report(least <= host + tolerance && most >= host - pause - tolerance,
		       "the clock went with the host's: by %ld to %ld ns while %ld ns passed "
		       "there, "
		       "of which the guest was held for %ld ns at most (tolerance %ld ns)",
		       least, most, host, pause, tolerance);
}

struct page_move {
	u32 msr;
	u64 msr_in_l2, first, moved;
};

static void be_moved_with_clock(void *data)
{
	struct page_move *story = data;

	story->first = read_clock(this_cpu(this_clock).offset);
	await_move(read_clock_in_l2);
	story->moved = read_clock(this_cpu(this_clock).offset);
	story->msr_in_l2 = rdmsr(story->msr);
	l2_call(HERE);
}

/*
 * The address of the clock page is in a register of L1's that userspace has not seen yet, and
 * that it reads while L2 runs. L1 asks to be moved, goes to the new page and enters L2: none
 * of these exits lets userspace look. If the old page was a clock, it becomes a decoy.
 */
static void page_moved(bool had_one)
{
	struct pvclock_vcpu_time_info *old = alloc_page(), *new = alloc_page(), decoy;
	struct page_move story = { .msr = pvclock_best_msrs()->system_time };
	struct stay stay = { .offset = smp_id() % 2 ? BEHIND : AHEAD };
	struct l2 *l2 = l2_new(be_moved_with_clock, &story);
	struct clock *clock = &this_cpu(this_clock);
	struct clock_reading from, to;
	u64 value, wrote = (u64) new | KVM_MSR_ENABLED;
	u32 version;
	bool came;
	u8 flags;

	begin_clock(old, stay.offset);
	from = clock_and_host();
	if (!had_one)
		pvclock_disable(pvclock_best_msrs());
	request_move();
	pvclock_register(pvclock_best_msrs(), new);
	clock->page = new;
	*old = pvclock_snapshot(had_one ? old : new);
	old->version = DECOY_VERSION;
	old->system_time += DECOY_AHEAD_NS;
	old->flags &= ~PVCLOCK_GUEST_STOPPED;
	decoy = *old;
	came = visit(l2, &stay);
	read_clock(0);
	flags = READ_ONCE(new->flags);
	value = rdmsr(story.msr);
	to = clock_and_host();
	if (came) {
		check_clock_row("in L2, moved, and in L1");
		check_with_host(&from, &to);
		report(story.msr_in_l2 == wrote && value == wrote,
		       "MSR 0x%x reads 0x%lx in L2 and 0x%lx in L1 (wrote 0x%lx)", story.msr,
		       story.msr_in_l2, value, wrote);
		if (from.host.moves != to.host.moves)
			report(flags & PVCLOCK_GUEST_STOPPED,
			       "KVM set PVCLOCK_GUEST_STOPPED on the page in use: flags 0x%x",
			       flags);
	}
	version = pvclock_snapshot(new).version;
	pvclock_register(pvclock_best_msrs(), new);
	report(pvclock_snapshot(new).version != version,
	       "the page in use, %p, is written (version %u, now %u)", new, version,
	       pvclock_snapshot(new).version);
	report(!memcmp(old, &decoy, sizeof(decoy)),
	       "nobody wrote to the page that is not in use, %p: version 0x%x, tsc_timestamp %lu, "
	       "system_time %lu, flags 0x%x",
	       old, old->version, old->tsc_timestamp, old->system_time, old->flags);
	pvclock_disable(pvclock_best_msrs());
	l2_free(l2);
	free_page(old);
	free_page(new);
}

TEST(clock_page_moved, .on = EACH_CPU, .needs = ALL_OF(SVM, KVMCLOCK),
     .about =
	     "L1's clock, moved to another page just before L2 is entered and moved, goes on there")
{
	page_moved(true);
}

TEST(clock_page_set, .on = EACH_CPU, .needs = ALL_OF(SVM, KVMCLOCK),
     .about = "L1's clock, turned on just before L2 is entered and moved, goes on")
{
	page_moved(false);
}

static void read_clock_and_exit(void *data)
{
	bool *move = data;

	for (;;) {
		for (int i = 0; i < READINGS_PER_STAY; i++)
			read_clock_in_l2();
		if (*move) {
			*move = false;
			request_move();
			await_move(read_clock_in_l2);
		}
		l2_call(HERE);
	}
}

/*
 * A hypervisor that computes the page's line with L2's TSC, whenever it has a reason to do so
 * while L2 runs, is days off, either at once or back in L1.
 */
TEST(clock_never_back, .on = EACH_CPU, .needs = ALL_OF(SVM, KVMCLOCK),
     .about = "kvmclock, read in turns by L1 and L2, in L2 without pause while it is moved, never "
	      "steps back")
{
	u64 stays = scaled_count(500, 20), done = 0;
	struct pvclock_vcpu_time_info *page = alloc_page();
	struct stay stay = { .offset = BEHIND };
	bool move = false;
	struct l2 *l2 = l2_new(read_clock_and_exit, &move);
	struct clock_reading from, to;

	begin_clock(page, stay.offset);
	from = clock_and_host();
	while (done < stays) {
		move = done == stays / 2;
		read_clock(0);
		if (!visit(l2, &stay))
			break;
		done++;
	}
	to = clock_and_host();
	report(done == stays, "%lu stays in L2 of %lu", done, stays);
	check_clock_row("in L1 and L2");
	check_with_host(&from, &to);
	pvclock_disable(pvclock_best_msrs());
	l2_free(l2);
	free_page(page);
}

/* ======== round trips ======== */

/* What L1 answers to L2's number, in RBX; any relation that neither side makes by accident. */
#define ANSWER_TO(n)   ((n)*0x9e3779b97f4a7c15)
#define QUESTION_OF(n) (~(n))

/* A CPU's trips: into L2 and out by VMMCALL with their number, counted on both sides. */
struct trips {
	struct l2 *l2;
	u64 done;				/* counted by L1 */
	volatile u64 in_l2;			/* by L2 */
	volatile u64 unanswered, got, expected; /* L2 did not find L1's answer: the first */
	u64 wrong;				/* L1 did not find L2's number */
	char first_wrong[200];
};

static PER_CPU(struct trips, this_trips);

static void travel(void *unused)
{
	struct trips *trips = &this_cpu(this_trips);

	for (u64 n = 1;; n++) {
		u64 answer = QUESTION_OF(n);

		trips->in_l2 = n;
		asm volatile("vmmcall" : "+b"(answer) : "a"(n) : "memory");
		if (answer != ANSWER_TO(n) && !trips->unanswered++) {
			trips->got = answer;
			trips->expected = ANSWER_TO(n);
		}
	}
}

static void make_trip(void)
{
	struct trips *trips = &this_cpu(this_trips);
	struct l2 *l2 = trips->l2;
	u64 exitcode = l2_enter(l2), n = ++trips->done;

	if ((exitcode != SVM_EXIT_VMMCALL || l2->vmcb->save.rax != n || trips->in_l2 != n ||
	     l2->registers.rbx != QUESTION_OF(n)) &&
	    !trips->wrong++)
		snprintf(trips->first_wrong, sizeof(trips->first_wrong),
			 "trip %lu: L2 was in its %luth, RBX 0x%lx; exit %s", n, trips->in_l2,
			 l2->registers.rbx, l2_exit_text(l2));
	l2->registers.rbx = ANSWER_TO(n);
	l2_skip_call(l2);
}

static void begin_trips(void)
{
	struct trips *trips = &this_cpu(this_trips);

	*trips = (struct trips){ .l2 = l2_new(travel, NULL) };
}

static void end_trips(u64 least)
{
	struct trips *trips = &this_cpu(this_trips);

	report(trips->done >= least && trips->l2->entries == trips->done &&
		       trips->in_l2 == trips->done && !trips->wrong && !trips->unanswered,
	       "CPU %d: %lu VMRUNs (%lu wanted), %lu exits counted by L1, %lu by L2; L1 missed %lu "
	       "(%s), "
	       "L2 missed %lu answers (RBX 0x%lx and not 0x%lx)",
	       smp_id(), trips->l2->entries, least, trips->done, trips->in_l2, trips->wrong,
	       trips->wrong ? trips->first_wrong : "none", trips->unanswered, trips->got,
	       trips->expected);
	l2_free(trips->l2);
}

struct journey {
	u64 count;
	int guide; /* the CPU that asks to be moved */
	bool over;
};

static void make_journey(void *data)
{
	struct journey *journey = data;
	struct deadline deadline;

	begin_trips();
	if (smp_id() == journey->guide) {
		for (u64 i = 0; i < journey->count / 2; i++)
			make_trip();
		/* Round and round until the host has answered. */
		request_move();
		await_move(make_trip);
		while (this_cpu(this_trips).done < journey->count)
			make_trip();
		WRITE_ONCE(journey->over, true);
	} else {
		deadline_start(&deadline, ANSWER_DEADLINE_MS);
		while (!READ_ONCE(journey->over) && !deadline_passed(&deadline))
			make_trip();
	}
	end_trips(smp_id() == journey->guide ? journey->count : 1);
}

/*
 * The move may fall on any instruction of L1, of L2 and of the way in and out. A hypervisor
 * that restores a vCPU on the wrong side of VMRUN or #VMEXIT, or with the registers of the
 * other side, has a trip made twice or not at all, or L2 and L1 read what the other did not
 * write. Where both sides are set back alike, nobody inside can tell.
 */
TEST(round_trips, .on = EACH_CPU, .needs = SVM,
     .about = "of thousands of round trips on all CPUs at once, moved meanwhile, none is lost or "
	      "made twice")
{
	struct journey journey = { .count = scaled_count(10000, 100), .guide = smp_id() };

	on_cpus(make_journey, &journey);
}

static void tell_rate(const char *paging, u64 count)
{
	struct stopwatch watch;
	u64 ns;

	/* The first ones fill caches and shadow page tables. */
	for (int i = 0; i < 10; i++)
		make_trip();
	stopwatch_start(&watch);
	for (u64 i = 0; i < count; i++)
		make_trip();
	ns = MAX(stopwatch_ns(&watch), 1ul);
	mark("round_trips", "paging=%s trips=%lu ns=%lu per_second=%lu", paging, count, ns,
	     mul_div(count, NS_PER_SECOND, ns));
}

TEST(round_trip_rate, .needs = SVM,
     .about = "a mark tells how many round trips a second there are; and all of them are counted")
{
	u64 count = scaled_count(10000, 100);

	begin_trips();
	tell_rate("shadow", count);
	end_trips(count);
	if (!SVM_NPT[0]->present())
		return;
	begin_trips();
	l2_use_npt(this_cpu(this_trips).l2);
	tell_rate("nested", count);
	end_trips(count);
}

/* ======== several L2s ======== */

#define L2S   8
#define TURNS 4

struct one_of_many {
	struct stay stay;
	volatile u64 count; /* as L2 has it on its stack */
};

static void count_turns(void *data)
{
	struct one_of_many *mine = data;
	volatile u64 count = 0;

	for (;;) {
		count++;
		mine->stay.first = look_at_tsc();
		if (mine->stay.move)
			be_moved();
		mine->stay.last = look_at_tsc();
		mine->count = count;
		l2_call(HERE);
	}
}

/*
 * A hypervisor keeps one L2's state for a vCPU beside L1's: what it does not load anew at
 * each entry is the last L2's, or that of the one that was moved. Half of them use nested
 * paging, where there is such.
 */
TEST(several_l2s, .on = EACH_CPU, .needs = SVM,
     .about = "eight L2s, entered in turn, each keep their TSC offset and their count when one is "
	      "moved")
{
	struct one_of_many many[L2S] = { 0 };
	struct l2 *l2s[L2S];
	u64 good = 0;

	for (int i = 0; i < L2S; i++) {
		l2s[i] = l2_new(count_turns, &many[i]);
		if (i % 2 && SVM_NPT[0]->present())
			l2_use_npt(l2s[i]);
		many[i].stay.offset = FAR_AWAY * (2 * i - L2S + 1) + 0x1111 * i;
	}
	for (u64 turn = 0; turn < TURNS; turn++)
		for (int i = 0; i < L2S; i++) {
			struct stay *stay = &many[i].stay;

			stay->move = turn == 1 && i == L2S / 2;
			if (!visit(l2s[i], stay))
				continue;
			good += check_look(stay, &stay->first, "first") &&
				check_look(stay, &stay->last, stay->move ? "moved" : "last") &&
				report_if_failed(many[i].count == turn + 1,
						 "L2 %d with ASID %u, in turn %lu, has counted %lu",
						 i, l2s[i]->vmcb->control.guest_asid, turn + 1,
						 many[i].count);
		}
	report(good == L2S * TURNS, "%lu of %d stays in %d L2s were right", good, L2S * TURNS, L2S);
	for (int i = 0; i < L2S; i++)
		l2_free(l2s[i]);
}
