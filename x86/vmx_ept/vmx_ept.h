/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_ept share: bits of EPT violations and of EPT entries. */
#ifndef VMX_EPT_H
#define VMX_EPT_H

#include "x86/nested/vmx-nesting.h"

#define READS	  EPT_VIOLATION_ACC_READ
#define WRITES	  EPT_VIOLATION_ACC_WRITE
#define FETCHES	  EPT_VIOLATION_ACC_INSTR
#define READ_ONLY (EPT_PAGE & ~VMX_EPT_WRITABLE_MASK)
#define NO_FETCH  (EPT_PAGE & ~VMX_EPT_EXECUTABLE_MASK)

#endif
