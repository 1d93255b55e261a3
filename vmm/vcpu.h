/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vCPUs, each with a thread that runs it, and how all of them are stopped together. The director
 * stops them; they also stop by themselves when a cycle is due or the guest ends.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdbool.h>
#include <stdint.h>

struct machine;

/* Why the director was woken. Several may have happened. */
enum vcpu_event {
	VCPU_CYCLE_DUE = 1 << 0, /* a vCPU has left for user space, and stands still */
	VCPU_ENDED = 1 << 1,	 /* the guest has ended: vcpus_end_status() */
	VCPU_RESET = 1 << 2,	 /* the guest has reset itself */
	VCPU_RING_FULL = 1 << 3, /* a dirty ring must be collected, and the vCPU stands still */
	VCPU_ASTRAY = 1 << 4,	 /* in vcpus_run_astray() a vCPU has left for user space */
};

/* Makes the threads. They wait for vcpus_go(). */
void vcpus_start(struct machine *machine);

/*
 * Replaces the threads of vCPUs that stand still by new ones, for a new machine->vm. KVM adds to a
 * guest's steal time how long the thread of a new vCPU has ever waited for a CPU, since other VMMs
 * make a new thread for it.
 */
void vcpus_renew_threads(struct machine *machine);

/*
 * Stops all vCPUs. When this returns, none of them is in KVM, and instructions whose access was
 * carried out in user space are complete.
 */
void vcpus_stop(struct machine *machine);
/* Lets all vCPUs go on, in the present machine->vm. */
void vcpus_go(struct machine *machine);

/*
 * Lets all vCPUs run for NS, or until one leaves for user space, and stops them again. Nothing is
 * done for what they ask of user space, so afterwards they must be given another state.
 */
void vcpus_run_astray(struct machine *machine, uint64_t ns);

/*
 * Calls FUNCTION on the thread of a vCPU that stands still, and returns when it has returned. Some
 * of the state that KVM gives of a vCPU depends on the thread that asks.
 */
void vcpu_call(struct machine *machine, unsigned index, void (*function)(void *data), void *data);

/* The guest resets itself: VCPU_RESET. A device calls it, on a vCPU's thread. */
void vcpus_reset_wanted(void);
/* Makes a vCPU that is in KVM leave it, and go on at once (devices_before_run()). */
void vcpu_kick(struct machine *machine, unsigned index);

/* A file descriptor that can be read when there are events. */
int vcpus_event_fd(void);
/* The events since the last call, of enum vcpu_event. */
unsigned vcpus_take_events(void);
/* The status that the guest ended with; after VCPU_ENDED. */
int vcpus_end_status(void);

#endif
