/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reset of the whole machine. The guest's image is loaded again, and other RAM keeps what it has,
 * as on a PC.
 */
#ifndef VMM_RESET_H
#define VMM_RESET_H

struct machine;

/* Every piece of KVM's state gets its value after power-on by ioctl. The VM stays. */
void reset_same_vm(struct machine *machine);
/* The guest begins in a new VM. */
void reset_new_vm(struct machine *machine);

#endif
