/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of this folder share. Tests include vmx.h. */
#ifndef X86_VMX_INTERNAL_H
#define X86_VMX_INTERNAL_H

#include "nested/vmx/vmx.h"

/*
 * The address that means no VMCS: VMPTRST stores it if there is no current VMCS, and a link pointer
 * to none holds it (25.1, 25.4.2).
 */
#define VMX_NO_VMCS (~0ul)

/* The address that this CPU's last VMPTRLD was given, or VMX_NO_VMCS. */
phys_addr_t vmx_current_vmcs(void);

/* How an instruction has ended: by exception_vector(), else by the CF and ZF that it left. */
enum vmx_result vmx_result_of(bool cf, bool zf);

/*
 * The capability MSR of a field of controls (appendix A.2 to A.5). The lower half has the bits that
 * must be 1 in the field, the upper half those that may be 1.
 */
u64 vmx_control_capability(enum vmcs_field field);

#endif
