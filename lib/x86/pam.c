// SPDX-License-Identifier: GPL-2.0-or-later
/* The PAM registers of Intel's Q35. See pam.h. */
#include "pam.h"
#include "vm.h"

#define MCH_Q35 0x29c08086

/* PAM0 is about F0000h to FFFFFh. Each of PAM1 to PAM6 is about two segments. */
#define PAM0	   0x90
#define PAM1	   0x91
#define PAM0_SHIFT 4

FEATURE(Q35, "the host bridge of Intel's Q35 (PCI function 00.0)")
{
	return pci_dev_exists(MCH) && pci_config_readl(MCH, PCI_VENDOR_ID) == MCH_Q35;
}

static u8 pam_register(int segment)
{
	return PAM1 + segment / 2;
}

static int pam_shift(int segment)
{
	return segment % 2 * 4;
}

void *pam_segment(int segment)
{
	return phys_to_virt(PAM_START + segment * PAM_SEGMENT_SIZE);
}

u8 pam_set_mode(int segment, u8 mode)
{
	int shift = pam_shift(segment);
	u8 before = pci_config_readb(MCH, pam_register(segment));

	pci_config_writeb(MCH, pam_register(segment),
			  (before & ~(PAM_RAM << shift)) | mode << shift);
	return before >> shift & PAM_RAM;
}

u8 pam_mode(int segment)
{
	return pci_config_readb(MCH, pam_register(segment)) >> pam_shift(segment) & PAM_RAM;
}

bool pam_all_is_ram(void)
{
	for (int segment = 0; segment < PAM_SEGMENTS; segment++)
		if (pam_mode(segment) != PAM_RAM)
			return false;
	return (pci_config_readb(MCH, PAM0) >> PAM0_SHIFT & PAM_RAM) == PAM_RAM;
}
