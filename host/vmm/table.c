// SPDX-License-Identifier: GPL-2.0-or-later
/* The VMMs that there are. To add one, write its folder and name it here. */
#include "vmm/vmm.h"

/* The first is the default. */
#define FOR_EACH_VMM(x) x(qemu)

#define DECLARE(name) extern const struct vmm name##_vmm;
#define ADDRESS(name) &name##_vmm,

FOR_EACH_VMM(DECLARE)

const struct vmm *const vmms[] = { FOR_EACH_VMM(ADDRESS) NULL };
