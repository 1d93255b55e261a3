/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUID tells the guest. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "machine.h"

/*
 * Sets the CPUID of vCPU INDEX of VM: all that KVM supports, with the features that the command
 * line adds and takes, and the vCPU's own APIC id.
 */
void cpuid_set(const struct machine *machine, const struct vm *vm, unsigned index);

#endif
