/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest whose TSC is far ahead. KVM before Linux 6.7 takes a restored TSC for an attempt to
 * synchronize vCPUs if it is within a second of the age of the VM that it is restored to, and
 * ignores it (docs/findings.md, "KVM 6.1: a young guest's TSC is not restored"). A guest that is
 * hours old by its TSC cannot be as old as a VM that was created for a migration.
 *
 * With tsc-ahead=1 on the command line the library adds TSC_AHEAD ticks to each CPU's TSC at boot,
 * by IA32_TSC_ADJUST (Intel SDM volume 3, "IA32_TSC_ADJUST Register"). The runner says so if the
 * host's kernel trusts its TSC. If it does not, KVM makes up for time that a vCPU was not loaded by
 * the TSC that the VM began with, and would do so no more.
 */
#ifndef X86_TSC_H
#define X86_TSC_H

#include "libcflat.h"
#include "test.h"

/* Hours, on any CPU. The low bits, by which the VMX-preemption timer counts, stay as they are. */
#define TSC_AHEAD (1ul << 44)

/* The library has advanced the TSCs. */
DECLARE_FEATURE(TSC_IS_AHEAD);

/* At boot: advances this CPU's TSC. The boot CPU has to be the first. */
void tsc_go_ahead(void);

/* Adds to all CPUs' TSCs, which stay in step. */
void tsc_advance_all(s64 ticks);

#endif
