/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a vCPU's thread does when KVM_RUN has returned: KVM API documentation, chapter 5. */
#ifndef VMM_EXIT_H
#define VMM_EXIT_H

#include <linux/kvm.h>
#include <stdbool.h>

struct machine;

/*
 * Carries out the access or request that the guest left KVM for. Returns events for the director
 * (enum vcpu_event). Ends the process if KVM cannot go on with the guest.
 */
unsigned exit_handle(struct machine *machine, unsigned cpu, struct kvm_run *run);
/* Whether the guest has left KVM by what it did. Else KVM cannot go on with it. */
bool exit_is_of_guest(const struct kvm_run *run);

#endif
