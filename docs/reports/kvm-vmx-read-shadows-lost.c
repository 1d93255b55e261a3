// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM_SET_SREGS with the values that KVM_GET_SREGS has returned changes the CR0 that L2 reads. See
 * kvm-vmx-read-shadows-lost.md. L1 owns CR0.TS: L2 runs with TS clear, and reads it as set. L2
 * reads CR0 before and after user space writes the registers back.
 */
#include "repro-vmx.h"

enum { CR0_TS = 1 << 3, PORT_CR0 = 0x10 };

asm(".pushsection .rodata\n" L1_CODE "1:	mov %cr0, %rax\n"
    "	out %eax, $0x10\n"
    "	jmp 1b\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

int main(void)
{
	struct kvm_sregs sregs;
	struct vm vm;
	uint32_t before, after;

	vmx_create(&vm, guest_code, guest_end - guest_code, 0, CR0_TS, CR0_TS);
	before = expect_port(&vm, PORT_CR0);
	if (!(before & CR0_TS))
		errx(BROKEN, "L2 reads CR0 0x%x at once, without TS, which is in the read shadow",
		     before);
	if (expect_port(&vm, PORT_CR0) != before)
		errx(BROKEN, "L2's CR0 changed, and nobody has written anything");
	CALL(vm.vcpu, KVM_GET_SREGS, &sregs);
	CALL(vm.vcpu, KVM_SET_SREGS, &sregs);
	after = expect_port(&vm, PORT_CR0);
	printf("L2 reads CR0 0x%x before, 0x%x after KVM_GET_SREGS and KVM_SET_SREGS\n", before,
	       after);
	verdict(after == before, "L2 reads what L1's read shadow says",
		"L2 reads its real CR0 instead of L1's read shadow");
}
