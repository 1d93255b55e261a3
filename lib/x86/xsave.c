// SPDX-License-Identifier: GPL-2.0-or-later
/* Saves and restores x87, SSE and AVX state. See xsave.h. */
#include "xsave.h"
#include "alloc_page.h"
#include "processor.h"
#include "vm.h"

FEATURE(XSAVE, "XSAVE")
{
	return this_cpu_has(X86_FEATURE_XSAVE);
}

FEATURE(AVX, "AVX")
{
	return this_cpu_has(X86_FEATURE_XSAVE) && this_cpu_has(X86_FEATURE_AVX);
}

u64 xsave_enable(void)
{
	u64 wanted = XFEATURE_MASK_FP | XFEATURE_MASK_SSE;

	if (!this_cpu_has(X86_FEATURE_XSAVE))
		return wanted;
	write_cr4(read_cr4() | X86_CR4_OSXSAVE);
	if (this_cpu_has(X86_FEATURE_AVX))
		write_xcr0(wanted | XFEATURE_MASK_YMM);
	else
		write_xcr0(wanted);
	/* A hypervisor that ignores XSETBV may undo it at the next exit, so make one. */
	raw_cpuid(0, 0);
	if ((read_xcr0() & wanted) == wanted)
		return read_xcr0();
	write_cr4(read_cr4() & ~X86_CR4_OSXSAVE);
	return wanted;
}

/* ECX is the size of an area for all states of the CPU, EBX for those that XCR0 enables. */
u32 xsave_size(void)
{
	return MAX(FXSAVE_SIZE, cpuid(CPUID_XSAVE).c);
}

u32 xsave_enabled_size(void)
{
	return cpuid(CPUID_XSAVE).b;
}

u32 read_mxcsr(void)
{
	u32 image[FXSAVE_SIZE / sizeof(u32)] __aligned(16);

	asm volatile("fxsave %0" : "=m"(image));
	return image[FXSAVE_MXCSR / sizeof(u32)];
}

void *xsave_alloc(void)
{
	return alloc_pages(page_order(xsave_size()));
}

void xsave_free(void *area)
{
	free_pages(area);
}

void xsave(void *area, u64 mask)
{
	if (read_cr4() & X86_CR4_OSXSAVE)
		asm volatile("xsave64 (%0)"
			     :
			     : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
			     : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void xrstor(const void *area, u64 mask)
{
	if (read_cr4() & X86_CR4_OSXSAVE)
		asm volatile("xrstor64 (%0)"
			     :
			     : "r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
			     : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}
