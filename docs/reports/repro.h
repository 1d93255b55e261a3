/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reproducers in this folder share this code: a VM with one vCPU and 2 MiB of memory, made with
 * KVM's ioctls alone (Documentation/virt/kvm/api.rst). Each reproducer is one C file, and needs
 * this header and libc:
 *
 *   gcc -O2 -static -o NAME NAME.c
 *
 * Exit status: 0 KVM does it right, 1 KVM has the bug, 4 this host cannot tell (it lacks nesting,
 * for example), 2 anything else.
 */
#ifndef REPRO_H
#define REPRO_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

enum status { RIGHT = 0, BUG = 1, BROKEN = 2, CANNOT_TELL = 4 };

/* The layout of the guest's memory. All of it is identity mapped. */
enum {
	MEMORY_SIZE = 0x200000,
	PML4 = 0x1000, /* and the next two pages: a PDPT, and a PD with one page of 2 MiB */
	GDT = 0x4000,
	IDT = 0x5000,
	TSS = 0x6000,
	CODE = 0x8000,
	STACK = 0x20000,
	SPARE = 0x100000, /* the memory from here on belongs to the reproducer */
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

struct cpuid {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entries[256];
};

static inline struct cpuid *get_supported_cpuid(struct vm *vm, unsigned long request)
{
	static struct cpuid cpuid;

	cpuid.head.nent = sizeof(cpuid.entries) / sizeof(*cpuid.entries);
	if (ioctl(vm->kvm, request, &cpuid) < 0)
		cannot_tell("KVM tells no CPUID here");
	return &cpuid;
}

/* The vCPU gets every CPUID bit that KVM supports. */
static inline void set_supported_cpuid(struct vm *vm, unsigned long request)
{
	CALL(vm->vcpu, KVM_SET_CPUID2, get_supported_cpuid(vm, request));
}

/* True if KVM offers its guests this feature of its own (KVM_FEATURE_*). */
static inline int has_kvm_feature(struct vm *vm, int feature)
{
	enum { KVM_FEATURES = 0x40000001 };
	const struct cpuid *cpuid = get_supported_cpuid(vm, KVM_GET_SUPPORTED_CPUID);

	for (uint32_t i = 0; i < cpuid->head.nent; i++)
		if (cpuid->entries[i].function == KVM_FEATURES)
			return cpuid->entries[i].eax >> feature & 1;
	return 0;
}

/* A VM without a vCPU. PINS is the number of pins of an IOAPIC in user space, or 0 for one in KVM.
 */
static inline void vm_create_empty(struct vm *vm, unsigned int pins, unsigned int memory_flags)
{
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { pins } };
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY_SIZE,
						      .flags = memory_flags };

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
}

static inline void vm_add_vcpu(struct vm *vm)
{
	int run_size = CALL(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vm->vcpu = CALL(vm->fd, KVM_CREATE_VCPU, 0);
	vm->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		err(BROKEN, "mmap of the vCPU");
	set_supported_cpuid(vm, KVM_GET_SUPPORTED_CPUID);
}

static inline void vm_create_with_pins(struct vm *vm, unsigned int pins)
{
	vm_create_empty(vm, pins, 0);
	vm_add_vcpu(vm);
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

/* The vCPU starts with 64-bit code at CODE, with interrupts off and an empty IDT. */
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

/* Installs a 64-bit handler for interrupts, exceptions or NMIs of this vector. */
static inline void set_interrupt_gate(struct vm *vm, int vector, uint64_t handler)
{
	write64(vm, IDT + vector * 16, 0x8e0000000000 | CODE_SELECTOR << 16 | handler);
}

/* Enables the local APIC, in x2APIC mode since its page is not mapped. */
static inline void enable_x2apic(struct vm *vm)
{
	enum { X2APIC = 1 << 10, SPURIOUS = 0xf0, APIC_ON = 0x1ff };
	const uint32_t on = APIC_ON;
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;

	CALL(vm->vcpu, KVM_GET_SREGS, &sregs);
	sregs.apic_base |= X2APIC;
	CALL(vm->vcpu, KVM_SET_SREGS, &sregs);
	CALL(vm->vcpu, KVM_GET_LAPIC, &lapic);
	memcpy(lapic.regs + SPURIOUS, &on, sizeof(on));
	CALL(vm->vcpu, KVM_SET_LAPIC, &lapic);
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

/*
 * KVM completes the instruction that it has begun, such as the last OUT, and runs nothing more. No
 * ioctl saves that an instruction is incomplete, so this comes before a save.
 */
static inline void complete(struct vm *vm)
{
	vm->run->immediate_exit = 1;
	if (ioctl(vm->vcpu, KVM_RUN, 0) == 0 || errno != EINTR)
		errx(BROKEN, "KVM_RUN with immediate_exit did not end with EINTR");
	vm->run->immediate_exit = 0;
}

static inline void do_nothing(int signal)
{
	(void)signal;
}

/* Runs for this time at most. True if the guest has written to the port, false if it has not. */
static inline int comes_to_port(struct vm *vm, int port, unsigned int ms)
{
	/* The timer repeats each second, since the first signal may come before KVM_RUN. */
	struct itimerval timer = { .it_value = { ms / 1000, ms % 1000 * 1000 },
				   .it_interval = { 1, 0 } };
	const struct itimerval off = { 0 };
	struct sigaction action = { .sa_handler = do_nothing };
	int result;

	if (sigaction(SIGALRM, &action, NULL) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
		err(BROKEN, "a timer");
	result = ioctl(vm->vcpu, KVM_RUN, 0);
	if (result < 0 && errno != EINTR)
		err(BROKEN, "KVM_RUN");
	setitimer(ITIMER_REAL, &off, NULL);
	if (result < 0)
		return 0;
	if (vm->run->exit_reason != KVM_EXIT_IO || vm->run->io.port != port)
		errx(BROKEN, "the guest stopped with exit reason %u", vm->run->exit_reason);
	return 1;
}

static inline int is_halted(struct vm *vm)
{
	struct kvm_mp_state state;

	CALL(vm->vcpu, KVM_GET_MP_STATE, &state);
	return state.mp_state == KVM_MP_STATE_HALTED;
}

/*
 * Copies all that KVM reports of one vCPU into another one. KVM refuses some MSRs of its own list,
 * such as those that this CPU lacks; no guest here uses them.
 */
static inline void copy_vcpu(struct vm *to, struct vm *from)
{
	static const struct {
		unsigned long get, set;
		const char *name;
	} parts[] = {
		{ KVM_GET_SREGS, KVM_SET_SREGS, "sregs" },
		{ KVM_GET_REGS, KVM_SET_REGS, "regs" },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE, "xsave" },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC, "lapic" },
		{ KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, "debugregs" },
		{ KVM_GET_MP_STATE, KVM_SET_MP_STATE, "mp_state" },
		{ KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, "vcpu_events" },
	};
	enum { PARTS = sizeof(parts) / sizeof(*parts), MAX_SIZE = 4096, MAX_MSRS = 1024 };
	static uint8_t state[PARTS][MAX_SIZE];
	static struct {
		struct kvm_msr_list head;
		uint32_t indices[MAX_MSRS];
	} msrs;

	for (int i = 0; i < PARTS; i++)
		call(from->vcpu, parts[i].get, parts[i].name, state[i]);
	for (int i = 0; i < PARTS; i++)
		call(to->vcpu, parts[i].set, parts[i].name, state[i]);
	msrs.head.nmsrs = MAX_MSRS;
	CALL(from->kvm, KVM_GET_MSR_INDEX_LIST, &msrs);
	for (uint32_t i = 0; i < msrs.head.nmsrs; i++) {
		uint64_t value;

		if (get_msr(from, msrs.indices[i], &value))
			set_msr(to, msrs.indices[i], value);
	}
}

/* Copies the vCPU and the memory of a VM into a new one. */
static inline void copy_vm(struct vm *to, struct vm *from)
{
	vm_create(to);
	memcpy(to->memory, from->memory, MEMORY_SIZE);
	copy_vcpu(to, from);
}

/* Prints the result, and ends the program. */
static inline void verdict(int is_right, const char *right, const char *bug)
{
	printf("%s: %s\n", is_right ? "PASS" : "BUG", is_right ? right : bug);
	exit(is_right ? RIGHT : BUG);
}

#endif
