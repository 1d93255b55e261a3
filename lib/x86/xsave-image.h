/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images of x87, SSE and AVX registers for tests, in XSAVE's standard form or FXSAVE's (Intel SDM
 * volume 1, "XSAVE Area").
 */
#ifndef X86_XSAVE_IMAGE_H
#define X86_XSAVE_IMAGE_H

#include "libcflat.h"

/* Fills an image of xsave_size() bytes with numbers that depend on `seed`. */
void xsave_fill_image(u8 *image, u64 mask, u8 seed);
/* A check: two images have the same registers. `whose` begins its text. */
void xsave_report_image(const u8 *image, const u8 *expected, u64 mask, const char *whose);

#endif
