/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What vmx_memory and vmx_ept share: `nesting' of memory-world.h for VMX, and how L2s are made. */
#ifndef VMX_NESTING_H
#define VMX_NESTING_H

#include "nested/vmx/vmx.h"
#include "x86/nested/memory-world.h"

#define EPT_PAGE   (VMX_EPT_RWX_MASK | VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT)
#define READABLE   (VMX_EPT_READABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define WRITABLE   (VMX_EPT_WRITABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define EXECUTABLE (VMX_EPT_EXECUTABLE_MASK << EPT_VIOLATION_RWX_SHIFT)
#define FINAL	   (EPT_VIOLATION_GVA_IS_VALID | EPT_VIOLATION_GVA_TRANSLATED)
#define WALK	   EPT_VIOLATION_GVA_IS_VALID
/* In the error of a struct fault: the instruction reads and writes, so bit 0 may be 1 or 0. */
#define ALSO_READS BIT(63)

/* Whether this CPU's next L2s have accessed and dirty flags in their EPT, and a VPID. */
void make_with(bool used_flags, bool vpid);

/* Functions that `nesting' has as well. */
u64 vmx_root(const struct l2 *l2, bool nested);
void vmx_set_root(struct l2 *l2, bool nested, u64 root);
void vmx_flush(struct l2 *l2);

/* Gives an L2 a VPID without cached translations. */
void use_new_vpid(struct l2 *l2);
#endif
