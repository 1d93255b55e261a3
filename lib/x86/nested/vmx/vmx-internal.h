/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder need of each other. Tests include vmx.h. */
#ifndef X86_VMX_INTERNAL_H
#define X86_VMX_INTERNAL_H

#include "nested/vmx/vmx.h"

/* What VMPTRST stores where there is no current VMCS, and the link pointer to none (25.1). */
#define VMX_NO_VMCS (~0ul)

/* What this CPU's last VMPTRLD was given, or VMX_NO_VMCS. */
phys_addr_t vmx_current_vmcs(void);

/* How an instruction has ended that left these CF and ZF, or raised an exception. */
enum vmx_result vmx_result_of(bool cf, bool zf);

/*
 * The capability MSR of a field of controls (appendix A.2 to A.5): bits of the lower half must be
 * 1 in the field, bits of the upper half may be.
 */
u64 vmx_control_capability(enum vmcs_field field);

#endif
