// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: CPUs that an action stops outside of a 64-bit kernel's usual mode, and CPUs that do not
 * run at all, go on in the same mode after a migration and every other action.
 *
 * Guests spend most of their time outside of ring 0, and are migrated there. A hypervisor has more
 * to get right then: the privilege level, which is in no register of its own (Intel SDM volume 3,
 * "Privilege Levels"; the VMCS and KVM keep it in SS.DPL, the VMCB in CPL), null segments, and what
 * waits for the CPU. A broken one refuses to enter the guest, or the guest finds itself in another
 * ring. The other files say more.
 */
#include "libcflat.h"
