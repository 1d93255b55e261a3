/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program devices share: registers behind ports, read before and after. */
#ifndef DEVICES_H
#define DEVICES_H

#include "libcflat.h"
#include "pci.h"
#include "test.h"

/* How long a device may take to answer. */
#define ANSWER_MS 2000

/* A register of eight bits that a device must keep; `mask` has the bits that can be compared. */
struct port_register {
	const char *name;
	u16 port;
	u8 mask;
};

/* Reads COUNT registers, asks for an action, and checks that each still reads the same. */
void check_ports_kept(const struct port_register *registers, size_t count);

/* Whether the register keeps what is written to it. Restores its value. */
bool port_holds(u16 port);

/* Waits until the port has one of the bits. Returns false, and reports it, if that takes too long.
 */
bool wait_for_port(const char *what, u16 port, u8 bits);

DECLARE_FEATURE(CMOS);

/* The ICH9's LPC bridge: device 31, function 0. */
DECLARE_FEATURE(ICH9);
#define LPC PCI_DEVADDR(0, 31, 0)
/* The base of the chipset's registers in memory, and a usual value for it. */
#define RCBA	   0xf0
#define RCBA_USUAL 0xfed1c000u
#define RCBA_ON	   BIT(0)
/* The base of the ports of power management. 0: firmware has not given it an address. */
u16 pm_base(void);

/* ---- QEMU's fw_cfg: fw-cfg.c ---- */

/* Gives the item of the file with this name. False if there is none, or no fw_cfg. */
bool fw_cfg_find(const char *name, u16 *item);
/* Selects an item. It is read from its first byte on. */
void fw_cfg_select(u16 item);
void fw_cfg_read(u8 *to, size_t count);

#endif
