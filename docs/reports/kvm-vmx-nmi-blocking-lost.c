// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM does not know that NMIs are blocked in the handler of an NMI that L1 has injected into L2.
 * See kvm-vmx-nmi-blocking-lost.md. L1 enters L2 with an NMI, three times. The handler exits to
 * user space, which calls KVM_GET_VCPU_EVENTS. The first delivery may meet a page that KVM has not
 * mapped, and then KVM knows of the blocking. So only the later rounds show the bug for certain.
 */
#include "repro-vmx.h"

enum { PORT_IN_HANDLER = 0x10, NMI_VECTOR = 2, HANDLER = L2_CODE + 0x10, ROUNDS = 3 };
enum { ENTRY_INTERRUPTION_INFO = 0x4016, INJECT_NMI = 0x80000202, GUEST_RIP = 0x681e };

asm(".pushsection .rodata\n" L1_CODE "	vmcall\n"
    "	.org guest_code + 0x110\n"
    "	out %al, $0x10\n"
    "	iretq\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

/* A 64-bit interrupt gate to the handler. */
static void fill_idt(struct vm *vm)
{
	uint64_t gate = (HANDLER & 0xffff) | (uint64_t)CODE_SELECTOR << 16 | 0x8e00ull << 32;

	write64(vm, IDT + NMI_VECTOR * 16, gate);
	write64(vm, IDT + NMI_VECTOR * 16 + 8, 0);
}

int main(void)
{
	struct kvm_vcpu_events events;
	int blocked = 1;
	struct vm vm;

	vmx_create(&vm, guest_code, guest_end - guest_code, NMI_EXITING | VIRTUAL_NMIS, 0, 0);
	fill_idt(&vm);
	/* The first entry is without an NMI. L2 makes its VMCALL at once. */
	expect_vmcall(&vm);
	for (int i = 1; i <= ROUNDS; i++) {
		SET_FIELDS(&vm, { ENTRY_INTERRUPTION_INFO, INJECT_NMI }, { GUEST_RIP, L2_CODE });
		expect_port(&vm, PORT_IN_HANDLER);
		CALL(vm.vcpu, KVM_GET_VCPU_EVENTS, &events);
		printf("in L2's NMI handler, round %d: nmi.masked is %d\n", i, events.nmi.masked);
		blocked &= events.nmi.masked;
		expect_vmcall(&vm);
	}
	verdict(blocked, "NMIs are blocked in the handler",
		"KVM says that NMIs are not blocked, so a restore unblocks them in the handler");
}
