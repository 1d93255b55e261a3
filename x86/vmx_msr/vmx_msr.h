/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_msr share. */
#ifndef VMX_MSR_H
#define VMX_MSR_H

#include "nested/vmx/vmx.h"

/* A value for MSRs that hold an address: canonical, not mapped, and another one for each N. */
#define NOWHERE(n) (0xffffa50000000000ul + (u64)(n)*0x1000)

#endif
