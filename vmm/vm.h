/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KVM's part of a guest: a VM and its vCPUs. A restore makes a new one from nothing, and drops the
 * old one. The rest of the guest is in machine.h.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "hyperv.h"
#include "kvm.h"
#include "memory.h"

/* Where the guest's interrupt controllers are: KVM API documentation 4.24 and 7.5. */
enum irqchip {
	IRQCHIP_KERNEL, /* LAPICs, IOAPIC, PICs and PIT in KVM */
	IRQCHIP_SPLIT,	/* LAPICs in KVM; there is nothing else */
	IRQCHIP_OFF,	/* no interrupt controller at all, and one vCPU */
};

struct vm_shape {
	unsigned cpus;
	enum irqchip irqchip;
	uint32_t slot_flags;	   /* KVM_MEM_LOG_DIRTY_PAGES or 0 */
	unsigned dirty_ring_bytes; /* of each vCPU's ring; 0: there are no rings */
	unsigned tsc_khz;	   /* 0: the host's */
	hyperv_words hyperv;	   /* each vCPU's Hyper-V features */
};

struct vm_cpu {
	int fd;
	struct kvm_run *run;
};

struct vm {
	const struct kvm *kvm;
	struct vm_shape shape;
	int fd;
	struct vm_cpu cpu[]; /* shape.cpus of them */
};

/* A new VM whose RAM is MEMORY. Its vCPUs have no CPUID yet, and KVM's state after power-on. */
struct vm *vm_create(const struct kvm *kvm, const struct vm_shape *shape,
		     const struct memory *memory);
/*
 * How many address spaces KVM has, and the slot of each, which holds all RAM. The second address
 * space is for system-management mode. KVM logs what is written in that mode in its slot.
 */
unsigned vm_address_spaces(const struct vm *vm);
unsigned vm_slot(unsigned address_space);
/* From now on KVM logs which pages of MEMORY, the VM's RAM, are written to. */
void vm_log_dirty(struct vm *vm, const struct memory *memory);
/* Makes the memory slots of MEMORY, the VM's RAM, anew. KVM forgets all that it knows of the pages.
 */
void vm_remake_memory(struct vm *vm, const struct memory *memory);
/*
 * Closes VM and frees it. Another thread does it, since closing is mostly waiting for the kernel
 * (RCU).
 */
void vm_close_aside(struct vm *vm);

#endif
