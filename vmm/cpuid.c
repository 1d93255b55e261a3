// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See cpuid.h. Leaves: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E; KVM API
 * documentation 4.46 (KVM_GET_SUPPORTED_CPUID), which says what KVM leaves to user space.
 */
#include <stdlib.h>
#include <string.h>

#include "cpuid.h"
#include "cpu-features.h"
#include "hyperv.h"
#include "message.h"

#define LEAF_FEATURES	  0x1
#define ECX_X2APIC	  (1u << 21)
#define ECX_TSC_DEADLINE  (1u << 24)
#define ECX_HYPERVISOR	  (1u << 31)
#define EBX_APIC_ID_SHIFT 24
#define EBX_CPUS_SHIFT	  16
#define EBX_CPUS_AND_ID	  0xffff0000u
#define EDX_HTT		  (1u << 28)

#define LEAF_TOPOLOGY	 0xb
#define LEAF_TOPOLOGY_V2 0x1f
#define LEVEL_THREAD	 (1u << 8)
#define LEVEL_CORE	 (2u << 8)

#define LEAF_BRAND 0x80000002
#define LAST_BRAND 0x80000004

#define LEAF_AMD_SIZES	  0x80000008 /* ECX: cores - 1, and how many bits of the id number them */
#define ECX_ID_BITS_SHIFT 12
#define LEAF_AMD_TOPOLOGY 0x8000001e

/* How many bits number vCPUs 0 to CPUS - 1. */
static unsigned id_bits(unsigned cpus)
{
	unsigned bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

/* ---- what all vCPUs have in common ---- */

static void set_features(const struct machine *machine, struct kvm_cpuid_entry2 *entry)
{
	bool apic = machine->options->shape.irqchip != IRQCHIP_OFF;

	if (machine->options->shape.cpus > 1)
		entry->edx |= EDX_HTT;
	entry->ecx |= ECX_HYPERVISOR;
	if (apic && kvm_has(machine->kvm.fd, KVM_CAP_TSC_DEADLINE_TIMER))
		entry->ecx |= ECX_TSC_DEADLINE;
	if (apic)
		entry->ecx |= ECX_X2APIC;
	else
		entry->ecx &= ~(ECX_X2APIC | ECX_TSC_DEADLINE);
}

/* On a host with one CPU, KVM offers only level 0. */
static void add_core_level(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
	if (!cpuid_find(cpuid, leaf, 0) || cpuid_find(cpuid, leaf, 1))
		return;
	cpuid->entries[cpuid->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
	};
}

/*
 * The host's brand string, which KVM leaves empty. Guests read there whether the CPU is emulated,
 * and then allow for its known flaws.
 */
static void copy_brand(struct kvm_cpuid2 *cpuid)
{
	for (uint32_t leaf = LEAF_BRAND; leaf <= LAST_BRAND; leaf++) {
		struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, leaf, 0);

		if (entry)
			asm("cpuid"
			    : "=a"(entry->eax), "=b"(entry->ebx), "=c"(entry->ecx), "=d"(entry->edx)
			    : "a"(leaf), "c"(0));
	}
}

static size_t cpuid_size(unsigned entries)
{
	return sizeof(struct kvm_cpuid2) + entries * sizeof(struct kvm_cpuid_entry2);
}

void cpuid_prepare(struct machine *machine)
{
	const struct kvm_cpuid2 *offered = machine->kvm.cpuid;
	/* Room for the core levels and for Hyper-V. */
	struct kvm_cpuid2 *cpuid = allocate(cpuid_size(offered->nent + 2 + MOST_HYPERV_ENTRIES));
	struct kvm_cpuid_entry2 *features;

	memcpy(cpuid, offered, cpuid_size(offered->nent));
	features = cpuid_find(cpuid, LEAF_FEATURES, 0);
	if (features)
		set_features(machine, features);
	copy_brand(cpuid);
	add_core_level(cpuid, LEAF_TOPOLOGY);
	add_core_level(cpuid, LEAF_TOPOLOGY_V2);
	features_apply(cpuid, machine->options->cpu);
	hyperv_cpuid(&machine->kvm, machine->options->shape.hyperv, cpuid);
	machine->cpuid = cpuid;
}

/* ---- a vCPU's own ---- */

/* One thread a core, and all cores in one package. */
static void set_topology(struct kvm_cpuid_entry2 *entry, unsigned cpus, unsigned index)
{
	bool thread = entry->index == 0, core = entry->index == 1;

	entry->eax = core ? id_bits(cpus) : 0;
	entry->ebx = thread ? 1 : core ? cpus : 0;
	entry->ecx = entry->index | (thread ? LEVEL_THREAD : core ? LEVEL_CORE : 0);
	entry->edx = index;
}

static void set_id(struct kvm_cpuid_entry2 *entry, unsigned cpus, unsigned index)
{
	switch (entry->function) {
	case LEAF_FEATURES:
		entry->ebx &= ~EBX_CPUS_AND_ID;
		entry->ebx |= index << EBX_APIC_ID_SHIFT;
		/* The count is valid only with HTT. */
		if (cpus > 1)
			entry->ebx |= (cpus & 0xff) << EBX_CPUS_SHIFT;
		break;
	case LEAF_TOPOLOGY:
	case LEAF_TOPOLOGY_V2:
		set_topology(entry, cpus, index);
		break;
	case LEAF_AMD_SIZES:
		entry->ecx = cpus > 1 ? id_bits(cpus) << ECX_ID_BITS_SHIFT | (cpus - 1) : 0;
		break;
	case LEAF_AMD_TOPOLOGY:
		entry->eax = index;
		break;
	}
}

void cpuid_set(const struct machine *machine, const struct vm *vm, unsigned index)
{
	size_t size = cpuid_size(machine->cpuid->nent);
	struct kvm_cpuid2 *cpuid = allocate(size);

	memcpy(cpuid, machine->cpuid, size);
	for (unsigned i = 0; i < cpuid->nent; i++)
		set_id(&cpuid->entries[i], vm->shape.cpus, index);
	KVM_DO(vm->cpu[index].fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
}
