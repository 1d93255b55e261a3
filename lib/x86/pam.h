/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which memory between 768 KiB and 1 MiB is RAM. The PAM registers of the host bridge decide about
 * it, in segments of 16 KiB (Intel 3 Series Express Chipset data sheet, 5.1.12 "PAM0" and on). RAM
 * that they turn off keeps its contents.
 */
#ifndef X86_PAM_H
#define X86_PAM_H

#include "libcflat.h"
#include "pci.h"
#include "test.h"

/* The host bridge of Intel's Q35, at PCI function 00.0. */
DECLARE_FEATURE(Q35);
#define MCH PCI_DEVADDR(0, 0, 0)

/* Segments 0 to 11 are C0000h to EFFFFh. */
#define PAM_SEGMENTS	 12
#define PAM_SEGMENT_SIZE 0x4000ul
#define PAM_START	 0xc0000ul

/* Modes of a segment: whether reads, and whether writes, go to RAM. Others go to a ROM or nowhere.
 */
#define PAM_READ  BIT(0)
#define PAM_WRITE BIT(1)
#define PAM_RAM	  (PAM_READ | PAM_WRITE)

/* Where the segment begins. */
void *pam_segment(int segment);
/* Returns the mode that the segment had. */
u8 pam_set_mode(int segment, u8 mode);
u8 pam_mode(int segment);
/* Whether all of C0000h to FFFFFh is RAM, so that it continues the RAM from 1 MiB on. */
bool pam_all_is_ram(void);

#endif
