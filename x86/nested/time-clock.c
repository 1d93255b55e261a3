// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's kvmclock (Linux's Documentation/virt/kvm/x86/msr.rst) while a nested guest runs. L1 and L2
 * read it in turns, and read it from a page that L1 has registered just before L2 was entered and
 * migrated.
 *
 * A broken hypervisor computes the page's parameters with L2's TSC when it has to compute them
 * while L2 runs: then the clock is off by days. Or it knows the page's address only from L1's last
 * exit to userspace, and goes on writing to the old page. The clock is compared with the host's
 * time, for which the guest asks the runner.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "barrier.h"
#include "clock-rate.h"
#include "console.h"
#include "x86/nested/time.h"
#include "muldiv.h"
#include "percpu.h"
#include "processor.h"
#include "pvclock.h"
#include "smp.h"

/* An even number, as a version has to be; and an hour, by which no clock may be off. */
#define DECOY_VERSION  0x54545454
#define DECOY_AHEAD_NS (3600 * NS_PER_SECOND)

/* KVM may lose its CPU between reading the TSC and the time (kvmclock.h). */
#define UNSTABLE_SLACK_NS (100 * NS_PER_MS)

#define READINGS_PER_STAY 50

/* The runner reports pauses in microseconds. */
#define HOST_ROUNDING_NS (NS_PER_MS / 10)

/*
 * This CPU's clock, as L1 and L2 read it one after the other. L2's TSC is `offset' ahead of the
 * page's.
 */
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

	/* The TSC has to be read while these parameters are valid. */
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
	       "%s: %lu readings, %lu steps back, %lu leaps (the worst step: %ld ns; an abandoned page is %ld ns ahead)",
	       when, clock->readings, clock->back, clock->leaps, clock->worst, DECOY_AHEAD_NS);
}

/* This CPU's clock before and after a reading of the host's time, from L1. */
struct bracket {
	u64 before, after;
	bool answered;
	struct host_time host;
};

static struct bracket clock_and_host(void)
{
	struct bracket bracket = { .before = read_clock(0) };
	u64 question = host_time(&bracket.host);

	bracket.after = read_clock(0);
	bracket.answered = question;
	/* With this mark, the runner checks the clock on its own. */
	if (question)
		mark("clock", "clock=kvmclock cpu=%d before=%lu after=%lu answer=%lu", smp_id(),
		     bracket.before, bracket.after, question);
	return bracket;
}

/* While the host stopped the guest, the clock may have stood still or have gone on. */
static void check_with_host(const struct bracket *from, const struct bracket *to)
{
	s64 host = to->host.monotonic - from->host.monotonic;
	s64 pause = to->host.pause_max - from->host.pause_max;
	s64 tolerance = host / PPM * MOST_SLEW_PPM + HOST_ROUNDING_NS;
	s64 least = to->before - from->after, most = to->after - from->before;

	if (this_cpu(this_clock).unstable)
		tolerance += UNSTABLE_SLACK_NS;
	if (to->answered)
		report(least <= host + tolerance && most >= host - pause - tolerance,
		       "the clock went with the host's: by %ld to %ld ns while %ld ns passed there, of which the host stopped the guest for %ld ns at most (tolerance %ld ns)",
		       least, most, host, pause, tolerance);
}

struct page_move {
	u32 msr;
	u64 msr_in_l2, first, moved;
};

static void be_migrated_with_clock(void *data)
{
	struct page_move *story = data;

	story->first = read_clock(this_cpu(this_clock).offset);
	migrate_await(read_clock_in_l2);
	story->moved = read_clock(this_cpu(this_clock).offset);
	story->msr_in_l2 = rdmsr(story->msr);
	l2_call(HERE);
}

/*
 * The VMM reads the new address of the clock page for the first time while L2 runs: L1 asks for the
 * migration, registers the new page and enters L2, and none of these exits goes to userspace. If L1
 * had a clock page before, it becomes a decoy.
 */
static void page_moved(bool had_one)
{
	struct pvclock_vcpu_time_info *old = alloc_page(), *new = alloc_page(), decoy;
	struct page_move story = { .msr = pvclock_best_msrs()->system_time };
	struct stay stay = { .offset = smp_id() % 2 ? BEHIND : AHEAD };
	struct l2 *l2 = l2_new(be_migrated_with_clock, &story);
	struct clock *clock = &this_cpu(this_clock);
	struct bracket from, to;
	u64 value, wrote = (u64) new | KVM_MSR_ENABLED;
	u32 version;
	bool came;
	u8 old_flags, new_flags;

	begin_clock(old, stay.offset);
	from = clock_and_host();
	if (had_one)
		old->flags &= ~PVCLOCK_GUEST_STOPPED;
	else
		pvclock_disable(pvclock_best_msrs());
	migrate_request();
	pvclock_register(pvclock_best_msrs(), new);
	clock->page = new;
	*old = pvclock_snapshot(had_one ? old : new);
	old_flags = old->flags;
	old->version = DECOY_VERSION;
	old->system_time += DECOY_AHEAD_NS;
	old->flags &= ~PVCLOCK_GUEST_STOPPED;
	decoy = *old;
	came = visit(l2, &stay);
	read_clock(0);
	new_flags = READ_ONCE(new->flags);
	value = rdmsr(story.msr);
	to = clock_and_host();
	if (came) {
		check_clock_row("in L2, migrated, and in L1");
		check_with_host(&from, &to);
		report(story.msr_in_l2 == wrote && value == wrote,
		       "MSR 0x%x reads 0x%lx in L2 and 0x%lx in L1 (wrote 0x%lx)", story.msr,
		       story.msr_in_l2, value, wrote);
		/* A fast host may have stopped the guest before L1 registered the new page. */
		if (had_one && from.host.moves != to.host.moves)
			report((old_flags | new_flags) & PVCLOCK_GUEST_STOPPED,
			       "KVM set PVCLOCK_GUEST_STOPPED on the page in use: flags 0x%x and 0x%x",
			       old_flags, new_flags);
	}
	version = pvclock_snapshot(new).version;
	pvclock_register(pvclock_best_msrs(), new);
	report(pvclock_snapshot(new).version != version,
	       "the page in use, %p, is written (version %u, now %u)", new, version,
	       pvclock_snapshot(new).version);
	report(!memcmp(old, &decoy, sizeof(decoy)),
	       "nobody wrote to the page that is not in use, %p: version 0x%x, tsc_timestamp %lu, system_time %lu, flags 0x%x",
	       old, old->version, old->tsc_timestamp, old->system_time, old->flags);
	pvclock_disable(pvclock_best_msrs());
	l2_free(l2);
	free_page(old);
	free_page(new);
}

TEST(clock_page_moved, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, KVMCLOCK),
     .about =
	     "L1's kvmclock, registered on another page just before L2 is entered and migrated, goes on there")
{
	page_moved(true);
}

TEST(clock_page_set, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, KVMCLOCK),
     .about = "L1's kvmclock, turned on just before L2 is entered and migrated, goes on")
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
			migrate_request();
			migrate_await(read_clock_in_l2);
		}
		l2_call(HERE);
	}
}

/*
 * A hypervisor that computes the page's parameters with L2's TSC is days off, either at once or
 * back in L1.
 */
TEST(clock_never_back, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, KVMCLOCK),
     .about =
	     "kvmclock, read in turns by L1 and L2 and all the time during a migration in L2, never steps back")
{
	u64 stays = scaled_count(500, 20), done = 0;
	struct pvclock_vcpu_time_info *page = alloc_page();
	struct stay stay = { .offset = BEHIND };
	bool move = false;
	struct l2 *l2 = l2_new(read_clock_and_exit, &move);
	struct bracket from, to;

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
