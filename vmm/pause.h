/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that stood still for long, while its clocks went on, is told so by kvmclock
 * (PVCLOCK_GUEST_STOPPED): its watchdogs would take the time for a hang. Cycles that happen by
 * themselves are short and are not told.
 */
#ifndef VMM_PAUSE_H
#define VMM_PAUSE_H

struct machine;

/* All vCPUs of MACHINE, which stand still, are to be told when they run next. */
void pause_tell(struct machine *machine);
/*
 * The same for those that were to be told and have not run since. MACHINE has a new VM, whose KVM
 * does not know of it: no ioctl saves that.
 */
void pause_tell_again(struct machine *machine);

#endif
