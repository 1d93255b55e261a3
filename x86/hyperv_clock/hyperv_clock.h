/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program hyperv_clock share: reading the clock. */
#ifndef HYPERV_CLOCK_H
#define HYPERV_CLOCK_H

#include "libcflat.h"
#include "hyperv.h"

#define CLOCK	 ALL_OF(HV_TIME_REF_COUNT)
#define TSC_PAGE ALL_OF(HV_TIME_REF_COUNT, HV_REFERENCE_TSC)

/*
 * The counter and the page are two computations of one clock in whole ticks, and a hypervisor may
 * round twice. A stale page is off by the length of a pause, which is at least a millisecond.
 */
#define AGREEMENT_TICKS 10

/* How often tests read a clock: on a fast host, and at least. */
#define READS	     20000
#define FEWEST_READS 1000

/* How many actions the tests of actions ask for. */
#define ACTIONS 2

/* A way to read the clock, in ticks. */
typedef u64 (*clock_function)(void);

/* The reference TSC page. All CPUs use one, since the register belongs to the partition. */
extern struct hv_reference_tsc_page *page;
void page_on(void);
void page_off(void);

/* Reads the clock as the TLFS recommends: by the page, or the counter while it is invalid. */
u64 clock_now(void);

bool page_is_valid(void);
/*
 * Waits until the page is valid. False if it stays invalid, which is no error: a host without a
 * reliable TSC has no valid page to offer.
 */
bool wait_valid(void);

#endif
