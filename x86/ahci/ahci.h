/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program ahci share: the port, and how a command is issued. See ahci.c. */
#ifndef AHCI_H
#define AHCI_H

#include "libcflat.h"
#include "test.h"

/* 3.3 "Port Registers" of port 0 */
#define PORT_IS	  0x110
#define PORT_TFD  0x120
#define PORT_CI	  0x138
#define TFD_ERROR BIT(0)

#define ROUNDS 2
/* How long a command may take. */
#define END_MS	     20000
#define PACKET_BYTES 12

struct command {
	u8 code, features, count;
	u64 lba;
	void *buffer; /* of which BYTES are used; NULL: no data */
	u32 bytes;
	bool write, queued;
	const u8 *packet; /* of 12 bytes, for a CD drive */
};

DECLARE_FEATURE(AHCI);

u32 read_reg(u32 reg);

/*
 * What kind of drive there is; 0 if there is no controller. The port knows once it has received the
 * drive's first FIS.
 */
u32 drive_signature(void);

/* A command has not ended. Restarting the port does not help, so other tests would only wait. */
extern bool port_is_dead;
/* False, with a skip, if the port is dead. */
bool start_port(void);
void end_port(void);

void issue(int slot, const struct command *command);
bool is_over(int slot);
/*
 * Waits until OVER() says that all commands have ended. If that takes too long, fails the test,
 * says that the port is dead, and returns false.
 */
bool commands_end(bool (*over)(void));

#endif
