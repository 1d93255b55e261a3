// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * KVM_GET_DEBUGREGS does not have the DR7 that VMRUN has loaded for L2. See
 * kvm-svm-dr7-of-l2-not-saved.md. L1 runs L2 with DR7 0x455 in its VMCB. L2 is saved and restored
 * at its first instruction, and then reads DR7.
 */
#include "repro.h"

enum { VMCB = SPARE, HOST_SAVE = SPARE + 0x1000, L2_STACK = SPARE + 0x4000 };
enum { MSR_VM_HSAVE_PA = 0xc0010117, EFER_SVME = 0x1000 };
enum { L2_DR7 = 0x455, L2_CODE = CODE + 0x100 };
enum { PORT_IN_L2 = 0x10, PORT_DR7 = 0x11, PORT_EXIT = 0x12 };

/* L1 at CODE, L2 at CODE + 0x100. */
asm(".pushsection .rodata\n"
    "guest_code: mov $0x100000, %eax\n"
    "	vmrun %rax\n"
    "	mov 0x100070, %eax\n" /* EXITCODE */
    "	out %eax, $0x12\n"
    "	jmp guest_code\n"
    "	.org guest_code + 0x100\n"
    "	out %eax, $0x10\n"
    "	mov %dr7, %rax\n"
    "	out %eax, $0x11\n"
    "	vmmcall\n"
    "guest_end: .popsection\n");
extern const uint8_t guest_code[], guest_end[];

static void write32(struct vm *vm, uint64_t address, uint32_t value)
{
	memcpy(vm->memory + address, &value, sizeof(value));
}

/* A segment of the VMCB's save area: selector, attributes, limit, base. */
static void write_segment(struct vm *vm, int offset, uint16_t selector, uint16_t attributes)
{
	write32(vm, VMCB + offset, selector | (uint32_t)attributes << 16);
	write32(vm, VMCB + offset + 4, 0xffffffff);
}

/* APM volume 2, appendix B. L2 has L1's page tables, and only the intercepts that it needs. */
static void fill_vmcb(struct vm *vm)
{
	enum { INTERCEPT_VMRUN_VMMCALL = 0x010, ASID = 0x058 };
	enum { ES = 0x400, CS = 0x410, SS = 0x420, DS = 0x430, GDTR = 0x460, IDTR = 0x480 };
	enum { SAVE_EFER = 0x4d0, CR4 = 0x548, CR3 = 0x550, CR0 = 0x558, DR7 = 0x560, DR6 = 0x568 };
	enum { RFLAGS = 0x570, RIP = 0x578, RSP = 0x5d8 };

	write32(vm, VMCB + INTERCEPT_VMRUN_VMMCALL, 3);
	write32(vm, VMCB + ASID, 1);
	write_segment(vm, CS, CODE_SELECTOR, 0xa9b);
	write_segment(vm, SS, DATA_SELECTOR, 0xc93);
	write_segment(vm, DS, DATA_SELECTOR, 0xc93);
	write_segment(vm, ES, DATA_SELECTOR, 0xc93);
	write_segment(vm, GDTR, 0, 0);
	write64(vm, VMCB + GDTR + 8, GDT);
	write_segment(vm, IDTR, 0, 0);
	write64(vm, VMCB + IDTR + 8, IDT);
	write64(vm, VMCB + SAVE_EFER, 0x500 | EFER_SVME);
	write64(vm, VMCB + CR4, 0x20);
	write64(vm, VMCB + CR3, PML4);
	write64(vm, VMCB + CR0, 0x80010031);
	write64(vm, VMCB + DR7, L2_DR7);
	write64(vm, VMCB + DR6, 0xffff0ff0);
	write64(vm, VMCB + RFLAGS, 2);
	write64(vm, VMCB + RIP, L2_CODE);
	write64(vm, VMCB + RSP, L2_STACK);
}

/* L2 is saved at its first instruction, is restored if `restore` is set, and reads its DR7. */
static uint32_t dr7_in_l2(struct vm *vm, int restore)
{
	enum { VMEXIT_VMMCALL = 0x81 };
	struct kvm_debugregs saved;
	uint32_t dr7, exit_code;

	fill_vmcb(vm);
	expect_port(vm, PORT_IN_L2);
	CALL(vm->vcpu, KVM_GET_DEBUGREGS, &saved);
	printf("L2 has DR7 0x%x, KVM_GET_DEBUGREGS says 0x%llx\n", L2_DR7, saved.dr7);
	if (restore)
		CALL(vm->vcpu, KVM_SET_DEBUGREGS, &saved);
	dr7 = expect_port(vm, PORT_DR7);
	printf("L2 reads DR7 0x%x%s\n", dr7, restore ? " after the restore" : "");
	exit_code = expect_port(vm, PORT_EXIT);
	if (exit_code != VMEXIT_VMMCALL)
		errx(BROKEN, "L2 ended with exit code 0x%x", exit_code);
	return dr7;
}

int main(void)
{
	struct vm vm;

	vm_create(&vm);
	if (!set_msr(&vm, MSR_VM_HSAVE_PA, HOST_SAVE))
		cannot_tell("no nested SVM here (kvm-amd with nested=1 has it)");
	start_in_long_mode(&vm, guest_code, guest_end - guest_code, 0, EFER_SVME);
	if (dr7_in_l2(&vm, 0) != L2_DR7)
		errx(BROKEN, "L2 has another DR7 than its VMCB without any restore");
	verdict(dr7_in_l2(&vm, 1) == L2_DR7, "L2 keeps its DR7", "L2 has lost its breakpoints");
}
