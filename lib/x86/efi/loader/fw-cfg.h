/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of QEMU's fw_cfg device, for the UEFI loader. */
#ifndef X86_EFI_LOADER_FW_CFG_H
#define X86_EFI_LOADER_FW_CFG_H

#include <efi.h>

/* Reads up to MOST bytes of the file NAME. Returns how many; 0 if there is no such file or device.
 */
UINTN fw_cfg_read(const char *name, char *to, UINTN most);

#endif
