// SPDX-License-Identifier: GPL-2.0-or-later
/* Enters L2 on VMX, and reads and writes its state. See vmx.h. */
#include "nested/vmx/vmx-evmcs.h"
#include "nested/vmx/vmx-internal.h"
#include "processor.h"

u64 vmx_enter(struct vmx_registers *registers, bool resume, u64 *host_rsp);

/* ---- running it ---- */

static enum vmx_result enter(struct l2 *l2, bool resume)
{
	u64 flags, failed;
	void *own;

	vmx_make_current(l2);
	flags = irq_save();
	own = l2_before_entry(l2);
	failed = vmx_enter(&l2->entry, resume, l2->evmcs ? evmcs_host_rsp(l2->evmcs) : NULL);
	l2_after_entry(l2, own);
	if (failed) {
		l2->exit_reason = L2_NOT_ENTERED;
	} else {
		l2->exit_reason = vmx_get(l2, VM_EXIT_REASON);
		/*
		 * An entry that fails because of guest state or MSRs is an exit, but does not
		 * change the launch state.
		 */
		if (!(l2->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
			l2->launched = true;
	}
	irq_restore(flags);
	exception_clear();
	return vmx_result_of(failed & X86_EFLAGS_CF, failed & X86_EFLAGS_ZF);
}

enum vmx_result vmx_launch(struct l2 *l2)
{
	return enter(l2, false);
}

enum vmx_result vmx_resume(struct l2 *l2)
{
	return enter(l2, true);
}

u64 l2_enter(struct l2 *l2)
{
	enter(l2, l2->launched);
	return l2->exit_reason;
}

u64 l2_exit(const struct l2 *l2)
{
	return l2->exit_reason;
}

bool l2_is_any_call(const struct l2 *l2)
{
	return l2_exit(l2) == EXIT_REASON_VMCALL;
}

void l2_skip_call(struct l2 *l2)
{
	vmx_skip(l2);
}

void vmx_skip(struct l2 *l2)
{
	l2_go_on_at(l2, l2_rip(l2) + vmx_get(l2, VM_EXIT_INSTRUCTION_LEN));
}

void vmx_inject(struct l2 *l2, u32 event, u32 error_code)
{
	vmx_set(l2, VM_ENTRY_INTR_INFO_FIELD, event | INTR_INFO_VALID_MASK);
	vmx_set(l2, VM_ENTRY_EXCEPTION_ERROR_CODE, error_code);
}

void l2_set_tsc_offset(struct l2 *l2, u64 offset)
{
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	vmx_set(l2, TSC_OFFSET, offset);
}

/* Carries out RDMSR and WRMSR, which always exit for MSRs outside the bit map's ranges (26.1.3). */
static bool pass_msr(struct l2 *l2)
{
	u32 index = l2->registers.rcx;
	u64 value;

	switch (l2->exit_reason) {
	case EXIT_REASON_MSR_READ:
		value = rdmsr(index);
		l2->rax = (u32)value;
		l2->registers.rdx = value >> 32;
		break;
	case EXIT_REASON_MSR_WRITE:
		wrmsr(index, l2->registers.rdx << 32 | (u32)l2->rax);
		break;
	default:
		return false;
	}
	vmx_skip(l2);
	return true;
}

u64 l2_enter_with_msrs(struct l2 *l2)
{
	u64 flags = irq_save();

	do
		l2_enter(l2);
	while (pass_msr(l2));
	irq_restore(flags);
	return l2->exit_reason;
}

/* ---- its state ---- */

struct l2_registers *l2_registers(struct l2 *l2)
{
	return &l2->registers;
}

u64 l2_rip(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RIP);
}

void l2_set_rip(struct l2 *l2, u64 rip)
{
	vmx_set(l2, GUEST_RIP, rip);
}

void l2_go_on_at(struct l2 *l2, u64 rip)
{
	u64 blocking = vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO);

	l2_set_rip(l2, rip);
	if (blocking & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS))
		vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO,
			blocking & ~(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
}

u64 l2_rax(const struct l2 *l2)
{
	return l2->rax;
}

void l2_set_rax(struct l2 *l2, u64 rax)
{
	l2->rax = rax;
}

u64 l2_rsp(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RSP);
}

void l2_set_rsp(struct l2 *l2, u64 rsp)
{
	vmx_set(l2, GUEST_RSP, rsp);
}

u64 l2_rflags(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RFLAGS);
}

void l2_set_rflags(struct l2 *l2, u64 rflags)
{
	vmx_set(l2, GUEST_RFLAGS, rflags);
}

/* The VMCS has no DR6: L1 and L2 share the CPU's. */
u64 l2_dr6(const struct l2 *l2)
{
	return read_dr6();
}

void l2_set_dr6(struct l2 *l2, u64 dr6)
{
	write_dr6(dr6);
}

void l2_set_idtr(struct l2 *l2, u64 base, u16 limit)
{
	vmx_set(l2, GUEST_IDTR_BASE, base);
	vmx_set(l2, GUEST_IDTR_LIMIT, limit);
}

void l2_call(u64 number)
{
	asm volatile("vmcall" : "+a"(number) : : "memory");
}
