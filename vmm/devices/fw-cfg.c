// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's firmware configuration (docs/specs/fw_cfg.rst there): a number written to the selector
 * chooses what the data port gives, byte by byte. kvm-unit-tests asks it for the number of CPUs.
 */
#include <string.h>

#include "device.h"
#include "machine.h"

#define PORT 0x510

enum { SELECTOR, DATA, PORTS };

enum item {
	SIGNATURE = 0,
	ID = 1,
	RAM_SIZE = 3,
	NB_CPUS = 5,
	MAX_CPUS = 15,
};

#define ID_PORTS 1 /* there are ports, and no DMA */

static struct {
	uint16_t selector, offset;
} fw_cfg;

/* The selected item's bytes as a number, least significant byte first. */
static uint64_t item(const struct machine *machine)
{
	switch (fw_cfg.selector) {
	case SIGNATURE:
		return 'Q' | 'E' << 8 | 'M' << 16 | (uint64_t)'U' << 24;
	case ID:
		return ID_PORTS;
	case RAM_SIZE:
		return machine->memory.size;
	case NB_CPUS:
	case MAX_CPUS:
		return machine->vm->shape.cpus;
	default:
		return 0;
	}
}

static uint32_t in(struct machine *machine, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	if (offset != DATA)
		return value;
	for (unsigned i = 0; i < size; i++, fw_cfg.offset++)
		if (fw_cfg.offset < sizeof(uint64_t))
			value |= (uint32_t)(uint8_t)(item(machine) >> 8 * fw_cfg.offset) << 8 * i;
	return value;
}

static void out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	if (offset != SELECTOR)
		return;
	fw_cfg.selector = value;
	fw_cfg.offset = 0;
}

static void reset(struct machine *machine)
{
	memset(&fw_cfg, 0, sizeof(fw_cfg));
}

const struct device fw_cfg_device = {
	.name = "fw-cfg",
	.port = PORT,
	.ports = PORTS,
	.in = in,
	.out = out,
	.reset = reset,
	.state = &fw_cfg,
	.state_size = sizeof(fw_cfg),
};
