/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An L1 that runs one L2 on VMX, for the reproducers that need one. L1 executes VMXON, VMPTRLD and
 * VMWRITEs from a table that user space fills in; then VMLAUNCH, and after each exit of L2 a write
 * to PORT_EXIT with the exit reason, more VMWRITEs from the table, and VMRESUME. L2 shares L1's
 * page tables and segments. Fields and controls: SDM volume 3, "VMCS layout" and appendices A and
 * B.
 */
#ifndef REPRO_VMX_H
#define REPRO_VMX_H

#include "repro.h"

enum {
	VMXON_REGION = SPARE,
	VMCS = SPARE + 0x1000,
	FIELDS = SPARE + 0x2000, /* pairs of a field and its value; NO_FIELD ends them */
	POINTERS = SPARE + 0x4000,
	L2_STACK = SPARE + 0x6000,
	L2_CODE = CODE + 0x100,
};

enum { PORT_EXIT = 0x20, PORT_FAILED = 0x21, EXIT_VMCALL = 18 };
#define NO_FIELD (~0ull)

/* L1's code. The reproducer adds L2's code, at CODE + 0x100. */
#define L1_CODE                                                                                    \
	"guest_code: vmxon 0x104000\n"                                                             \
	"	vmclear 0x104008\n"                                                                      \
	"	vmptrld 0x104008\n"                                                                      \
	"	call write_fields\n"                                                                     \
	"	vmlaunch\n"                                                                              \
	"failed: mov $0x4400, %eax\n" /* VM_INSTRUCTION_ERROR */                                   \
	"	vmread %rax, %rax\n"                                                                     \
	"	out %eax, $0x21\n"                                                                       \
	"exited: mov $0x4402, %eax\n" /* VM_EXIT_REASON */                                         \
	"	vmread %rax, %rax\n"                                                                     \
	"	out %eax, $0x20\n"                                                                       \
	"	call write_fields\n"                                                                     \
	"	vmresume\n"                                                                              \
	"	jmp failed\n"                                                                            \
	"write_fields: mov $0x102000, %esi\n"                                                      \
	"1:	mov (%rsi), %rax\n"                                                                    \
	"	cmp $-1, %rax\n"                                                                         \
	"	je 2f\n"                                                                                 \
	"	mov 8(%rsi), %rbx\n"                                                                     \
	"	vmwrite %rbx, %rax\n"                                                                    \
	"	add $16, %rsi\n"                                                                         \
	"	jmp 1b\n"                                                                                \
	"2:	ret\n"                                                                                 \
	"	.org guest_code + 0x100\n"

struct field {
	uint64_t encoding, value;
};

/* Sets the fields that L1 writes before its next entry. */
static inline void set_fields(struct vm *vm, const struct field *fields, size_t count)
{
	memcpy(vm->memory + FIELDS, fields, count * sizeof(*fields));
	write64(vm, FIELDS + count * sizeof(*fields), NO_FIELD);
}

#define SET_FIELDS(vm, ...)                                                                        \
	set_fields(vm, (const struct field[]){ __VA_ARGS__ },                                      \
		   sizeof((const struct field[]){ __VA_ARGS__ }) / sizeof(struct field))

/* The controls that the capability MSR requires, and those that are wanted. */
static inline uint64_t controls(struct vm *vm, uint32_t msr, uint32_t wanted)
{
	uint64_t allowed;

	if (!get_msr(vm, msr, &allowed))
		cannot_tell("this KVM has not all of VMX's capability MSRs");
	if (wanted & ~(allowed >> 32))
		cannot_tell("KVM offers L1 not all of the controls that are needed here");
	return (uint32_t)allowed | wanted;
}

enum { NMI_EXITING = 1 << 3, VIRTUAL_NMIS = 1 << 5 };

/*
 * Makes the VM, with L1 at its first instruction. Bits of cr0_mask belong to L1, and L2 reads them
 * from cr0_shadow; with 0 all bits are L2's.
 */
static inline void vmx_create(struct vm *vm, const uint8_t *code, size_t size,
			      uint32_t pin_controls, uint64_t cr0_mask, uint64_t cr0_shadow)
{
	enum { MSR_FEATURE_CONTROL = 0x3a, MSR_VMX_BASIC = 0x480, MSR_TRUE_PIN = 0x48d };
	enum { MSR_TRUE_PROC = 0x48e, MSR_TRUE_EXIT = 0x48f, MSR_TRUE_ENTRY = 0x490 };
	enum { CR4_VMXE = 0x2000, HOST_64BIT = 1 << 9, GUEST_64BIT = 1 << 9 };
	enum { CR0_VALUE = 0x80010031, CR4_VALUE = 0x2020, UNUSABLE = 0x10000 };
	enum { CODE_RIGHTS = 0xa09b, DATA_RIGHTS = 0xc093, TSS_RIGHTS = 0x8b };
	uint64_t basic, exited;

	vm_create(vm);
	if (!get_msr(vm, MSR_VMX_BASIC, &basic) || !set_msr(vm, MSR_FEATURE_CONTROL, 5))
		cannot_tell("no nested VMX here (kvm-intel with nested=1 has it)");
	start_in_long_mode(vm, code, size, CR4_VMXE, 0);
	memcpy(vm->memory + VMXON_REGION, &basic, 4);
	memcpy(vm->memory + VMCS, &basic, 4);
	write64(vm, POINTERS, VMXON_REGION);
	write64(vm, POINTERS + 8, VMCS);

	/* After each exit L1 continues at `exited`, right after the write to PORT_FAILED. */
	for (exited = 0; memcmp(code + exited, "\xe7\x21", 2); exited++)
		;
	exited += CODE + 2;

	SET_FIELDS(vm, { 0x4000, controls(vm, MSR_TRUE_PIN, pin_controls) },
		   { 0x4002, controls(vm, MSR_TRUE_PROC, 0) },
		   { 0x400c, controls(vm, MSR_TRUE_EXIT, HOST_64BIT) },
		   { 0x4012, controls(vm, MSR_TRUE_ENTRY, GUEST_64BIT) },
		   /* masks and shadows of CR0 and CR4 */
		   { 0x6000, cr0_mask }, { 0x6002, 0 }, { 0x6004, cr0_shadow }, { 0x6006, 0 },
		   /* L2 */
		   { 0x0800, DATA_SELECTOR }, { 0x0802, CODE_SELECTOR }, { 0x0804, DATA_SELECTOR },
		   { 0x0806, DATA_SELECTOR }, { 0x080e, TSS_SELECTOR }, { 0x2800, ~0ull },
		   { 0x4800, ~0u }, { 0x4802, ~0u }, { 0x4804, ~0u }, { 0x4806, ~0u },
		   { 0x480e, 0x67 }, { 0x4810, 0x27 }, { 0x4812, 0xfff }, { 0x4814, DATA_RIGHTS },
		   { 0x4816, CODE_RIGHTS }, { 0x4818, DATA_RIGHTS }, { 0x481a, DATA_RIGHTS },
		   { 0x481c, UNUSABLE }, { 0x481e, UNUSABLE }, { 0x4820, UNUSABLE },
		   { 0x4822, TSS_RIGHTS }, { 0x6800, CR0_VALUE }, { 0x6802, PML4 },
		   { 0x6804, CR4_VALUE }, { 0x6814, TSS }, { 0x6816, GDT }, { 0x6818, IDT },
		   { 0x681a, 0x400 }, { 0x681c, L2_STACK }, { 0x681e, L2_CODE }, { 0x6820, 2 },
		   /* L1 after an exit */
		   { 0x0c00, DATA_SELECTOR }, { 0x0c02, CODE_SELECTOR }, { 0x0c04, DATA_SELECTOR },
		   { 0x0c06, DATA_SELECTOR }, { 0x0c0c, TSS_SELECTOR }, { 0x6c00, CR0_VALUE },
		   { 0x6c02, PML4 }, { 0x6c04, CR4_VALUE }, { 0x6c0a, TSS }, { 0x6c0c, GDT },
		   { 0x6c0e, IDT }, { 0x6c14, STACK }, { 0x6c16, exited });
}

/* L2 has to end by VMCALL. */
static inline void expect_vmcall(struct vm *vm)
{
	uint32_t reason = expect_port(vm, PORT_EXIT);

	if (reason != EXIT_VMCALL)
		errx(BROKEN, "L2 ended with exit reason 0x%x", reason);
}

#endif
