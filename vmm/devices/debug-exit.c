// SPDX-License-Identifier: GPL-2.0-or-later
/* isa-debug-exit, as QEMU has it: a byte that the guest writes ends the process. */
#include "device.h"
#include "machine.h"

#define PORT 0xf4

static void out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	machine_end(machine, ((value & 0x7f) << 1) | 1);
}

const struct device debug_exit_device = {
	.name = "debug-exit",
	.port = PORT,
	.ports = 4,
	.out = out,
};
