/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's machine: everything that stays while VMs are made and dropped. A process has one.
 *
 * Threads: each vCPU has one (vcpu.c), which runs the guest and its devices. The director
 * (director.c) is the main thread. It alone stops vCPUs, saves, restores, and talks to the runner.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>

#include "carry.h"
#include "cycle.h"
#include "kvm.h"
#include "memory.h"
#include "multiboot.h"
#include "options.h"
#include "vm.h"

struct vcpu;

struct machine {
	const struct options *options;
	struct kvm kvm;
	struct kvm_cpuid2 *cpuid; /* what all vCPUs have in common */
	struct image image;
	struct memory memory;
	struct vm *vm; /* the guest's present VM; the director changes it while vCPUs are stopped */
	struct vcpu *vcpus;
	/* What vCPUs do will be undone (revert.h), so user space does nothing for them. */
	bool astray;
	bool held; /* the guest stands still until the runner says `go` */
	struct cycle_figures figures;
	struct carry_figures carry_figures;
};

/* Makes the machine. The vCPUs are set up for the guest's first instruction, and do not run yet. */
void machine_create(struct machine *machine, const struct options *options);
/*
 * Puts machine->vm, which is new, and the devices into their states after power-on, and the guest
 * into memory.
 */
void machine_power_on(struct machine *machine);
/* The two halves of machine_power_on(): first KVM's state of vCPUs, then devices and the guest. */
void machine_power_on_cpus(struct machine *machine);
void machine_boot(struct machine *machine);
/* Ends the guest, and the process with this exit status. A device calls it, on a vCPU's thread. */
void machine_end(struct machine *machine, int status);

#endif
