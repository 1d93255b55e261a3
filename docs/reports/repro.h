/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the reproducers in this folder share: a VM with one vCPU and 2 MiB of memory, by KVM's
 * ioctls alone (Documentation/virt/kvm/api.rst). Each reproducer is one C file, and needs this
 * header and libc:
 *
 *   gcc -O2 -static -o NAME NAME.c
 *
 * Their exit status: 0 KVM does it right, 1 the bug is there, 4 this host cannot tell (it lacks
 * nesting, say), 2 anything else.
 */
#ifndef REPRO_H
#define REPRO_H

#include <err.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum status { RIGHT = 0, BUG = 1, BROKEN = 2, CANNOT_TELL = 4 };

/* Where things lie in the guest's memory. All of it is mapped one to one. */
enum {
	MEMORY_SIZE = 0x200000,
	PML4 = 0x1000, /* and the next two pages: a PDPT, and a PD with one page of 2 MiB */
	GDT = 0x4000,
	IDT = 0x5000,
	TSS = 0x6000,
	CODE = 0x8000,
	STACK = 0x20000,
	SPARE = 0x100000, /* what lies from here on belongs to the reproducer */
};

enum { CODE_SELECTOR = 0x08, DATA_SELECTOR = 0x10, TSS_SELECTOR = 0x18 };

struct vm {
	int kvm, fd, vcpu;
	struct kvm_run *run;
	uint8_t *memory;
};

static inline void cannot_tell(const char *why)
{
	printf("SKIP: %s\n", why);
	exit(CANNOT_TELL);
}

static inline int call(int fd, unsigned long request, const char *name, void *argument)
{
	int result = ioctl(fd, request, argument);

	if (result < 0)
		err(BROKEN, "%s", name);
	return result;
}

/* The name of the ioctl is in the message if it fails. */
#define CALL(fd, request, argument) call(fd, request, #request, (void *)(argument))

static inline void write64(struct vm *vm, uint64_t address, uint64_t value)
{
	memcpy(vm->memory + address, &value, sizeof(value));
}

/* The vCPU gets every CPUID bit that KVM supports. */
static inline void set_supported_cpuid(struct vm *vm, unsigned long request)
{
	enum { MAX_ENTRIES = 256 };
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[MAX_ENTRIES];
	} cpuid;

	cpuid.head.nent = MAX_ENTRIES;
	if (ioctl(vm->kvm, request, &cpuid) < 0)
		cannot_tell("KVM tells no CPUID here");
	CALL(vm->vcpu, KVM_SET_CPUID2, &cpuid);
}

/* With as many pins as an IOAPIC in user space has; 0 is for an IOAPIC within KVM. */
static inline void vm_create_with_pins(struct vm *vm, unsigned int pins)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_SIZE };
	int run_size;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		err(CANNOT_TELL, "/dev/kvm");
	vm->fd = CALL(vm->kvm, KVM_CREATE_VM, 0);
	if (pins == 0)
		CALL(vm->fd, KVM_CREATE_IRQCHIP, 0);
	else if (ioctl(vm->fd, KVM_ENABLE_CAP, &split) < 0)
		cannot_tell("this KVM has no split irqchip");
	vm->memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (vm->memory == MAP_FAILED)
		err(BROKEN, "mmap");
	region.userspace_addr = (uintptr_t)vm->memory;
	CALL(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	vm->vcpu = CALL(vm->fd, KVM_CREATE_VCPU, 0);
	run_size = CALL(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		err(BROKEN, "mmap of the vCPU");
	set_supported_cpuid(vm, KVM_GET_SUPPORTED_CPUID);
}

static inline void vm_create(struct vm *vm)
{
	vm_create_with_pins(vm, 0);
}

/* False if KVM does not know the MSR. */
static inline int set_msr(struct vm *vm, uint32_t index, uint64_t value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return ioctl(vm->vcpu, KVM_SET_MSRS, &msrs) == 1;
}

static inline int get_msr(struct vm *vm, uint32_t index, uint64_t *value)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vm->vcpu, KVM_GET_MSRS, &msrs) != 1)
		return 0;
	*value = msrs.entry.data;
	return 1;
}

/* A present segment at privilege level 0 that spans 4 GiB. */
static inline struct kvm_segment segment(uint16_t selector, uint8_t type, uint8_t is_code)
{
	return (struct kvm_segment){ .selector = selector,
				     .limit = 0xffffffff,
				     .type = type,
				     .present = 1,
				     .s = 1,
				     .l = is_code,
				     .db = !is_code,
				     .g = 1 };
}

/* The vCPU begins with 64-bit code at CODE, with interrupts off, and with nothing in its IDT. */
static inline void start_in_long_mode(struct vm *vm, const void *code, size_t size,
				      uint64_t extra_cr4, uint64_t extra_efer)
{
	enum { CODE_TYPE = 11, DATA_TYPE = 3, BUSY_TSS = 11 };
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK, .rflags = 2 };
	struct kvm_sregs sregs;

	write64(vm, PML4, (PML4 + 0x1000) | 3);
	write64(vm, PML4 + 0x1000, (PML4 + 0x2000) | 3);
	write64(vm, PML4 + 0x2000, 0x83);
	write64(vm, GDT + CODE_SELECTOR, 0x00af9b000000ffffull);
	write64(vm, GDT + DATA_SELECTOR, 0x00cf93000000ffffull);
	write64(vm, GDT + TSS_SELECTOR, 0x00008b0000000067ull | (uint64_t)TSS << 16);
	memcpy(vm->memory + CODE, code, size);

	CALL(vm->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs = segment(CODE_SELECTOR, CODE_TYPE, 1);
	sregs.ss = sregs.ds = sregs.es = segment(DATA_SELECTOR, DATA_TYPE, 0);
	sregs.tr = (struct kvm_segment){
		.selector = TSS_SELECTOR, .base = TSS, .limit = 0x67, .type = BUSY_TSS, .present = 1
	};
	sregs.gdt = (struct kvm_dtable){ .base = GDT, .limit = 0x27 };
	sregs.idt = (struct kvm_dtable){ .base = IDT, .limit = 0xfff };
	sregs.cr0 = 0x80010031; /* PG, WP, NE, ET, PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x20 | extra_cr4;	 /* PAE */
	sregs.efer = 0x500 | extra_efer; /* LMA, LME */
	CALL(vm->vcpu, KVM_SET_SREGS, &sregs);
	CALL(vm->vcpu, KVM_SET_REGS, &regs);
}

/* Runs until the guest writes to a port. Returns the port, and puts the value into *value. */
static inline int run_to_port(struct vm *vm, uint32_t *value)
{
	CALL(vm->vcpu, KVM_RUN, 0);
	if (vm->run->exit_reason != KVM_EXIT_IO || vm->run->io.direction != KVM_EXIT_IO_OUT) {
		struct kvm_regs regs;

		CALL(vm->vcpu, KVM_GET_REGS, &regs);
		errx(BROKEN, "the guest stopped with exit reason %u at 0x%llx",
		     vm->run->exit_reason, regs.rip);
	}
	*value = 0;
	memcpy(value, (uint8_t *)vm->run + vm->run->io.data_offset, vm->run->io.size);
	return vm->run->io.port;
}

/* The guest has to come to this port next. */
static inline uint32_t expect_port(struct vm *vm, int port)
{
	uint32_t value;
	int came = run_to_port(vm, &value);

	if (came != port)
		errx(BROKEN, "the guest wrote 0x%x to port 0x%x, expected port 0x%x", value, came,
		     port);
	return value;
}

/* Says what was seen, and ends the program. */
static inline void verdict(int is_right, const char *right, const char *bug)
{
	printf("%s: %s\n", is_right ? "PASS" : "BUG", is_right ? right : bug);
	exit(is_right ? RIGHT : BUG);
}

#endif
