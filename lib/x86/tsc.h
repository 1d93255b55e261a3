/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets a guest's TSC far ahead. KVM before Linux 6.7 ignores a restored TSC that is within a second
 * of the new VM's age, since it takes that for an attempt to synchronize vCPUs (docs/findings.md,
 * "KVM 6.1: a young guest's TSC is not restored"). A TSC that is hours ahead is never near the age
 * of a VM that was created for a migration.
 *
 * With tsc-ahead=1 on the command line the library adds TSC_AHEAD ticks to each CPU's TSC at boot,
 * by IA32_TSC_ADJUST (Intel SDM volume 3, "IA32_TSC_ADJUST Register"). The runner gives this
 * argument if the host's kernel trusts its TSC. If the kernel does not, KVM compensates for the
 * time that a vCPU was not loaded, relative to the TSC that the VM began with. With a TSC far ahead
 * it would no longer do so.
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
