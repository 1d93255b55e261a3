/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_time share. */
#ifndef VMX_TIME_H
#define VMX_TIME_H

#include "nested/vmx/vmx.h"
#include "x86/nested/time.h"

#endif
