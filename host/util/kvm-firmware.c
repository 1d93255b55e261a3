// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a few instructions in a vCPU in protected mode without paging, where OVMF begins: its
 * InitializeFloatingPointUnits() executes FINIT and FLDCW. A KVM whose hardware cannot run such
 * code emulates it (Linux' arch/x86/kvm/emulate.c), and may not know these instructions. Then
 * firmware never comes to its first line. KVM API documentation 4.10 (KVM_RUN), 4.35
 * (KVM_SET_USER_MEMORY_REGION) and 5 (struct kvm_run).
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/kvm-firmware.h"
#include "util/kvm.h"

#define CODE_ADDRESS 0x1000
#define PAGE	     4096

#define CR0_PE		1u
#define CODE_SEGMENT	0xb /* executed, readable, accessed: Intel SDM volume 3, 3.4.5.1 */
#define DATA_SEGMENT	0x3
#define RFLAGS_FIXED	2
#define EVERY_PRIVILEGE 0

/* finit; fldcw 0x1010; out %al, $0xf4 */
static const unsigned char code[] = { 0x9b, 0xdb, 0xe3, 0xd9, 0x2d, 0x10,
				      0x10, 0x00, 0x00, 0xe6, 0xf4 };

static struct kvm_segment flat(unsigned type, unsigned selector)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
		.dpl = EVERY_PRIVILEGE,
	};
}

static gboolean enter_protected_mode(int vcpu)
{
	struct kvm_regs registers = { .rip = CODE_ADDRESS, .rflags = RFLAGS_FIXED };
	struct kvm_sregs special;

	if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0)
		return FALSE;
	special.cs = flat(CODE_SEGMENT, 8);
	special.ds = special.es = special.ss = special.fs = special.gs = flat(DATA_SEGMENT, 16);
	special.cr0 |= CR0_PE;
	return ioctl(vcpu, KVM_SET_SREGS, &special) == 0 &&
	       ioctl(vcpu, KVM_SET_REGS, &registers) == 0;
}

/* Returns how KVM_RUN ended, or KVM_EXIT_UNKNOWN if it could not be called. */
static unsigned run(int vcpu, size_t size)
{
	struct kvm_run *state = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	unsigned reason = KVM_EXIT_UNKNOWN;

	if (state == MAP_FAILED)
		return reason;
	if (enter_protected_mode(vcpu) && ioctl(vcpu, KVM_RUN, 0) == 0)
		reason = state->exit_reason;
	munmap(state, size);
	return reason;
}

static unsigned run_in_vm(int fd, int vm, void *memory)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE_ADDRESS,
		.memory_size = PAGE,
		.userspace_addr = (unsigned long)memory,
	};
	int size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	unsigned reason = KVM_EXIT_UNKNOWN;
	int vcpu;

	if (size <= 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return reason;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu >= 0) {
		reason = run(vcpu, size);
		close(vcpu);
	}
	return reason;
}

static unsigned run_code(void)
{
	unsigned reason = KVM_EXIT_UNKNOWN;
	int fd = open(kvm_device(), O_RDWR | O_CLOEXEC);
	int vm = fd < 0 ? -1 : ioctl(fd, KVM_CREATE_VM, 0);
	void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory != MAP_FAILED) {
		memcpy(memory, code, sizeof(code));
		if (vm >= 0)
			reason = run_in_vm(fd, vm, memory);
	}
	if (vm >= 0)
		close(vm);
	if (fd >= 0)
		close(fd);
	if (memory != MAP_FAILED)
		munmap(memory, PAGE);
	return reason;
}

const char *kvm_firmware_problem(void)
{
	static gboolean was_asked;
	static const char *problem;

	if (!was_asked && run_code() == KVM_EXIT_INTERNAL_ERROR)
		problem =
			"the local KVM cannot run UEFI firmware: it emulates code without paging, and does not know FINIT and FLDCW";
	was_asked = TRUE;
	return problem;
}
