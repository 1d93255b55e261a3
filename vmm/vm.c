// SPDX-License-Identifier: GPL-2.0-or-later
/* See vm.h. KVM API documentation 4.2, 4.7, 4.24, 4.35, 4.71 and 7.5. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.h"
#include "message.h"
#include "vm.h"

/* How many VMs may be closing at a time. Each holds the guest's page tables until it is closed. */
#define MOST_CLOSES 8

#define MCG_CAP_BANKS 0xffull
#define BANKS	      10

static void create_irqchip(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_enable_cap split = {
		.cap = KVM_CAP_SPLIT_IRQCHIP,
		.args = { IOAPIC_PINS },
	};

	if (vm->shape.irqchip == IRQCHIP_KERNEL) {
		KVM_DO(vm->fd, KVM_CREATE_IRQCHIP, 0);
		KVM_DO(vm->fd, KVM_CREATE_PIT2, &pit);
	} else if (vm->shape.irqchip == IRQCHIP_SPLIT) {
		if (kvm_try(vm->fd, KVM_ENABLE_CAP, &split) < 0)
			die(STATUS_SETUP,
			    "this KVM has no split irqchip (KVM_CAP_SPLIT_IRQCHIP): %s",
			    strerror(errno));
	}
}

unsigned vm_address_spaces(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_MULTI_ADDRESS_SPACE) < 2 ? 1 : 2;
}

/* KVM API documentation 4.35: the address space is in bits 16 to 31. */
unsigned vm_slot(unsigned address_space)
{
	return address_space << 16;
}

/* With a SIZE of 0, removes it. */
static void set_memory(struct vm *vm, const struct memory *memory, uint64_t size)
{
	for (unsigned space = 0; space < vm_address_spaces(vm); space++) {
		struct kvm_userspace_memory_region region = {
			.slot = vm_slot(space),
			.flags = vm->shape.slot_flags,
			.memory_size = size,
			.userspace_addr = (uintptr_t)memory->bytes,
		};

		KVM_DO(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	}
}

static void add_memory(struct vm *vm, const struct memory *memory)
{
	set_memory(vm, memory, memory->size);
}

void vm_remake_memory(struct vm *vm, const struct memory *memory)
{
	set_memory(vm, memory, 0);
	add_memory(vm, memory);
}

void vm_log_dirty(struct vm *vm, const struct memory *memory)
{
	vm->shape.slot_flags = KVM_MEM_LOG_DIRTY_PAGES;
	add_memory(vm, memory);
}

/*
 * Without these, KVM does not distinguish a pending exception from an injected one, and does not
 * report that a triple fault is pending.
 */
static void enable_exact_events(struct vm *vm)
{
	static const unsigned capabilities[] = { KVM_CAP_EXCEPTION_PAYLOAD,
						 KVM_CAP_X86_TRIPLE_FAULT_EVENT };

	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		struct kvm_enable_cap enable = { .cap = capabilities[i], .args = { 1 } };

		if (kvm_has(vm->fd, capabilities[i]))
			KVM_DO(vm->fd, KVM_ENABLE_CAP, &enable);
	}
}

/* Must be enabled before any vCPU is created: KVM API documentation 8.29. */
static void enable_dirty_rings(struct vm *vm)
{
	struct kvm_enable_cap rings = {
		.cap = KVM_CAP_DIRTY_LOG_RING,
		.args = { vm->shape.dirty_ring_bytes },
	};

	if (!vm->shape.dirty_ring_bytes)
		return;
	if (!kvm_has(vm->fd, KVM_CAP_DIRTY_LOG_RING))
		die(STATUS_UNABLE,
		    "this KVM has no dirty rings, which Linux has since 5.11 (KVM_CAP_DIRTY_LOG_RING)");
	if (kvm_try(vm->fd, KVM_ENABLE_CAP, &rings) < 0)
		die(STATUS_UNABLE, "this KVM refuses dirty rings of %u bytes: %s",
		    vm->shape.dirty_ring_bytes, strerror(errno));
}

/*
 * Sets the number of machine-check banks, which no MSR can set (KVM API documentation 4.107), and
 * enables all of them. As on QEMU there are ten, with all features that KVM has.
 */
static void set_up_machine_check(const struct kvm *kvm, int cpu_fd)
{
	uint64_t capability;

	if (!kvm_has(kvm->fd, KVM_CAP_MCE))
		return;
	KVM_DO(kvm->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &capability);
	capability = (capability & ~MCG_CAP_BANKS) | BANKS;
	KVM_DO(cpu_fd, KVM_X86_SETUP_MCE, &capability);
}

static void create_cpu(struct vm *vm, unsigned index)
{
	struct vm_cpu *cpu = &vm->cpu[index];

	cpu->fd = kvm_try(vm->fd, KVM_CREATE_VCPU, (void *)(uintptr_t)index);
	if (cpu->fd < 0)
		die(STATUS_SETUP, "KVM does not create vCPU %u: %s", index, strerror(errno));
	cpu->run = mmap(NULL, vm->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (cpu->run == MAP_FAILED)
		die(STATUS_KVM, "cannot map vCPU %u: %s", index, strerror(errno));
	hyperv_enable(vm->kvm, vm->shape.hyperv, cpu->fd);
	set_up_machine_check(vm->kvm, cpu->fd);
	if (vm->shape.tsc_khz &&
	    kvm_try(cpu->fd, KVM_SET_TSC_KHZ, (void *)(uintptr_t)vm->shape.tsc_khz) < 0)
		die(STATUS_UNABLE, "this host cannot give a guest a TSC of %u kHz: %s",
		    vm->shape.tsc_khz, strerror(errno));
}

struct vm *vm_create(const struct kvm *kvm, const struct vm_shape *shape,
		     const struct memory *memory)
{
	struct vm *vm = allocate(sizeof(*vm) + shape->cpus * sizeof(vm->cpu[0]));
	uint64_t identity_map = IDENTITY_MAP_ADDRESS;

	vm->kvm = kvm;
	vm->shape = *shape;
	vm->fd = KVM_DO(kvm->fd, KVM_CREATE_VM, 0);
	/* KVM for AMD has neither. */
	if (kvm_has(kvm->fd, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		KVM_DO(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (kvm_has(kvm->fd, KVM_CAP_SET_TSS_ADDR))
		KVM_DO(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS);
	create_irqchip(vm);
	enable_exact_events(vm);
	enable_dirty_rings(vm);
	add_memory(vm, memory);
	for (unsigned i = 0; i < shape->cpus; i++)
		create_cpu(vm, i);
	return vm;
}

/* ---- the end ---- */

static sem_t closes_left;
static pthread_once_t closes_once = PTHREAD_ONCE_INIT;

static void closes_init(void)
{
	sem_init(&closes_left, 0, MOST_CLOSES);
}

static void close_now(struct vm *vm)
{
	for (unsigned i = 0; i < vm->shape.cpus; i++) {
		munmap(vm->cpu[i].run, vm->kvm->run_size);
		close(vm->cpu[i].fd);
	}
	close(vm->fd);
	free(vm);
}

static void *close_and_post(void *vm)
{
	close_now(vm);
	sem_post(&closes_left);
	return NULL;
}

void vm_close_aside(struct vm *vm)
{
	pthread_attr_t detached;
	pthread_t thread;
	int error;

	pthread_once(&closes_once, closes_init);
	while (sem_wait(&closes_left) < 0)
		;
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &detached, close_and_post, vm);
	pthread_attr_destroy(&detached);
	if (error)
		close_and_post(vm);
}
