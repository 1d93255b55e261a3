/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUID: Intel SDM volume 2, AMD APM volume 3 appendix E. For leaves from 0x40000000 on see Linux
 * Documentation/virt/kvm/x86/cpuid.rst and the Hyper-V TLFS.
 */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include "libcflat.h"

struct cpuid {
	u32 a, b, c, d;
};

enum cpuid_register { EAX, EBX, ECX, EDX };

/* Runs the instruction for any leaf, whether it exists or not. */
static inline struct cpuid raw_cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid r;

	asm volatile("cpuid"
		     : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
		     : "a"(leaf), "c"(subleaf));
	return r;
}

/* All registers are 0 if the CPU does not have the leaf. */
static inline struct cpuid cpuid_indexed(u32 leaf, u32 subleaf)
{
	if (leaf > raw_cpuid(leaf & 0xf0000000, 0).a)
		return (struct cpuid){ 0 };
	return raw_cpuid(leaf, subleaf);
}

static inline struct cpuid cpuid(u32 leaf)
{
	return cpuid_indexed(leaf, 0);
}

/* A bit of CPUID that says that the CPU has a feature. */
struct x86_cpu_feature {
	u32 leaf, subleaf;
	enum cpuid_register reg;
	u8 bit;
};

#define X86_CPU_FEATURE(leaf, subleaf, reg, bit)                                                   \
	((struct x86_cpu_feature){ leaf, subleaf, reg, bit })

#define X86_FEATURE_VMX		       X86_CPU_FEATURE(0x1, 0, ECX, 5)
#define X86_FEATURE_CX16	       X86_CPU_FEATURE(0x1, 0, ECX, 13)
#define X86_FEATURE_PCID	       X86_CPU_FEATURE(0x1, 0, ECX, 17)
#define X86_FEATURE_X2APIC	       X86_CPU_FEATURE(0x1, 0, ECX, 21)
#define X86_FEATURE_TSC_DEADLINE_TIMER X86_CPU_FEATURE(0x1, 0, ECX, 24)
#define X86_FEATURE_XSAVE	       X86_CPU_FEATURE(0x1, 0, ECX, 26)
#define X86_FEATURE_AVX		       X86_CPU_FEATURE(0x1, 0, ECX, 28)
#define X86_FEATURE_HYPERVISOR	       X86_CPU_FEATURE(0x1, 0, ECX, 31)
#define X86_FEATURE_TSC		       X86_CPU_FEATURE(0x1, 0, EDX, 4)
#define X86_FEATURE_MCE		       X86_CPU_FEATURE(0x1, 0, EDX, 7)
#define X86_FEATURE_APIC	       X86_CPU_FEATURE(0x1, 0, EDX, 9)
#define X86_FEATURE_MTRR	       X86_CPU_FEATURE(0x1, 0, EDX, 12)
#define X86_FEATURE_PAT		       X86_CPU_FEATURE(0x1, 0, EDX, 16)
#define X86_FEATURE_CLFLUSH	       X86_CPU_FEATURE(0x1, 0, EDX, 19)
#define X86_FEATURE_XMM		       X86_CPU_FEATURE(0x1, 0, EDX, 25)
#define X86_FEATURE_XMM2	       X86_CPU_FEATURE(0x1, 0, EDX, 26)
#define X86_FEATURE_ARAT	       X86_CPU_FEATURE(0x6, 0, EAX, 2)
#define X86_FEATURE_FSGSBASE	       X86_CPU_FEATURE(0x7, 0, EBX, 0)
#define X86_FEATURE_TSC_ADJUST	       X86_CPU_FEATURE(0x7, 0, EBX, 1)
#define X86_FEATURE_SMEP	       X86_CPU_FEATURE(0x7, 0, EBX, 7)
#define X86_FEATURE_SMAP	       X86_CPU_FEATURE(0x7, 0, EBX, 20)
#define X86_FEATURE_UMIP	       X86_CPU_FEATURE(0x7, 0, ECX, 2)
#define X86_FEATURE_PKU		       X86_CPU_FEATURE(0x7, 0, ECX, 3)
#define X86_FEATURE_LA57	       X86_CPU_FEATURE(0x7, 0, ECX, 16)
#define X86_FEATURE_SVM		       X86_CPU_FEATURE(0x80000001, 0, ECX, 2)
#define X86_FEATURE_NX		       X86_CPU_FEATURE(0x80000001, 0, EDX, 20)
#define X86_FEATURE_GBPAGES	       X86_CPU_FEATURE(0x80000001, 0, EDX, 26)
#define X86_FEATURE_RDTSCP	       X86_CPU_FEATURE(0x80000001, 0, EDX, 27)
#define X86_FEATURE_CONSTANT_TSC       X86_CPU_FEATURE(0x80000007, 0, EDX, 8)
#define X86_FEATURE_NPT		       X86_CPU_FEATURE(0x8000000a, 0, EDX, 0)
#define X86_FEATURE_NRIPS	       X86_CPU_FEATURE(0x8000000a, 0, EDX, 3)

static inline bool this_cpu_has(struct x86_cpu_feature feature)
{
	struct cpuid r = cpuid_indexed(feature.leaf, feature.subleaf);
	u32 registers[] = { r.a, r.b, r.c, r.d };

	return registers[feature.reg] >> feature.bit & 1;
}

/*
 * The first leaf of the hypervisor interface with this 12-character signature
 * ("KVMKVMKVM\0\0\0", "Microsoft Hv"), or 0. A hypervisor may have several interfaces, at
 * 0x40000000, 0x40000100 and so on.
 */
static inline u32 hypervisor_leaf(const char *signature)
{
	u32 leaf;

	if (!this_cpu_has(X86_FEATURE_HYPERVISOR))
		return 0;
	for (leaf = 0x40000000; leaf < 0x40010000; leaf += 0x100) {
		struct cpuid r = raw_cpuid(leaf, 0);
		u32 name[] = { r.b, r.c, r.d };

		if (!memcmp(name, signature, sizeof(name)))
			return leaf;
		/* Hypervisors leave no gap between interfaces. */
		if (r.a < leaf || r.a > leaf + 0xff)
			break;
	}
	return 0;
}

static inline bool is_intel(void)
{
	struct cpuid r = raw_cpuid(0, 0);
	u32 name[] = { r.b, r.d, r.c };

	return !memcmp(name, "GenuineIntel", sizeof(name));
}

/* Whether the CPU is AMD's, or Hygon's, which has AMD's architecture. */
static inline bool is_amd(void)
{
	struct cpuid r = raw_cpuid(0, 0);
	u32 name[] = { r.b, r.d, r.c };

	return !memcmp(name, "AuthenticAMD", sizeof(name)) ||
	       !memcmp(name, "HygonGenuine", sizeof(name));
}

/*
 * Whether QEMU's TCG emulates the CPU, with or without a KVM in between. This goes by the brand
 * string, which `-cpu` can change.
 */
static inline bool is_tcg(void)
{
	struct cpuid brand = cpuid(0x80000002);

	return !memcmp(&brand, "QEMU TCG CPU", 12);
}

#endif
