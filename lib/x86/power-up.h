/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU's registers held when it reached the library for the first time since power-up or a
 * reset. This finds what a comparison of two boots cannot: a hypervisor or VMM that gives a
 * register the same wrong value each time.
 */
#ifndef X86_POWER_UP_H
#define X86_POWER_UP_H

#include "libcflat.h"

/* At boot, on each CPU, before the library sets any of these registers. */
void power_up_capture(void);

/*
 * Checks the values that power_up_capture() has stored. It covers only registers that neither a
 * BIOS nor a boot loader nor the library sets.
 */
void power_up_check(void);

#endif
