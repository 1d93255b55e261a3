/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What KVM holds of a guest: a VM and its vCPUs. A restore makes a new one from nothing, and drops
 * the old one. What belongs to the guest and is not in KVM is in machine.h.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include "hyperv.h"
#include "kvm.h"
#include "memory.h"

/* Where a guest's interrupts are controlled: KVM API documentation 4.24 and 7.5. */
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
	hyperv_words hyperv;	   /* what each vCPU has of Hyper-V */
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
 * KVM's address spaces, each of which has the RAM in one slot. There is a second one for
 * system-management mode, and what is written there is told there.
 */
unsigned vm_address_spaces(const struct vm *vm);
unsigned vm_slot(unsigned address_space);
/* From now on, KVM tracks which pages of MEMORY, which is VM's, are written to. */
void vm_log_dirty(struct vm *vm, const struct memory *memory);
/*
 * Closes VM and frees it. Closing is mostly waiting for the kernel (RCU), so it is done by another
 * thread.
 */
void vm_close_aside(struct vm *vm);
/* Waits until all VMs that are being closed are closed. */
void vm_wait_for_closes(void);

#endif
