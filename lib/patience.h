/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shortens waits once a test has failed. A hypervisor that has lost one interrupt has often lost
 * all of that kind. If each test waited its full time for them, a failing run would last very long.
 * So once a wait has timed out and its test has failed, wait_until() waits a quarter of its time,
 * and half of that after each further timeout. All these timeouts together last no longer than the
 * first.
 *
 * A shortened wait that times out proves nothing. From then on the test's failures count as skipped
 * checks, so that the test is skipped and not failed.
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

/* The divisor of a wait's time: 1 if waits are not shortened. */
u64 patience_divisor(void);
/* A wait has timed out. `shortened`: its time was divided. */
void patience_missed(bool shortened);
/* A check has failed. Returns whether this shortens the waits from now on. */
bool patience_check_failed(void);
/* Whether a shortened wait of the current test has timed out. */
bool patience_was_short(void);
/* The test that has shortened the waits. */
const char *patience_culprit(void);

#endif
