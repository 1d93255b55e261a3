/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What CPUID tells the guest. */
#ifndef VMM_CPUID_H
#define VMM_CPUID_H

#include "machine.h"

/*
 * Makes machine->cpuid: all that KVM supports, as the command line changes it. Ends the process if
 * KVM cannot give what the command line wants.
 */
void cpuid_prepare(struct machine *machine);
/* Sets the CPUID of vCPU INDEX of VM: machine->cpuid, with the vCPU's own APIC id. */
void cpuid_set(const struct machine *machine, const struct vm *vm, unsigned index);

#endif
