// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A one-shot APIC timer that has fired fires again when KVM_SET_LAPIC restores it. See
 * kvm-one-shot-timer-fires-again.md. SDM volume 3, "APIC Timer": in one-shot mode the timer stays
 * at 0 until the initial count is written again.
 */
#include "repro.h"

enum { VECTOR = 0x40, INITIAL_COUNT = 1000 };
enum {
	APIC_SVR = 0xf0,
	APIC_IRR = 0x200,
	APIC_LVTT = 0x320,
	APIC_TMICT = 0x380,
	APIC_TMCCT = 0x390
};

/* Interrupts are off, so the interrupt stays in the IRR where KVM_GET_LAPIC shows it. */
asm(".pushsection .rodata\n"
    "guest_code: out %al, $0x10\n"
    "	jmp guest_code\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

static uint32_t *apic_register(struct kvm_lapic_state *apic, int offset)
{
	return (uint32_t *)(apic->regs + offset);
}

static uint32_t *request_word(struct kvm_lapic_state *apic)
{
	return apic_register(apic, APIC_IRR + VECTOR / 32 * 0x10);
}

/* Runs the guest for much longer than the timer takes. True if the timer's interrupt is requested.
 */
static int fires(struct vm *vm, struct kvm_lapic_state *apic)
{
	enum { EXITS = 2000 };

	for (int i = 0; i < EXITS; i++)
		expect_port(vm, 0x10);
	CALL(vm->vcpu, KVM_GET_LAPIC, apic);
	return *request_word(apic) >> VECTOR % 32 & 1;
}

int main(void)
{
	struct kvm_lapic_state apic;
	struct vm vm;

	vm_create(&vm);
	start_in_long_mode(&vm, guest_code, guest_end - guest_code, 0, 0);

	CALL(vm.vcpu, KVM_GET_LAPIC, &apic);
	*apic_register(&apic, APIC_SVR) |= 0x100;  /* APIC enabled */
	*apic_register(&apic, APIC_LVTT) = VECTOR; /* one-shot */
	*apic_register(&apic, APIC_TMICT) = INITIAL_COUNT;
	*apic_register(&apic, APIC_TMCCT) = INITIAL_COUNT;
	CALL(vm.vcpu, KVM_SET_LAPIC, &apic);
	if (!fires(&vm, &apic))
		errx(BROKEN, "the timer did not fire at all");

	/* The state after the guest's handler and EOI: no interrupt, and the timer is at 0. */
	*request_word(&apic) &= ~(1u << VECTOR % 32);
	printf("saved: initial count %u, current count %u, no interrupt requested\n",
	       *apic_register(&apic, APIC_TMICT), *apic_register(&apic, APIC_TMCCT));
	CALL(vm.vcpu, KVM_SET_LAPIC, &apic);
	verdict(!fires(&vm, &apic), "the timer stays at 0",
		"the one-shot timer has fired again, though nobody wrote its initial count");
}
