// SPDX-License-Identifier: GPL-2.0-or-later
/* Makes and compares XSAVE images. See xsave-image.h. */
#include "xsave-image.h"
#include "processor.h"
#include "xsave.h"

#define FXSAVE_FCW	0
#define FXSAVE_ST0	32
#define FXSAVE_XMM0	160
#define FXSAVE_RESERVED 416
/* Valid contents that are not the defaults, with all exceptions masked. */
#define FCW_PATTERN   0x0b7f
#define MXCSR_PATTERN 0x1fa0

/* Where AVX state begins in the standard form: subleaf 2, EBX. */
static u32 avx_offset(void)
{
	return cpuid_indexed(CPUID_XSAVE, 2).b;
}

void xsave_fill_image(u8 *image, u64 mask, u8 seed)
{
	memset(image, 0, xsave_size());
	*(u16 *)(image + FXSAVE_FCW) = FCW_PATTERN;
	*(u32 *)(image + FXSAVE_MXCSR) = MXCSR_PATTERN;
	/* The abridged tag word: all eight registers are in use. */
	image[4] = 0xff;
	for (int i = 0; i < 8; i++)
		for (int byte = 0; byte < 10; byte++)
			image[FXSAVE_ST0 + 16 * i + byte] = seed + 10 * i + byte;
	for (int i = FXSAVE_XMM0; i < FXSAVE_RESERVED; i++)
		image[i] = seed + 3 * i;
	if (mask & XFEATURE_MASK_YMM)
		for (int i = 0; i < 256; i++)
			image[avx_offset() + i] = seed + 7 * i;
	/* XSTATE_BV */
	*(u64 *)(image + FXSAVE_SIZE) = mask;
}

/* The first byte in which two images differ, or -1. */
static int difference(const u8 *a, const u8 *b, u64 mask)
{
	for (int i = 0; i < FXSAVE_RESERVED; i++) {
		/* MXCSR_MASK is no register. CPUs need not keep x87's last opcode and addresses. */
		if (i >= 6 && i < FXSAVE_MXCSR)
			i = FXSAVE_MXCSR;
		if (i >= 28 && i < FXSAVE_ST0)
			i = FXSAVE_ST0;
		if (a[i] != b[i] && (i < FXSAVE_ST0 || i >= FXSAVE_XMM0 || i % 16 < 10))
			return i;
	}
	for (int i = 0; mask & XFEATURE_MASK_YMM && i < 256; i++)
		if (a[avx_offset() + i] != b[avx_offset() + i])
			return avx_offset() + i;
	return -1;
}

void xsave_report_image(const u8 *image, const u8 *expected, u64 mask, const char *whose)
{
	int byte = difference(image, expected, mask);

	if (byte < 0)
		report_pass("%s: x87, SSE%s", whose, mask & XFEATURE_MASK_YMM ? " and AVX" : "");
	else
		report_fail("%s: byte %d of the XSAVE image is 0x%02x and was 0x%02x", whose, byte,
			    image[byte], expected[byte]);
}
