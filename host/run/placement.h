/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a case runs. It is always real KVM: that of this machine if it offers what the case needs,
 * else that of the first lab that does. TCG runs only what the user wants to see on it (--accel
 * tcg). A user who names an accelerator means this machine, and gets no lab.
 */
#ifndef FERRY_HOST_RUN_PLACEMENT_H
#define FERRY_HOST_RUN_PLACEMENT_H

#include "run/select.h"

/* PROGRAM's machine, as far as `lacks` of struct vmm looks at it. It refers to PROGRAM. */
struct vm_machine program_machine(const struct program *program, const struct settings *wanted);

/* Is PROGRAM's need for UEFI firmware met, if it has one? */
gboolean has_firmware(const struct program *program, const struct selection *selection);

/* Sets the case's `host`, `lab_clock` and `why`, or `skip_reason` if it can run nowhere. */
void place_case(struct test_case *test_case, const struct selection *selection);

#endif
