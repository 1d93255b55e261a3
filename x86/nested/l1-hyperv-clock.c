// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L1's Hyper-V reference counter and reference TSC page (TLFS, "Timers") while a nested guest runs.
 * See l1-hyperv-timers.c for the program.
 *
 * A broken hypervisor computes the page's parameters with L2's TSC, or knows the page's address
 * only from L1's last exit to userspace. L1 and L2 read both clocks in turns and compare them.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "hyperv.h"
#include "x86/nested/l1-hyperv.h"
#include "smp.h"

#define TSC_PAGE ALL_OF(L2_TSC_OFFSET, HV_TIME_REF_COUNT, HV_REFERENCE_TSC)

#define READINGS_PER_STAY 30

/* 1 us: how much the page may differ from the counter (hyperv_clock.c). */
#define AGREEMENT_TICKS 10

/* The readings of L1 and L2, one after the other. */
struct row {
	u64 offset;
	bool move;
	u64 last, readings, back, worst;
	u64 valid, invalid, apart;
	s64 most_apart;
};

static PER_CPU(struct row, this_row);
static struct hv_reference_tsc_page *page;

static u64 read_counter(void)
{
	struct row *row = &this_cpu(this_row);
	u64 now = hv_ref_count();

	if (broken("back") && row->readings % 64 == 63)
		now = row->last - 1;
	if (row->readings++ && now < row->last) {
		row->back++;
		row->worst = MAX(row->worst, row->last - now);
	}
	row->last = now;
	return now;
}

static void read_both(u64 tsc_offset)
{
	struct row *row = &this_cpu(this_row);
	u64 before = read_counter(), time, after;
	s64 off;

	if (!page || !hv_reference_time_in_l2(page, tsc_offset, &time)) {
		row->invalid++;
		return;
	}
	after = read_counter();
	row->valid++;
	off = time < before ? (s64)(time - before) : time > after ? (s64)(time - after) : 0;
	if (off < -AGREEMENT_TICKS || off > AGREEMENT_TICKS) {
		row->apart++;
		row->most_apart = off;
	}
}

static void read_in_l2(void)
{
	read_both(this_cpu(this_row).offset);
}

static void read_and_exit(void *unused)
{
	struct row *row = &this_cpu(this_row);

	for (;;) {
		for (int i = 0; i < READINGS_PER_STAY; i++)
			read_in_l2();
		if (row->move) {
			row->move = false;
			migrate_quiet_while(read_in_l2);
		}
		l2_call(HERE);
	}
}

static void begin_row(struct l2 *l2)
{
	u64 offset = smp_id() % 2 ? AHEAD : BEHIND;

	this_cpu(this_row) = (struct row){ .offset = offset };
	l2_set_tsc_offset(l2, offset + (broken("offset") ? 1ul << 40 : 0));
}

static void check_page_row(void)
{
	const struct row *row = &this_cpu(this_row);

	report(!row->apart,
	       "the TSC page was valid %lu times, invalid %lu times, and told another time than the counter %lu times, by %ld ticks (allowed are %d)",
	       row->valid, row->invalid, row->apart, row->most_apart, AGREEMENT_TICKS);
}

static void clock_in_flight(void)
{
	u64 stays = scaled_count(200, 10), done = 0;
	struct l2 *l2 = l2_new(read_and_exit, NULL);
	struct row *row = &this_cpu(this_row);

	begin_row(l2);
	while (done < stays) {
		row->move = done == stays / 2;
		read_both(0);
		l2_enter_with_msrs(l2);
		if (!report_if_failed(l2_is_call(l2, HERE),
				      "L2 should have come to its call: exit %s", l2_exit_text(l2)))
			break;
		l2_skip_call(l2);
		read_both(0);
		done++;
	}
	report(done == stays && !row->back,
	       "%lu stays in L2 of %lu, %lu readings of the counter: %lu steps back, by %lu ticks at most",
	       done, stays, row->readings, row->back, row->worst);
	if (page)
		check_page_row();
	l2_free(l2);
}

TEST(counter_in_flight, .on = EACH_CPU, .needs = ALL_OF(L2_TSC_OFFSET, HV_TIME_REF_COUNT),
     .about =
	     "Hyper-V's reference counter, read in turns by L1 and L2 and during a migration in L2, never steps back")
{
	clock_in_flight();
}

TEST(page_in_flight, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "Hyper-V's TSC page tells the counter's time to L1 and, less TSC_OFFSET, to L2, across a migration in L2")
{
	page = alloc_page();
	wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)page | HV_REFERENCE_TSC_ENABLE);
	clock_in_flight();
	wrmsr(HV_X64_MSR_REFERENCE_TSC, 0);
	free_page(page);
	page = NULL;
}

static void be_migrated_with_page(void *data)
{
	u64 *value = data;

	read_in_l2();
	migrate_await(read_in_l2);
	read_in_l2();
	*value = rdmsr(HV_X64_MSR_REFERENCE_TSC);
	l2_call(HERE);
}

/*
 * L1 asks for a migration, gives the hypervisor the page, and enters L2. None of these exits lets
 * the VMM look at the register before it migrates L2. HAD_ONE: L1 has used another page before.
 */
static void page_moved(bool had_one)
{
	struct hv_reference_tsc_page *old = alloc_page(), *decoy = alloc_page();
	u64 value, in_l2 = 0;
	struct l2 *l2 = l2_new(be_migrated_with_page, &in_l2);

	page = alloc_page();
	value = (u64)page | HV_REFERENCE_TSC_ENABLE;
	if (had_one)
		wrmsr(HV_X64_MSR_REFERENCE_TSC, (u64)old | HV_REFERENCE_TSC_ENABLE);
	begin_row(l2);
	migrate_request();
	wrmsr(HV_X64_MSR_REFERENCE_TSC, broken("page") ? 0 : value);
	memset(old, 0x54, sizeof(*old));
	memcpy(decoy, old, sizeof(*old));
	l2_enter_with_msrs(l2);
	report(l2_is_call(l2, HERE), "L2 came to its call: exit %s", l2_exit_text(l2));
	read_both(0);
	report(in_l2 == value && rdmsr(HV_X64_MSR_REFERENCE_TSC) == value,
	       "HV_X64_MSR_REFERENCE_TSC reads 0x%lx in L2 and 0x%lx in L1 (wrote 0x%lx)", in_l2,
	       rdmsr(HV_X64_MSR_REFERENCE_TSC), value);
	report(!this_cpu(this_row).back, "%lu readings of the counter, %lu steps back, by %lu",
	       this_cpu(this_row).readings, this_cpu(this_row).back, this_cpu(this_row).worst);
	check_page_row();
	report(!memcmp(old, decoy, sizeof(*old)),
	       "nobody wrote to the page that is not in use, %p: sequence 0x%x, scale 0x%lx, offset 0x%lx",
	       old, old->tsc_sequence, old->tsc_scale, old->tsc_offset);
	wrmsr(HV_X64_MSR_REFERENCE_TSC, 0);
	l2_free(l2);
	free_page(page);
	free_page(decoy);
	free_page(old);
	page = NULL;
}

TEST(page_moved_in_flight, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "Hyper-V's TSC page, moved to another address just before L2 is entered and migrated, is valid there")
{
	page_moved(true);
}

TEST(page_set_in_flight, .on = EACH_CPU, .needs = TSC_PAGE,
     .about =
	     "Hyper-V's TSC page, turned on just before L2 is entered and migrated, tells the counter's time")
{
	page_moved(false);
}
