/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_order share: interruption information of exceptions. */
#ifndef VMX_ORDER_H
#define VMX_ORDER_H

#include "nested/vmx/vmx-event.h"

#define HARD(vector)	       (INTR_TYPE_HARD_EXCEPTION | (vector))
#define HARD_WITH_CODE(vector) (HARD(vector) | (u32)INTR_INFO_DELIVER_CODE_MASK)

#endif
