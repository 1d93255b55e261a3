// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * See cpu-features.h. Bits: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. Names are
 * those of QEMU, so that a line of unittests.cfg means the same on both VMMs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cpu-features.h"
#include "message.h"

#define LEAF_VENDOR	    0x0
#define LEAF_FEATURES	    0x1
#define LEAF_EXTENDED	    0x7
#define LEAF_PMU	    0xa
#define LEAF_XSAVE	    0xd
#define LEAF_AMD_VENDOR	    0x80000000
#define LEAF_AMD_FEATURES   0x80000001
#define LEAF_POWER	    0x80000007
#define LEAF_ADDRESS	    0x80000008
#define LEAF_SVM	    0x8000000a
#define PHYSICAL_BITS	    0xff /* of EAX */
#define LEAST_PHYSICAL_BITS 32
#define MOST_PHYSICAL_BITS  52
#define VENDOR_BYTES	    12

#define TSC_FREQUENCY "tsc-frequency="
#define MOST_HZ	      100000000000ul

#define LONGEST_WORD 64

static const struct feature {
	const char *name;
	__u32 function, index;
	enum cpuid_reg reg;
	unsigned bit;
} features[] = {
	{ "pclmulqdq", LEAF_FEATURES, 0, ECX, 1 },
	{ "monitor", LEAF_FEATURES, 0, ECX, 3 },
	{ "vmx", LEAF_FEATURES, 0, ECX, 5 },
	{ "ssse3", LEAF_FEATURES, 0, ECX, 9 },
	{ "fma", LEAF_FEATURES, 0, ECX, 12 },
	{ "cx16", LEAF_FEATURES, 0, ECX, 13 },
	{ "pdcm", LEAF_FEATURES, 0, ECX, 15 },
	{ "pcid", LEAF_FEATURES, 0, ECX, 17 },
	{ "x2apic", LEAF_FEATURES, 0, ECX, 21 },
	{ "movbe", LEAF_FEATURES, 0, ECX, 22 },
	{ "popcnt", LEAF_FEATURES, 0, ECX, 23 },
	{ "tsc-deadline", LEAF_FEATURES, 0, ECX, 24 },
	{ "aes", LEAF_FEATURES, 0, ECX, 25 },
	{ "xsave", LEAF_FEATURES, 0, ECX, 26 },
	{ "avx", LEAF_FEATURES, 0, ECX, 28 },
	{ "f16c", LEAF_FEATURES, 0, ECX, 29 },
	{ "rdrand", LEAF_FEATURES, 0, ECX, 30 },
	{ "hypervisor", LEAF_FEATURES, 0, ECX, 31 },
	{ "de", LEAF_FEATURES, 0, EDX, 2 },
	{ "pse", LEAF_FEATURES, 0, EDX, 3 },
	{ "tsc", LEAF_FEATURES, 0, EDX, 4 },
	{ "pae", LEAF_FEATURES, 0, EDX, 6 },
	{ "mce", LEAF_FEATURES, 0, EDX, 7 },
	{ "apic", LEAF_FEATURES, 0, EDX, 9 },
	{ "sep", LEAF_FEATURES, 0, EDX, 11 },
	{ "mtrr", LEAF_FEATURES, 0, EDX, 12 },
	{ "pge", LEAF_FEATURES, 0, EDX, 13 },
	{ "mca", LEAF_FEATURES, 0, EDX, 14 },
	{ "pat", LEAF_FEATURES, 0, EDX, 16 },
	{ "pse36", LEAF_FEATURES, 0, EDX, 17 },
	{ "clflush", LEAF_FEATURES, 0, EDX, 19 },
	{ "fsgsbase", LEAF_EXTENDED, 0, EBX, 0 },
	{ "tsc-adjust", LEAF_EXTENDED, 0, EBX, 1 },
	{ "bmi1", LEAF_EXTENDED, 0, EBX, 3 },
	{ "hle", LEAF_EXTENDED, 0, EBX, 4 },
	{ "avx2", LEAF_EXTENDED, 0, EBX, 5 },
	{ "smep", LEAF_EXTENDED, 0, EBX, 7 },
	{ "bmi2", LEAF_EXTENDED, 0, EBX, 8 },
	{ "erms", LEAF_EXTENDED, 0, EBX, 9 },
	{ "invpcid", LEAF_EXTENDED, 0, EBX, 10 },
	{ "rtm", LEAF_EXTENDED, 0, EBX, 11 },
	{ "mpx", LEAF_EXTENDED, 0, EBX, 14 },
	{ "rdseed", LEAF_EXTENDED, 0, EBX, 18 },
	{ "smap", LEAF_EXTENDED, 0, EBX, 20 },
	{ "clflushopt", LEAF_EXTENDED, 0, EBX, 23 },
	{ "clwb", LEAF_EXTENDED, 0, EBX, 24 },
	{ "umip", LEAF_EXTENDED, 0, ECX, 2 },
	{ "pku", LEAF_EXTENDED, 0, ECX, 3 },
	{ "waitpkg", LEAF_EXTENDED, 0, ECX, 5 },
	{ "shstk", LEAF_EXTENDED, 0, ECX, 7 },
	{ "la57", LEAF_EXTENDED, 0, ECX, 16 },
	{ "rdpid", LEAF_EXTENDED, 0, ECX, 22 },
	{ "bus-lock-detect", LEAF_EXTENDED, 0, ECX, 24 },
	{ "pks", LEAF_EXTENDED, 0, ECX, 31 },
	{ "ibt", LEAF_EXTENDED, 0, EDX, 20 },
	{ "spec-ctrl", LEAF_EXTENDED, 0, EDX, 26 },
	{ "arch-capabilities", LEAF_EXTENDED, 0, EDX, 29 },
	{ "ssbd", LEAF_EXTENDED, 0, EDX, 31 },
	{ "lam", LEAF_EXTENDED, 1, EAX, 26 },
	{ "xsaveopt", LEAF_XSAVE, 1, EAX, 0 },
	{ "xsavec", LEAF_XSAVE, 1, EAX, 1 },
	{ "xgetbv1", LEAF_XSAVE, 1, EAX, 2 },
	{ "xsaves", LEAF_XSAVE, 1, EAX, 3 },
	{ "lahf-lm", LEAF_AMD_FEATURES, 0, ECX, 0 },
	{ "svm", LEAF_AMD_FEATURES, 0, ECX, 2 },
	{ "skinit", LEAF_AMD_FEATURES, 0, ECX, 12 },
	{ "perfctr-core", LEAF_AMD_FEATURES, 0, ECX, 23 },
	{ "syscall", LEAF_AMD_FEATURES, 0, EDX, 11 },
	{ "nx", LEAF_AMD_FEATURES, 0, EDX, 20 },
	{ "pdpe1gb", LEAF_AMD_FEATURES, 0, EDX, 26 },
	{ "rdtscp", LEAF_AMD_FEATURES, 0, EDX, 27 },
	{ "lm", LEAF_AMD_FEATURES, 0, EDX, 29 },
	{ "invtsc", LEAF_POWER, 0, EDX, 8 },
	{ "npt", LEAF_SVM, 0, EDX, 0 },
	{ "lbrv", LEAF_SVM, 0, EDX, 1 },
	{ "nrip-save", LEAF_SVM, 0, EDX, 3 },
	{ "tsc-scale", LEAF_SVM, 0, EDX, 4 },
	{ "vmcb-clean", LEAF_SVM, 0, EDX, 5 },
	{ "flushbyasid", LEAF_SVM, 0, EDX, 6 },
	{ "decodeassists", LEAF_SVM, 0, EDX, 7 },
	{ "pause-filter", LEAF_SVM, 0, EDX, 10 },
	{ "pfthreshold", LEAF_SVM, 0, EDX, 12 },
	{ "avic", LEAF_SVM, 0, EDX, 13 },
	{ "v-vmsave-vmload", LEAF_SVM, 0, EDX, 15 },
	{ "vgif", LEAF_SVM, 0, EDX, 16 },
	{ "vnmi", LEAF_SVM, 0, EDX, 25 },
};

/*
 * QEMU's qemu64 on KVM, for suites that need a CPU with few features. Of these leaves only these
 * bits are left. Vendor, family and caches are the host's here.
 */
static const struct {
	__u32 function, index, eax, ebx, ecx, edx;
} qemu64[] = {
	/* SSE3, CMPXCHG16B, x2APIC, a hypervisor; no HTT, ACPI, SS, PBE. */
	{ LEAF_FEATURES, 0, ~0u, ~0u, 0x80202001, 0x078bfbfd },
	{ LEAF_EXTENDED, 0, 0, 0, 0, 0 },
	{ LEAF_EXTENDED, 1, 0, 0, 0, 0 },
	{ LEAF_PMU, 0, 0, 0, 0, 0 },
	{ LEAF_XSAVE, 0, 0, 0, 0, 0 },
	{ LEAF_XSAVE, 1, 0, 0, 0, 0 },
	/* LAHF in long mode, long mode itself, NX, SYSCALL; on AMD also the features of leaf 1. */
	{ LEAF_AMD_FEATURES, 0, ~0u, ~0u, 0x1, 0x2193fbfd },
	{ LEAF_POWER, 0, 0, 0, 0, 0 },
	{ LEAF_ADDRESS, 0, ~0u, 0, ~0u, ~0u },
};

static void reduce_to_qemu64(struct kvm_cpuid2 *cpuid)
{
	for (unsigned i = 0; i < sizeof(qemu64) / sizeof(qemu64[0]); i++) {
		struct kvm_cpuid_entry2 *entry =
			cpuid_find(cpuid, qemu64[i].function, qemu64[i].index);

		if (!entry)
			continue;
		entry->eax &= qemu64[i].eax;
		entry->ebx &= qemu64[i].ebx;
		entry->ecx &= qemu64[i].ecx;
		entry->edx &= qemu64[i].edx;
	}
}

/* Words that only tell QEMU how to make or check its own models. */
static const char *const without_meaning[] = {
	"max", "host", "migratable", "host-phys-bits", "check", "enforce", NULL,
};

/* A CPU while the words of the command line are applied to it. */
struct cpu {
	struct kvm_cpuid2 *seen;    /* by the guest */
	struct kvm_cpuid2 *offered; /* by KVM */
};

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *cpuid, __u32 function, __u32 index)
{
	for (unsigned i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

__u32 *cpuid_reg_of(struct kvm_cpuid_entry2 *entry, enum cpuid_reg reg)
{
	__u32 *regs[] = { &entry->eax, &entry->ebx, &entry->ecx, &entry->edx };

	return regs[reg];
}

const char *next_word(const char **words)
{
	static char word[LONGEST_WORD];
	size_t length = strcspn(*words, ",");

	if (!**words)
		return NULL;
	if (length >= sizeof(word))
		die(STATUS_UNABLE, "no CPU feature has a name as long as '%s'", *words);
	memcpy(word, *words, length);
	word[length] = '\0';
	*words += length + ((*words)[length] == ',');
	return word;
}

bool is_hyperv_word(const char *word)
{
	word += *word == '+' || *word == '-';
	return !strncmp(word, "hv-", 3) || !strncmp(word, "hv_", 3);
}

static void set_vendor(struct kvm_cpuid2 *cpuid, const char *vendor)
{
	static const __u32 leaves[] = { LEAF_VENDOR, LEAF_AMD_VENDOR };

	if (strlen(vendor) != VENDOR_BYTES)
		die(STATUS_SETUP, "a CPU's vendor has %d letters, and '%s' has %zu", VENDOR_BYTES,
		    vendor, strlen(vendor));
	for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++) {
		struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, leaves[i], 0);

		if (!entry)
			continue;
		memcpy(&entry->ebx, vendor, 4);
		memcpy(&entry->edx, vendor + 4, 4);
		memcpy(&entry->ecx, vendor + 8, 4);
	}
}

static void set_physical_bits(struct kvm_cpuid2 *cpuid, const char *text)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, LEAF_ADDRESS, 0);
	char *end;
	unsigned long bits = strtoul(text, &end, 10);

	if (!*text || *end || bits < LEAST_PHYSICAL_BITS || bits > MOST_PHYSICAL_BITS)
		die(STATUS_SETUP, "phys-bits is a number from %d to %d, and not '%s'",
		    LEAST_PHYSICAL_BITS, MOST_PHYSICAL_BITS, text);
	if (entry)
		entry->eax = (entry->eax & ~PHYSICAL_BITS) | bits;
}

/* The text of the frequency if WORD asks for one, or NULL. */
static const char *tsc_frequency_of(const char *word)
{
	size_t length = strlen(TSC_FREQUENCY);

	return strncmp(word, TSC_FREQUENCY, length) ? NULL : word + length;
}

unsigned features_tsc_khz(const char *words)
{
	unsigned khz = 0;
	const char *word;

	while ((word = next_word(&words))) {
		const char *text = tsc_frequency_of(word);
		char *end;
		unsigned long hz;

		if (!text)
			continue;
		hz = strtoul(text, &end, 10);
		if (*end || hz < 1000 || hz > MOST_HZ)
			die(STATUS_SETUP, "the TSC's frequency is a number of Hz, and not '%s'",
			    text);
		khz = hz / 1000;
	}
	return khz;
}

static bool is_without_meaning(const char *name)
{
	for (const char *const *word = without_meaning; *word; word++)
		if (!strcmp(name, *word))
			return true;
	return false;
}

/* The register of CPUID that has FEATURE, or NULL. */
static __u32 *reg_with(struct kvm_cpuid2 *cpuid, const struct feature *feature)
{
	struct kvm_cpuid_entry2 *entry = cpuid_find(cpuid, feature->function, feature->index);

	return entry ? cpuid_reg_of(entry, feature->reg) : NULL;
}

static void set_feature(struct cpu *cpu, const struct feature *feature, bool on)
{
	__u32 *reg = reg_with(cpu->seen, feature), *offered = reg_with(cpu->offered, feature);
	__u32 bit = 1u << feature->bit;

	/* As on QEMU, the guest runs without it. Its tests check for what they need. */
	if (on && (!offered || !(*offered & bit)))
		message("this KVM does not offer the CPU feature '%s'", feature->name);
	else if (on)
		*reg |= bit;
	else if (reg)
		*reg &= ~bit;
}

/* Applies one word. NAME has no sign. VALUE is the text after its '=', or NULL. */
static void apply(struct cpu *cpu, const char *name, const char *value, bool on)
{
	if (is_without_meaning(name))
		return;
	if (!strcmp(name, "qemu64")) {
		reduce_to_qemu64(cpu->seen);
		return;
	}
	if (value && !strcmp(name, "vendor")) {
		set_vendor(cpu->seen, value);
		return;
	}
	if (value && !strcmp(name, "phys-bits")) {
		set_physical_bits(cpu->seen, value);
		return;
	}
	if (value && strcmp(value, "on") && strcmp(value, "off"))
		die(STATUS_SETUP, "the CPU feature '%s' is on or off, and not '%s'", name, value);
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!strcmp(features[i].name, name)) {
			set_feature(cpu, &features[i], value ? !strcmp(value, "on") : on);
			return;
		}
	die(STATUS_UNABLE, "--cpu does not know '%s' (names are as QEMU's -cpu has them)", name);
}

void features_apply(struct kvm_cpuid2 *cpuid, const char *words)
{
	size_t size = sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0]);
	struct cpu cpu = { .seen = cpuid, .offered = allocate(size) };
	const char *word;

	memcpy(cpu.offered, cpuid, size);
	while ((word = next_word(&words))) {
		char copy[LONGEST_WORD], *value;
		bool on = *word != '-';

		if (is_hyperv_word(word) || tsc_frequency_of(word))
			continue;
		strcpy(copy, word + (*word == '+' || *word == '-'));
		/* QEMU takes both tsc-deadline and tsc_deadline. */
		value = strchr(copy, '=');
		if (value)
			*value++ = '\0';
		for (char *c = copy; *c; c++)
			if (*c == '_')
				*c = '-';
		apply(&cpu, copy, value, on);
	}
	free(cpu.offered);
}
