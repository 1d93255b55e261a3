// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No entry into L2 and no exit may be lost or done twice in a migration, and the states of several
 * L2s must not mix. See svm_time.c and vmx_time.c for the manuals.
 */
#include "libcflat.h"
#include "console.h"
#include "x86/nested/time.h"
#include "muldiv.h"
#include "percpu.h"
#include "processor.h"
#include "smp.h"

/* ======== round trips ======== */

/* L1's answer in RBX to L2's number. Neither side gets this by accident. */
#define ANSWER_TO(n)   ((n)*0x9e3779b97f4a7c15)
#define QUESTION_OF(n) (~(n))

/*
 * A CPU's round trips: into L2, and out by a call with the trip's number. L1 and L2 both count
 * them.
 */
struct trips {
	struct l2 *l2;
	u64 done;				/* counted by L1 */
	volatile u64 in_l2;			/* by L2 */
	volatile u64 unanswered, got, expected; /* trips without L1's answer;
						   what L2 got and expected in the first */
	u64 wrong;				/* trips in which L1 did not find L2's number */
	char first_wrong[200];
};

static PER_CPU(struct trips, this_trips);

static void travel(void *unused)
{
	struct trips *trips = &this_cpu(this_trips);

	for (u64 n = 1;; n++) {
		u64 answer = QUESTION_OF(n);

		trips->in_l2 = n;
		answer = ask_l1(n, answer);
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
	struct l2_registers *registers = l2_registers(l2);
	u64 n = ++trips->done;

	l2_enter(l2);
	if ((!l2_is_call(l2, n) || trips->in_l2 != n || registers->rbx != QUESTION_OF(n)) &&
	    !trips->wrong++)
		snprintf(trips->first_wrong, sizeof(trips->first_wrong),
			 "trip %lu: L2 was in its %luth, RBX 0x%lx; exit %s", n, trips->in_l2,
			 registers->rbx, l2_exit_text(l2));
	registers->rbx = ANSWER_TO(n);
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

	report(trips->done >= least && l2_entries(trips->l2) == trips->done &&
		       trips->in_l2 == trips->done && !trips->wrong && !trips->unanswered,
	       "CPU %d: %lu entries (%lu wanted), %lu exits counted by L1, %lu by L2; L1 missed %lu (%s), L2 missed %lu answers (RBX 0x%lx and not 0x%lx)",
	       smp_id(), l2_entries(trips->l2), least, trips->done, trips->in_l2, trips->wrong,
	       trips->wrong ? trips->first_wrong : "none", trips->unanswered, trips->got,
	       trips->expected);
	l2_free(trips->l2);
}

struct journey {
	u64 count;
	int guide; /* the CPU that asks for the migration */
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
		/* This CPU makes trips until the host has answered. */
		migrate_request();
		migrate_await(make_trip);
		while (this_cpu(this_trips).done < journey->count)
			make_trip();
		WRITE_ONCE(journey->over, true);
	} else {
		deadline_start(&deadline, ANSWER_DEADLINE_MS);
		/* A CPU may begin only when the guide has come to its end. */
		do
			make_trip();
		while (!READ_ONCE(journey->over) && !deadline_passed(&deadline));
	}
	end_trips(smp_id() == journey->guide ? journey->count : 1);
}

/*
 * The migration may fall on any instruction of L1, of L2, and of entry and exit. A broken
 * hypervisor restores a vCPU on the wrong side of an entry or exit, or with the registers of the
 * other side. Then a trip is made twice or not at all, or one side reads what the other did not
 * write. If both sides are set back alike, the guest cannot tell.
 */
TEST(round_trips, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "thousands of round trips into L2 on all CPUs at once are each made once, across a migration")
{
	struct journey journey = { .count = scaled_count(10000, 100), .guide = smp_id() };

	on_cpus(make_journey, &journey);
}

static void tell_rate(const char *paging, u64 count)
{
	struct stopwatch watch;
	u64 ns;

	/* The first trips fill caches and shadow page tables. */
	for (int i = 0; i < 10; i++)
		make_trip();
	stopwatch_start(&watch);
	for (u64 i = 0; i < count; i++)
		make_trip();
	ns = MAX(stopwatch_ns(&watch), 1ul);
	mark("round_trips", "paging=%s trips=%lu ns=%lu per_second=%lu", paging, count, ns,
	     mul_div(count, NS_PER_SECOND, ns));
}

TEST(round_trip_rate, .needs = L2_TSC_OFFSET,
     .about =
	     "all round trips into L2 are counted; a mark on the console tells how many there are per second")
{
	u64 count = scaled_count(10000, 100);

	begin_trips();
	tell_rate("shadow", count);
	end_trips(count);
	begin_trips();
	if (use_nested_paging(this_cpu(this_trips).l2))
		tell_rate("nested", count);
	end_trips(0);
}

/* ======== several L2s ======== */

#define L2S   8
#define TURNS 4

struct one_of_many {
	struct stay stay;
	volatile u64 count; /* L2 has it on its stack */
};

static void count_turns(void *data)
{
	struct one_of_many *mine = data;
	volatile u64 count = 0;

	for (;;) {
		count++;
		mine->stay.first = look_at_tsc();
		if (mine->stay.move)
			be_migrated();
		mine->stay.last = look_at_tsc();
		mine->count = count;
		l2_call(HERE);
	}
}

/*
 * A hypervisor keeps the state of one L2 for a vCPU beside L1's. State that it does not load anew
 * at each entry belongs to the previous L2, or to the one that was migrated. Half of the L2s use
 * nested paging if there is any.
 */
TEST(several_l2s, .on = EACH_CPU, .needs = L2_TSC_OFFSET,
     .about =
	     "eight L2s, entered in turn, each keep their TSC offset and their count when one is migrated")
{
	struct one_of_many many[L2S] = { 0 };
	struct l2 *l2s[L2S];
	u64 good = 0;

	for (int i = 0; i < L2S; i++) {
		l2s[i] = l2_new(count_turns, &many[i]);
		if (i % 2)
			use_nested_paging(l2s[i]);
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
						 "L2 %d, in turn %lu, has counted %lu", i, turn + 1,
						 many[i].count);
		}
	report(good == L2S * TURNS, "%lu of %d stays in %d L2s were right", good, L2S * TURNS, L2S);
	for (int i = 0; i < L2S; i++)
		l2_free(l2s[i]);
}
