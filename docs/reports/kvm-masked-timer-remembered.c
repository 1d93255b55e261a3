// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM remembers that a one-shot APIC timer has expired while it was masked. When the guest unmasks
 * the timer, it gets the interrupt. See kvm-masked-timer-remembered.md. The SDM (volume 3, "Local
 * Vector Table") says that the mask bit "inhibits reception of the interrupt".
 */
#include "repro.h"

enum { VECTOR = 0x40, APIC_IRR = 0x200 };

/*
 * The guest arms a masked one-shot timer, waits until its current count is 0, and unmasks it.
 * Interrupts are off, so an interrupt stays in the IRR where KVM_GET_LAPIC shows it.
 */
asm(".pushsection .rodata\n"
    "guest_code: xor %edx, %edx\n"
    "	mov $0x832, %ecx\n" /* LVT timer register: one-shot, masked */
    "	mov $0x10040, %eax\n"
    "	wrmsr\n"
    "	mov $0x838, %ecx\n" /* initial count */
    "	mov $1000, %eax\n"
    "	wrmsr\n"
    "	mov $0x839, %ecx\n" /* current count */
    "1:	rdmsr\n"
    "	test %eax, %eax\n"
    "	jnz 1b\n"
    "2:	out %al, $0x10\n"
    "	dec %bl\n"
    "	jnz 2b\n"
    "	xor %edx, %edx\n"
    "	mov $0x832, %ecx\n"
    "	mov $0x40, %eax\n"
    "	wrmsr\n"
    "3:	out %al, $0x11\n"
    "	jmp 3b\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

static int is_requested(struct vm *vm)
{
	struct kvm_lapic_state apic;
	uint32_t word;

	CALL(vm->vcpu, KVM_GET_LAPIC, &apic);
	memcpy(&word, apic.regs + APIC_IRR + VECTOR / 32 * 0x10, sizeof(word));
	return word >> VECTOR % 32 & 1;
}

int main(void)
{
	enum { EXITS_MASKED = 256, EXITS_UNMASKED = 2000 };
	struct vm vm;

	vm_create(&vm);
	start_in_long_mode(&vm, guest_code, guest_end - guest_code, 0, 0);
	enable_x2apic(&vm);
	for (int i = 0; i < EXITS_MASKED; i++)
		expect_port(&vm, 0x10);
	if (is_requested(&vm))
		errx(BROKEN, "the masked timer has requested its interrupt");
	for (int i = 0; i < EXITS_UNMASKED; i++)
		expect_port(&vm, 0x11);
	verdict(!is_requested(&vm),
		"the timer expired while it was masked, and does not interrupt later",
		"the timer expired while it was masked, and interrupts when it is unmasked");
}
