// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A HLT with interrupts off ends when MSR_KVM_ASYNC_PF_EN is restored. See
 * kvm-async-pf-ends-halt.md. The guest enables asynchronous page faults, turns interrupts off, and
 * halts. The program copies all state that KVM reports into a new VM. By the SDM and the APM no
 * event there may end the HLT, so the next instruction must not be executed until an NMI comes.
 */
#include "repro.h"

#include <linux/kvm_para.h>

enum { AWAKE = 0x10, INTERRUPTIBLE = 0x11, VECTOR = 0x51, WAIT_MS = 2000 };

/* Addresses in the structure that guest and KVM share (kvm_vcpu_pv_apf_data), and of a counter. */
enum { TOKEN = SPARE + 4, INTERRUPTS = SPARE + 64 };

/*
 * KVM reports "all pages are ready" when the MSR is written, so the guest takes that interrupt
 * first. Its handler takes the token, acknowledges it with MSR_KVM_ASYNC_PF_ACK, and writes EOI.
 */
asm(".pushsection .rodata\n"
    "guest_code:\n"
    "	xor %edx, %edx\n"
    "	mov $0x4b564d06, %ecx\n" /* MSR_KVM_ASYNC_PF_INT */
    "	mov $0x51, %eax\n"
    "	wrmsr\n"
    "	mov $0x4b564d02, %ecx\n" /* MSR_KVM_ASYNC_PF_EN: enabled, and as an interrupt */
    "	mov $0x100009, %eax\n"
    "	wrmsr\n"
    "	sti\n"
    "1:	pause\n"
    "	cmpl $0, 0x100040\n"
    "	je 1b\n"
    "guest_without:\n"
    "	cli\n"
    "	hlt\n"
    "	out %al, $0x10\n"
    "	sti\n"
    "2:	pause\n"
    "	cmpl $2, 0x100040\n"
    "	jb 2b\n"
    "	out %al, $0x11\n"
    "guest_page_ready:\n"
    "	movl $0, 0x100004\n"
    "	mov $0x4b564d07, %ecx\n"
    "	mov $1, %eax\n"
    "	wrmsr\n"
    "	mov $0x80b, %ecx\n"
    "	xor %eax, %eax\n"
    "	wrmsr\n"
    "	incl 0x100040\n"
    "guest_nmi: iretq\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_without[], guest_page_ready[], guest_nmi[], guest_end[];

static uint32_t read32(const struct vm *vm, uint64_t address)
{
	uint32_t value;

	memcpy(&value, vm->memory + address, sizeof(value));
	return value;
}

static void start(struct vm *vm, int with_async_pf)
{
	enum { NMI = 2 };

	vm_create(vm);
	if (!has_kvm_feature(vm, KVM_FEATURE_ASYNC_PF_INT))
		cannot_tell("this KVM offers no KVM_FEATURE_ASYNC_PF_INT");
	start_in_long_mode(vm, guest_code, guest_end - guest_code, 0, 0);
	enable_x2apic(vm);
	set_interrupt_gate(vm, VECTOR, CODE + (guest_page_ready - guest_code));
	set_interrupt_gate(vm, NMI, CODE + (guest_nmi - guest_code));
	if (!with_async_pf) {
		struct kvm_regs regs;

		CALL(vm->vcpu, KVM_GET_REGS, &regs);
		regs.rip = CODE + (guest_without - guest_code);
		CALL(vm->vcpu, KVM_SET_REGS, &regs);
	}
}

static void run_to_halt(struct vm *vm)
{
	enum { TIMES = 600, MS = 100 };

	for (int i = 0; i < TIMES; i++) {
		if (comes_to_port(vm, AWAKE, MS))
			errx(BROKEN, "the HLT has ended before anything was restored");
		if (is_halted(vm))
			return;
	}
	errx(BROKEN, "the guest does not halt");
}

/* True if the HLT ends. If it does not, an NMI ends it. */
static int halt_ends(struct vm *vm, const char *what)
{
	int ends = comes_to_port(vm, AWAKE, WAIT_MS);

	printf("%s: the HLT %s", what, ends ? "ends" : "has not ended within 2 s");
	if (!ends) {
		CALL(vm->vcpu, KVM_NMI, 0);
		if (!comes_to_port(vm, AWAKE, WAIT_MS))
			errx(BROKEN, "an NMI does not end it either");
		printf(", and an NMI ends it");
	}
	printf("\n");
	return ends;
}

static int is_requested(struct vm *vm)
{
	enum { IRR = 0x200, BYTES_APART = 16 };
	struct kvm_lapic_state lapic;
	uint32_t word;

	CALL(vm->vcpu, KVM_GET_LAPIC, &lapic);
	memcpy(&word, lapic.regs + IRR + VECTOR / 32 * BYTES_APART, sizeof(word));
	return word >> VECTOR % 32 & 1;
}

int main(void)
{
	struct vm vm, restored;
	uint64_t saved_msr, msr = 0;
	int ends;

	setvbuf(stdout, NULL, _IOLBF, 0);
	start(&vm, 0);
	run_to_halt(&vm);
	copy_vm(&restored, &vm);
	if (halt_ends(&restored, "no asynchronous page faults, restored in a new VM"))
		errx(BROKEN, "something else ends the HLT");

	start(&vm, 1);
	run_to_halt(&vm);
	copy_vm(&restored, &vm);
	if (halt_ends(&vm, "asynchronous page faults, not restored"))
		errx(BROKEN, "something else ends the HLT");
	if (!get_msr(&vm, MSR_KVM_ASYNC_PF_EN, &saved_msr) ||
	    !get_msr(&restored, MSR_KVM_ASYNC_PF_EN, &msr) || msr != saved_msr)
		errx(BROKEN, "MSR_KVM_ASYNC_PF_EN is 0x%llx in the new VM",
		     (unsigned long long)msr);
	ends = halt_ends(&restored, "asynchronous page faults, restored in a new VM");
	printf("there: interrupts are off, token 0x%x, its interrupt is %s, the guest has taken %u before\n",
	       read32(&restored, TOKEN), is_requested(&restored) ? "in the IRR" : "not in the IRR",
	       read32(&restored, INTERRUPTS));
	if (!comes_to_port(&restored, INTERRUPTIBLE, WAIT_MS))
		errx(BROKEN, "the guest turns interrupts on, and the interrupt does not come");
	printf("there: interrupts are on, the interrupt comes\n");
	verdict(!ends, "the vCPU stays halted",
		"the guest has executed the instruction behind HLT, and nothing had come");
}
