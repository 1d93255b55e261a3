/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a test puts into x87, SSE and AVX registers, and what it finds there later: images
 * in XSAVE's standard form, or FXSAVE's (Intel SDM volume 1, "XSAVE Area").
 */
#ifndef X86_XSAVE_IMAGE_H
#define X86_XSAVE_IMAGE_H

#include "libcflat.h"

/* An image of registers that holds nothing but numbers of this seed; xsave_size() bytes. */
void xsave_fill_image(u8 *image, u64 mask, u8 seed);
/* A check that the registers in two images are the same. WHOSE begins its text. */
void xsave_report_image(const u8 *image, const u8 *expected, u64 mask, const char *whose);

#endif
