// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM_SET_XSAVE with an XSTATE_BV of 0 does not set MXCSR. See kvm-mxcsr-outlives-reset.md. SDM
 * volume 1, 13.8.1 "Standard Form of XRSTOR": MXCSR is loaded from the area whatever XSTATE_BV
 * says.
 */
#include "repro.h"

enum { OLD_MXCSR = 0x1fa0, INITIAL_MXCSR = 0x1f80 };

/* The guest tells again and again what MXCSR holds. FXSAVE stores it at byte 24. */
asm(".pushsection .rodata\n"
    "guest_code: fxsave 0x100000\n"
    "	mov 0x100018, %eax\n"
    "	out %eax, $0x10\n"
    "	jmp guest_code\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

static uint32_t set_mxcsr(struct vm *vm, uint32_t mxcsr, uint32_t xstate_bv)
{
	enum { FCW_WORD = 0, MXCSR_WORD = 24 / 4, XSTATE_BV_WORD = 512 / 4 };
	const struct kvm_xsave area = {
		.region = { [FCW_WORD] = 0x37f, [MXCSR_WORD] = mxcsr, [XSTATE_BV_WORD] = xstate_bv }
	};
	uint32_t has;

	CALL(vm->vcpu, KVM_SET_XSAVE, &area);
	has = expect_port(vm, 0x10);
	complete(vm);
	printf("KVM_SET_XSAVE set MXCSR to 0x%x with XSTATE_BV %u, the guest has 0x%x\n", mxcsr,
	       xstate_bv, has);
	return has;
}

int main(void)
{
	enum { OSFXSR = 0x200, SSE = 2 };
	struct vm vm;

	vm_create(&vm);
	start_in_long_mode(&vm, guest_code, guest_end - guest_code, OSFXSR, 0);
	if (set_mxcsr(&vm, OLD_MXCSR, SSE) != OLD_MXCSR)
		errx(BROKEN, "MXCSR cannot be set at all");
	/* QEMU writes this at a reset: every component is in its initial state. */
	verdict(set_mxcsr(&vm, INITIAL_MXCSR, 0) == INITIAL_MXCSR,
		"the guest has the MXCSR that was set", "the guest has kept its old MXCSR");
}
