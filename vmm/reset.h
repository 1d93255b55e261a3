/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reset of the whole machine. The guest's image is loaded again, and other RAM keeps what it has,
 * as on a PC.
 */
#ifndef VMM_RESET_H
#define VMM_RESET_H

struct machine;
struct state;

/* KVM's state of a new VM, after power-on. The caller frees it. */
struct state *reset_state(struct machine *machine);
/* Puts such a STATE into machine->vm, whose vCPUs may have run. */
void reset_vm_to(struct machine *machine, const struct state *state);
/* Restores STATE in machine->vm after that. CPUID stays, since KVM may refuse to set it again. */
void reset_restore(struct machine *machine, const struct state *state);

/* Keeps the VM: ioctls set every piece of KVM's state to its value after power-on. */
void reset_same_vm(struct machine *machine);
/* Drops the VM. The guest begins in a new one. */
void reset_new_vm(struct machine *machine);

#endif
