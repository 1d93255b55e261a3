// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See hyperv.h. Hyper-V Top-Level Functional Specification (TLFS), "Feature and Interface
 * Discovery"; KVM API documentation 4.118 (KVM_GET_SUPPORTED_HV_CPUID), 6.75 and 8 (the
 * capabilities), Documentation/virt/kvm/x86/cpuid.rst.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu-features.h"
#include "hyperv.h"
#include "message.h"

#define LEAF_VENDOR	     0x40000000
#define LEAF_FEATURES	     0x40000003
#define LEAF_RECOMMENDATIONS 0x40000004
#define LEAF_LIMITS	     0x40000005
#define LEAF_NESTED	     0x4000000a
#define LEAF_DEBUG_VENDOR    0x40000080

/* KVM's leaves are at 0x40000000, or at the next multiple of 0x100 that is free. */
#define LEAF_KVM     0x40000000
#define KVM_LEAVES   2
#define KVM_MOVES_BY 0x100

#define FEATURE_HYPERCALL    (1u << 5)		     /* of EAX */
#define FEATURE_CONNECTIONS  ((1u << 4) | (1u << 5)) /* of EBX: post messages, signal events */
#define RECOMMEND_APIC_MSRS  (1u << 3)		     /* of EAX */
#define RECOMMEND_MASKS	     (1u << 11)		     /* of EAX: hypercalls with sparse sets */
#define EVMCS_VERSIONS	     0xffff		     /* of EAX of LEAF_NESTED */
#define SPINLOCK_NEVER_TELLS 0xffffffff
#define UNKNOWN_LIMIT	     0xffffffff

#define WORD(name) (1u << (name))

enum word {
	RELAXED,
	VAPIC,
	TIME,
	CRASH,
	RESET,
	VPINDEX,
	RUNTIME,
	SYNIC,
	STIMER,
	FREQUENCIES,
	REENLIGHTENMENT,
	TLBFLUSH,
	EVMCS,
	IPI,
	STIMER_DIRECT,
	AVIC,
	EMSR_BITMAP,
	XMM_INPUT,
	TLBFLUSH_EXT,
	TLBFLUSH_DIRECT,
	ENFORCE_CPUID,
	PASSTHROUGH,
	WORDS,
};

static const struct {
	const char *name;
	uint32_t leaf;
	enum cpuid_reg reg;
	uint32_t bits;
	uint32_t needs; /* words */
	uint32_t edx;	/* of the same leaf */
} words[WORDS] = {
	[RELAXED] = { "relaxed", LEAF_RECOMMENDATIONS, EAX, 1u << 5, 0, 0 },
	[VAPIC] = { "vapic", LEAF_FEATURES, EAX, 1u << 4, 0, 0 },
	[TIME] = { "time", LEAF_FEATURES, EAX, (1u << 1) | (1u << 9), 0, 0 },
	[CRASH] = { "crash", LEAF_FEATURES, EDX, 1u << 10, 0, 0 },
	[RESET] = { "reset", LEAF_FEATURES, EAX, 1u << 7, 0, 0 },
	[VPINDEX] = { "vpindex", LEAF_FEATURES, EAX, 1u << 6, 0, 0 },
	[RUNTIME] = { "runtime", LEAF_FEATURES, EAX, 1u << 0, 0, 0 },
	[SYNIC] = { "synic", LEAF_FEATURES, EAX, 1u << 2, WORD(VPINDEX), 0 },
	[STIMER] = { "stimer", LEAF_FEATURES, EAX, 1u << 3, WORD(SYNIC) | WORD(TIME), 0 },
	[FREQUENCIES] = { "frequencies", LEAF_FEATURES, EAX, 1u << 11, 0, 1u << 8 },
	[REENLIGHTENMENT] = { "reenlightenment", LEAF_FEATURES, EAX, 1u << 13, 0, 0 },
	[TLBFLUSH] = { "tlbflush", LEAF_RECOMMENDATIONS, EAX, (1u << 2) | RECOMMEND_MASKS,
		       WORD(VPINDEX), 0 },
	[EVMCS] = { "evmcs", LEAF_RECOMMENDATIONS, EAX, 1u << 14, WORD(VAPIC), 0 },
	[IPI] = { "ipi", LEAF_RECOMMENDATIONS, EAX, (1u << 10) | RECOMMEND_MASKS, WORD(VPINDEX),
		  0 },
	[STIMER_DIRECT] = { "stimer-direct", LEAF_FEATURES, EDX, 1u << 19, WORD(STIMER), 0 },
	[AVIC] = { "avic", LEAF_RECOMMENDATIONS, EAX, 1u << 9, 0, 0 },
	[EMSR_BITMAP] = { "emsr-bitmap", LEAF_NESTED, EAX, 1u << 19, 0, 0 },
	[XMM_INPUT] = { "xmm-input", LEAF_FEATURES, EDX, 1u << 4, 0, 0 },
	[TLBFLUSH_EXT] = { "tlbflush-ext", LEAF_FEATURES, EDX, 1u << 14, WORD(TLBFLUSH), 0 },
	[TLBFLUSH_DIRECT] = { "tlbflush-direct", LEAF_NESTED, EAX, 1u << 17, WORD(VAPIC), 0 },
	/* A register or hypercall that CPUID does not announce is not there. */
	[ENFORCE_CPUID] = { .name = "enforce-cpuid" },
	/* All of Hyper-V that KVM has. */
	[PASSTHROUGH] = { .name = "passthrough" },
};

/* ---- words ---- */

static int find_word(const char *name)
{
	for (int i = 0; i < WORDS; i++) {
		const char *a = words[i].name, *b = name;

		/* QEMU takes both hv-stimer-direct and hv_stimer_direct. */
		while (*a && (*a == *b || (*a == '-' && *b == '_')))
			a++, b++;
		if (!*a && (!*b || !strcmp(b, "=on")))
			return i;
	}
	return -1;
}

static void take(hyperv_words *set, const char *word)
{
	const char *name = word + (*word == '+');
	int found = find_word(is_hyperv_word(name) ? name + strlen("hv-") : name);

	if (found < 0)
		die(STATUS_SETUP,
		    "ferry-vmm knows no part of Hyper-V that is called '%s' (names are as QEMU's -cpu has them)",
		    word);
	*set |= WORD(found);
}

void hyperv_read(hyperv_words *set, const char *list)
{
	const char *word;

	while ((word = next_word(&list)))
		take(set, word);
}

void hyperv_read_cpu(hyperv_words *set, const char *list)
{
	const char *word;

	while ((word = next_word(&list)))
		if (is_hyperv_word(word))
			take(set, word);
}

void hyperv_check(hyperv_words set)
{
	for (int i = 0; i < WORDS; i++)
		for (int needed = 0; needed < WORDS; needed++)
			if (set & WORD(i) && words[i].needs & WORD(needed) && !(set & WORD(needed)))
				die(STATUS_SETUP, "hv-%s needs hv-%s, too", words[i].name,
				    words[needed].name);
}

bool hyperv_has_synic(hyperv_words set)
{
	return set & (WORD(SYNIC) | WORD(PASSTHROUGH));
}

/* ---- CPUID ---- */

static struct kvm_cpuid2 *ask_kvm(const struct kvm *kvm)
{
	struct kvm_cpuid2 *cpuid =
		allocate(sizeof(*cpuid) + MOST_HYPERV_ENTRIES * sizeof(cpuid->entries[0]));

	if (!kvm_has(kvm->fd, KVM_CAP_SYS_HYPERV_CPUID))
		die(STATUS_UNABLE,
		    "this KVM does not offer Hyper-V (KVM_CAP_SYS_HYPERV_CPUID, which Linux has since 5.11 with CONFIG_KVM_HYPERV)");
	cpuid->nent = MOST_HYPERV_ENTRIES;
	KVM_DO(kvm->fd, KVM_GET_SUPPORTED_HV_CPUID, cpuid);
	return cpuid;
}

/* The bits of a leaf's register REG that the words ask for. KVM must have each of them: HAS. */
static uint32_t wanted_bits(hyperv_words set, uint32_t leaf, enum cpuid_reg reg, uint32_t has)
{
	uint32_t bits = 0;

	for (int i = 0; i < WORDS; i++) {
		uint32_t these = words[i].reg == reg ? words[i].bits : 0;

		if (reg == EDX)
			these |= words[i].edx;
		if (!(set & WORD(i)) || words[i].leaf != leaf)
			continue;
		if (these & ~has)
			die(STATUS_UNABLE, "this KVM has no hv-%s", words[i].name);
		bits |= these;
	}
	return bits;
}

/* Reduces ENTRY, which has all that KVM offers, to what the words ask for. */
static void reduce(struct kvm_cpuid_entry2 *entry, hyperv_words set)
{
	struct kvm_cpuid_entry2 all = *entry;

	for (enum cpuid_reg reg = EAX; reg <= EDX; reg++)
		*cpuid_reg_of(entry, reg) =
			wanted_bits(set, entry->function, reg, *cpuid_reg_of(&all, reg));
	switch (entry->function) {
	case LEAF_FEATURES:
		entry->eax |= FEATURE_HYPERCALL;
		if (hyperv_has_synic(set))
			entry->ebx |= FEATURE_CONNECTIONS;
		break;
	case LEAF_RECOMMENDATIONS:
		if (set & WORD(VAPIC) && !(set & WORD(AVIC)))
			entry->eax |= RECOMMEND_APIC_MSRS;
		entry->ebx = SPINLOCK_NEVER_TELLS;
		break;
	case LEAF_NESTED:
		if (set & WORD(EVMCS))
			entry->eax |= all.eax & EVMCS_VERSIONS;
		break;
	}
}

static void move_kvms_leaves(struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

		if (entry->function - LEAF_KVM >= KVM_LEAVES)
			continue;
		if (entry->function == LEAF_KVM)
			entry->eax += KVM_MOVES_BY;
		entry->function += KVM_MOVES_BY;
	}
}

void hyperv_cpuid(const struct kvm *kvm, hyperv_words set, struct kvm_cpuid2 *cpuid)
{
	struct kvm_cpuid2 *offered;
	struct kvm_cpuid_entry2 *vendor;
	uint32_t last = LEAF_LIMITS;

	if (!set)
		return;
	offered = ask_kvm(kvm);
	move_kvms_leaves(cpuid);
	for (unsigned i = 0; i < offered->nent; i++) {
		struct kvm_cpuid_entry2 entry = offered->entries[i];

		/* There is no debugger, so leave out the leaves for debugging. */
		if (entry.function >= LEAF_DEBUG_VENDOR)
			continue;
		if (entry.function == LEAF_FEATURES || entry.function == LEAF_RECOMMENDATIONS ||
		    entry.function == LEAF_NESTED)
			if (!(set & WORD(PASSTHROUGH)))
				reduce(&entry, set);
		if (entry.function == LEAF_LIMITS)
			entry.eax = UNKNOWN_LIMIT;
		if (entry.function == LEAF_NESTED && entry.eax)
			last = LEAF_NESTED;
		cpuid->entries[cpuid->nent++] = entry;
	}
	vendor = cpuid_find(cpuid, LEAF_VENDOR, 0);
	if (vendor) {
		/* KVM puts its own name here, but guests look for Hyper-V's. */
		vendor->eax = last;
		memcpy(&vendor->ebx, "Micr", 4);
		memcpy(&vendor->ecx, "osof", 4);
		memcpy(&vendor->edx, "t Hv", 4);
	}
	free(offered);
}

/* ---- vCPUs ---- */

void hyperv_enable(const struct kvm *kvm, hyperv_words set, int cpu_fd)
{
	uint16_t versions = 0;
	const struct {
		hyperv_words word;
		struct kvm_enable_cap cap;
	} caps[] = {
		{ WORD(SYNIC) | WORD(PASSTHROUGH), { .cap = KVM_CAP_HYPERV_SYNIC2 } },
		{ WORD(EVMCS) | WORD(PASSTHROUGH),
		  { .cap = KVM_CAP_HYPERV_ENLIGHTENED_VMCS, .args = { (uintptr_t)&versions } } },
		{ WORD(ENFORCE_CPUID), { .cap = KVM_CAP_HYPERV_ENFORCE_CPUID, .args = { 1 } } },
	};

	for (unsigned i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		if (!(set & caps[i].word))
			continue;
		/* Passthrough asks only for what KVM has. */
		if (set & WORD(PASSTHROUGH) && !kvm_has(kvm->fd, caps[i].cap.cap))
			continue;
		if (kvm_try(cpu_fd, KVM_ENABLE_CAP, (void *)&caps[i].cap) < 0)
			die(STATUS_UNABLE, "this KVM does not turn on Hyper-V's capability %u: %s",
			    caps[i].cap.cap, strerror(errno));
	}
}
