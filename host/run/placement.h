/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a case runs: on this machine if it can, else in the first lab that offers what the program
 * needs. A lab is for what this machine cannot do. It is not for what the user has ruled out by
 * naming an accelerator.
 */
#ifndef FERRY_HOST_RUN_PLACEMENT_H
#define FERRY_HOST_RUN_PLACEMENT_H

#include "run/select.h"

/* Sets the case's `host` and `lab_clock`, and `skip_reason` if it can run nowhere. */
void place_case(struct test_case *test_case, const struct selection *selection);

#endif
