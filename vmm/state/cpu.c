// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pieces of a vCPU that are more than a pair of ioctls. KVM API documentation: KVM_GET_CPUID2,
 * KVM_GET_XSAVE2, KVM_SET_VCPU_EVENTS, KVM_GET_REG_LIST.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "fields.h"
#include "message.h"
#include "pieces.h"

/* ---- CPUID ---- */

#define MOST_ENTRIES 256 /* of KVM: KVM_MAX_CPUID_ENTRIES */

SAVES(cpuid)
{
	union {
		struct kvm_cpuid2 cpuid;
		uint8_t room[sizeof(struct kvm_cpuid2) +
			     MOST_ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} got = { .cpuid.nent = MOST_ENTRIES };
	uint32_t size;

	KVM_DO(piece_fd(machine->vm, cpu), KVM_GET_CPUID2, &got);
	size = sizeof(got.cpuid) + got.cpuid.nent * sizeof(got.cpuid.entries[0]);
	memcpy(state_add(state, piece->name, cpu, size)->bytes, &got, size);
}

RESTORES(cpuid)
{
	if (kvm_try(piece_fd(machine->vm, cpu), KVM_SET_CPUID2, value->bytes) < 0)
		die(STATUS_KVM,
		    "vCPU %d: KVM refuses KVM_SET_CPUID2 with the state that it gave: %s", cpu,
		    strerror(errno));
}

COMPARES(cpuid)
{
	const struct kvm_cpuid2 *old = (const void *)comparison->old->bytes;
	const struct kvm_cpuid2 *new = (const void *)comparison->new->bytes;

	if (old->nent != new->nent) {
		differs(comparison, "entries", old->nent, new->nent);
		return;
	}
	for (unsigned i = 0; i < old->nent; i++) {
		const struct kvm_cpuid_entry2 *a = &old->entries[i], *b = &new->entries[i];
		const uint32_t was[] = { a->function, a->index, a->flags, a->eax,
					 a->ebx,      a->ecx,	a->edx };
		const uint32_t is[] = { b->function, b->index, b->flags, b->eax,
					b->ebx,	     b->ecx,   b->edx };
		static const char *const names[] = { "function", "index", "flags", "eax",
						     "ebx",	 "ecx",	  "edx" };

		for (unsigned j = 0; j < sizeof(was) / sizeof(was[0]); j++) {
			char field[64];

			if (was[j] == is[j])
				continue;
			snprintf(field, sizeof(field), "0x%x.0x%x.%s", a->function, a->index,
				 names[j]);
			differs(comparison, field, was[j], is[j]);
		}
	}
}

/* ---- the XSAVE area ---- */

static int xsave2_size(const struct vm *vm)
{
	static int size = -1;

	if (size < 0)
		size = kvm_has(vm->fd, KVM_CAP_XSAVE2);
	return size;
}

/* KVM_GET_XSAVE gives only 4 KiB, and AMX needs more. */
SAVES(xsave)
{
	int fd = piece_fd(machine->vm, cpu), size = xsave2_size(machine->vm);

	if (size > 0)
		KVM_DO(fd, KVM_GET_XSAVE2, state_add(state, piece->name, cpu, size)->bytes);
	else
		KVM_DO(fd, KVM_GET_XSAVE,
		       state_add(state, piece->name, cpu, sizeof(struct kvm_xsave))->bytes);
}

/* KVM_SET_XSAVE takes as many bytes as KVM_CAP_XSAVE2 says. */
RESTORES(xsave)
{
	int size = xsave2_size(machine->vm);

	if (value->size < (size > 0 ? (uint32_t)size : sizeof(struct kvm_xsave)))
		die(STATUS_SETUP, "the XSAVE area has %d bytes here, and %u in the saved state",
		    size, value->size);
	if (kvm_try(piece_fd(machine->vm, cpu), KVM_SET_XSAVE, value->bytes) < 0)
		die(STATUS_KVM,
		    "vCPU %d: KVM refuses KVM_SET_XSAVE with the state that it gave: %s", cpu,
		    strerror(errno));
}

/* ---- system-management mode ---- */

SAVES(smm)
{
	struct state_smm *smm = (void *)state_add(state, piece->name, cpu, sizeof(*smm))->bytes;
	const struct state_value *value = state_find(state, "events", cpu);
	const struct kvm_vcpu_events *events = (const void *)value->bytes;

	smm->smm = events->smi.smm;
	smm->pending = events->smi.pending;
	smm->inside_nmi = events->smi.smm_inside_nmi;
	smm->latched_init = events->smi.latched_init;
}

/* This clears all other events. "events" is restored later. */
RESTORES(smm)
{
	const struct state_smm *smm = (const void *)value->bytes;
	struct kvm_vcpu_events events = {
		.flags = KVM_VCPUEVENT_VALID_SMM,
		.smi = {
			.smm = smm->smm,
			.pending = smm->pending,
			.smm_inside_nmi = smm->inside_nmi,
			.latched_init = smm->latched_init,
		},
	};

	KVM_DO(piece_fd(machine->vm, cpu), KVM_SET_VCPU_EVENTS, &events);
}

/* ---- registers with ids, e.g. the shadow stack pointer (Linux 6.18) ---- */

#define MOST_REGISTERS 64
#define MOST_BYTES     256 /* of a register */

struct with_id {
	uint64_t id;
	uint8_t bytes[MOST_BYTES];
};

bool has_one_reg(const struct vm *vm)
{
	return kvm_has(vm->fd, KVM_CAP_ONE_REG);
}

SAVES(one_reg)
{
	struct {
		uint64_t count, ids[MOST_REGISTERS];
	} list = { .count = MOST_REGISTERS };
	int fd = piece_fd(machine->vm, cpu);
	struct with_id *registers;

	if (kvm_try(fd, KVM_GET_REG_LIST, &list) < 0)
		list.count = 0;
	registers =
		(void *)state_add(state, piece->name, cpu, list.count * sizeof(*registers))->bytes;
	for (uint64_t i = 0; i < list.count; i++) {
		struct kvm_one_reg request = {
			.id = list.ids[i],
			.addr = (uintptr_t)registers[i].bytes,
		};

		registers[i].id = list.ids[i];
		KVM_DO(fd, KVM_GET_ONE_REG, &request);
	}
}

RESTORES(one_reg)
{
	const struct with_id *registers = (const void *)value->bytes;

	for (uint32_t i = 0; i < value->size / sizeof(*registers); i++) {
		struct kvm_one_reg request = {
			.id = registers[i].id,
			.addr = (uintptr_t)registers[i].bytes,
		};

		if (kvm_try(piece_fd(machine->vm, cpu), KVM_SET_ONE_REG, &request) < 0)
			die(STATUS_KVM, "vCPU %d: KVM refuses KVM_SET_ONE_REG of 0x%llx: %s", cpu,
			    (unsigned long long)registers[i].id, strerror(errno));
	}
}
