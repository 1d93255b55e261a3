/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells a guest through kvmclock (PVCLOCK_GUEST_STOPPED) that it was stopped for long while its
 * clocks went on. Otherwise its watchdogs would take that for a hang. Cycles that happen by
 * themselves are short, so the guest is not told.
 */
#ifndef VMM_PAUSE_H
#define VMM_PAUSE_H

struct machine;

/* Marks all vCPUs of MACHINE, which stand still. KVM tells each when it runs next. */
void pause_tell(struct machine *machine);
/*
 * The same for vCPUs that were marked and have not run since. MACHINE has a new VM, which lacks the
 * marks: no ioctl saves them.
 */
void pause_tell_again(struct machine *machine);

#endif
