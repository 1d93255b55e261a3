/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program vmx_state share: checks of VMX instructions. */
#ifndef VMX_STATE_H
#define VMX_STATE_H

#include "nested/vmx/vmx.h"
#include "x86/nested/state.h"

/* In a struct state_register: the register is not in the VMCS, since L1 and L2 share it. */
#define SHARED (~0u)

#define DR7_AFTER_EXIT 0x400

/* Checks how an instruction has ended. */
bool check_result(const char *instruction, enum vmx_result result, enum vmx_result expected);

/* Checks that an instruction has failed with this error in the current VMCS. */
void check_error(const char *instruction, enum vmx_result result, u64 expected);

/* Checks which VMCS is the current one, by its address, or ~0 for none. */
void check_current(u64 expected);

/* Asks for a migration in L1. With break=vmxoff L1 leaves VMX operation after it. */
void moved_in_l1(void);

/* L2's code: asks for a migration. */
void moved_in_l2(void *data);

#endif
