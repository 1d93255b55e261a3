// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See cpuid.h. Leaves: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; KVM API
 * documentation 4.46 (KVM_GET_SUPPORTED_CPUID), which says what KVM leaves to us.
 */
#include <stdlib.h>
#include <string.h>

#include "cpuid.h"
#include "message.h"

#define LEAF_FEATURES	  0x1
#define ECX_X2APIC	  (1u << 21)
#define ECX_TSC_DEADLINE  (1u << 24)
#define ECX_HYPERVISOR	  (1u << 31)
#define EBX_APIC_ID_SHIFT 24
#define EBX_CPUS_SHIFT	  16
#define EBX_ONE_CPU	  0xff00ffffu
#define EDX_HTT		  (1u << 28)

#define LEAF_TOPOLOGY	 0xb
#define LEAF_TOPOLOGY_V2 0x1f
#define LEVEL_THREAD	 (1u << 8)
#define LEVEL_CORE	 (2u << 8)

#define LEAF_AMD_TOPOLOGY 0x8000001e

/* Bits that number vCPUs 0 to CPUS - 1. */
static unsigned id_bits(unsigned cpus)
{
	unsigned bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

static void set_features(const struct machine *machine, struct kvm_cpuid_entry2 *entry,
			 unsigned cpus, unsigned index)
{
	bool apic = machine->options->shape.irqchip != IRQCHIP_OFF;

	entry->ebx = (entry->ebx & EBX_ONE_CPU & 0x00ffffff) | index << EBX_APIC_ID_SHIFT |
		     cpus << EBX_CPUS_SHIFT;
	if (cpus > 1)
		entry->edx |= EDX_HTT;
	entry->ecx |= ECX_HYPERVISOR;
	if (apic && kvm_has(machine->kvm.fd, KVM_CAP_TSC_DEADLINE_TIMER))
		entry->ecx |= ECX_TSC_DEADLINE;
	if (apic)
		entry->ecx |= ECX_X2APIC;
	else
		entry->ecx &= ~(ECX_X2APIC | ECX_TSC_DEADLINE);
}

/* One thread a core, and all cores in one package. */
static void set_topology(struct kvm_cpuid_entry2 *entry, unsigned cpus, unsigned index)
{
	bool thread = entry->index == 0, core = entry->index == 1;

	entry->eax = core ? id_bits(cpus) : 0;
	entry->ebx = thread ? 1 : core ? cpus : 0;
	entry->ecx = entry->index | (thread ? LEVEL_THREAD : core ? LEVEL_CORE : 0);
	entry->edx = index;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *cpuid, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

/* KVM tells level 0 alone where its host has one CPU. */
static void add_core_level(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	if (!find(cpuid, leaf, 0) || find(cpuid, leaf, 1))
		return;
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};
}

static struct kvm_cpuid2 *copy_supported(const struct kvm *kvm)
{
	/* Two more entries, for the core level. */
	size_t size = sizeof(*kvm->cpuid) + (kvm->cpuid->nent + 2) * sizeof(kvm->cpuid->entries[0]);
	struct kvm_cpuid2 *cpuid = allocate(size);

	memcpy(cpuid, kvm->cpuid,
	       sizeof(*kvm->cpuid) + kvm->cpuid->nent * sizeof(kvm->cpuid->entries[0]));
	return cpuid;
}

void cpuid_set(const struct machine *machine, const struct vm *vm, unsigned index)
{
	struct kvm_cpuid2 *cpuid = copy_supported(&machine->kvm);
	unsigned cpus = vm->shape.cpus;

	add_core_level(cpuid, LEAF_TOPOLOGY);
	add_core_level(cpuid, LEAF_TOPOLOGY_V2);
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		switch (entry->function) {
		case LEAF_FEATURES:
			set_features(machine, entry, cpus, index);
			break;
		case LEAF_TOPOLOGY:
		case LEAF_TOPOLOGY_V2:
			set_topology(entry, cpus, index);
			break;
		case LEAF_AMD_TOPOLOGY:
			entry->eax = index;
			break;
		}
	}
	KVM_DO(vm->cpu[index].fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}
