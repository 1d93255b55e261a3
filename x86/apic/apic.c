// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * apic: local APICs do after an action what their registers say (Intel SDM volume 3, "Advanced
 * Programmable Interrupt Controller (APIC)").
 *
 * The program registers compares what the registers hold. That says little: KVM computes from them
 * which CPU a logical destination means, which vector is in service, whether a local interrupt is
 * an NMI, and so on, and keeps the results beside the registers. A broken hypervisor restores the
 * registers, and does not compute anew. Then all registers are right, and interrupts go to the
 * wrong CPU, come too early, or never.
 *
 * Each file tells its part.
 */
#include "libcflat.h"
