// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A kick (KVM_HC_KICK_CPU) that comes before the HLT is lost when the vCPU is saved. See
 * kvm-kick-lost.md. The vCPU kicks itself; KVM keeps this kick in the same place as one from
 * another vCPU. The program copies all state that KVM reports into a new VM. The HLT has to end
 * there as it does in the old VM.
 */
#include "repro.h"

#include <linux/kvm_para.h>

enum { KICKED = 0x10, AWAKE = 0x11 };

/* Interrupts are off. The kick is for APIC ID 0. On AMD KVM replaces VMCALL by VMMCALL. */
asm(".pushsection .rodata\n"
    "guest_code:\n"
    "	mov $5, %eax\n" /* KVM_HC_KICK_CPU */
    "	xor %ebx, %ebx\n"
    "	xor %ecx, %ecx\n"
    "	vmcall\n"
    "	out %eax, $0x10\n"
    "guest_not_kicked:\n"
    "	hlt\n"
    "	out %eax, $0x11\n"
    "guest_nmi: iretq\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_not_kicked[], guest_nmi[], guest_end[];

enum { WAIT_MS = 2000 };

static void start(struct vm *vm)
{
	enum { NMI = 2 };

	vm_create(vm);
	if (!has_kvm_feature(vm, KVM_FEATURE_PV_UNHALT))
		cannot_tell("this KVM offers no KVM_FEATURE_PV_UNHALT");
	start_in_long_mode(vm, guest_code, guest_end - guest_code, 0, 0);
	/* KVM finds a vCPU by its APIC ID only after the local APIC was set. */
	enable_x2apic(vm);
	set_interrupt_gate(vm, NMI, CODE + (guest_nmi - guest_code));
}

static void start_and_kick(struct vm *vm)
{
	uint32_t result;

	start(vm);
	if (!comes_to_port(vm, KICKED, WAIT_MS))
		cannot_tell("a hypercall of the guest does not return here");
	memcpy(&result, (uint8_t *)vm->run + vm->run->io.data_offset, sizeof(result));
	if (result != 0)
		errx(BROKEN, "KVM_HC_KICK_CPU returns 0x%x", result);
	complete(vm);
}

static int halt_ends(struct vm *vm, const char *what)
{
	int ends = comes_to_port(vm, AWAKE, WAIT_MS);

	printf("%s: the HLT %s\n", what, ends ? "ends" : "has not ended within 2 s");
	if (!ends && !is_halted(vm))
		errx(BROKEN, "the vCPU has not come to its HLT");
	return ends;
}

int main(void)
{
	struct vm without, vm, source, restored;
	struct kvm_regs regs;
	int ends;

	setvbuf(stdout, NULL, _IOLBF, 0);
	start(&without);
	CALL(without.vcpu, KVM_GET_REGS, &regs);
	regs.rip = CODE + (guest_not_kicked - guest_code);
	CALL(without.vcpu, KVM_SET_REGS, &regs);
	if (halt_ends(&without, "not kicked"))
		errx(BROKEN, "something other than a kick ends the HLT");

	start_and_kick(&vm);
	if (!halt_ends(&vm, "kicked"))
		errx(BROKEN, "a kick before the HLT does not end it at all");

	start_and_kick(&source);
	copy_vm(&restored, &source);
	ends = halt_ends(&restored, "kicked, and restored in a new VM before the HLT");
	if (!ends) {
		CALL(restored.vcpu, KVM_NMI, 0);
		if (!halt_ends(&restored, "the same, and an NMI"))
			errx(BROKEN, "nothing ends the HLT in the restored VM");
	}
	if (!halt_ends(&source, "the old VM, after it was saved"))
		errx(BROKEN, "saving a VM takes its kick away");
	verdict(ends, "the kick is restored", "the kick is in nothing that KVM saves");
}
