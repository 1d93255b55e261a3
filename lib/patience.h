/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long tests wait for what may never come. A hypervisor that has lost one interrupt has often
 * lost all of their kind, and if each test waited its full time for them, a red verdict would come
 * late. So once a test has waited in vain and failed, the waits of wait_until() are a quarter as
 * long, and half of that after each that was in vain again: all of them together last no longer
 * than the first did.
 *
 * A short wait proves nothing. If a test has waited in vain for a shorter time than it asked for,
 * its failures from then on count as skipped checks, and it is skipped and not failed.
 *
 * `expect=GLOB` on the command line names tests that are known to fail. They shorten no waits.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include "libcflat.h"

/* TEST has shortened the waits in an earlier boot, before a reset. It must stay valid. */
void patience_go_on(const char *test);
/* A test begins. NAME must stay valid. */
void patience_test_begins(const char *name);
/* Whether the current test is known to fail. */
bool patience_is_expected(void);

/* By how much the time of a wait is to be divided: 1 if waits are not shortened. */
u64 patience_divisor(void);
/* A wait was in vain. `shortened`: its time was divided. */
void patience_missed(bool shortened);
/* A check has failed. Returns whether this shortens the waits from now on. */
bool patience_check_failed(void);
/* Whether the current test has waited in vain for a shorter time than it asked for. */
bool patience_was_short(void);
/* The test that has shortened the waits. */
const char *patience_culprit(void);

#endif
