/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program apic share. */
#ifndef X86_LOCAL_APIC_H
#define X86_LOCAL_APIC_H

#include "libcflat.h"

/* How long an interrupt may take to arrive. */
#define ARRIVAL_MS 2000
/* How long one that must not come has for coming nevertheless. */
#define SILENCE_US 2000

#endif
