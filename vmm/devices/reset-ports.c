// SPDX-License-Identifier: GPL-2.0-or-later
/* The three ports by which a PC resets itself. Intel ICH9 data sheet, 13.7 (PORT92, RST_CNT). */
#include "device.h"
#include "vcpu.h"

#define KEYBOARD_PORT  0x64
#define KEYBOARD_RESET 0xfe /* a command that pulses the line to the CPU's reset pin */

#define FAST_PORT  0x92
#define FAST_RESET 1

#define CONTROL_PORT  0xcf9
#define CONTROL_RESET 4

static void keyboard_out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	if ((uint8_t)value == KEYBOARD_RESET)
		vcpus_reset_wanted();
}

/* The controller is ready for a command, and has no data. */
static uint32_t keyboard_in(struct machine *machine, unsigned offset, unsigned size)
{
	return 0;
}

const struct device keyboard_device = {
	.name = "keyboard",
	.port = KEYBOARD_PORT,
	.ports = 1,
	.in = keyboard_in,
	.out = keyboard_out,
};

static void fast_out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	if (value & FAST_RESET)
		vcpus_reset_wanted();
}

static uint32_t fast_in(struct machine *machine, unsigned offset, unsigned size)
{
	return 0;
}

const struct device fast_reset_device = {
	.name = "fast-reset",
	.port = FAST_PORT,
	.ports = 1,
	.in = fast_in,
	.out = fast_out,
};

static void control_out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	if (value & CONTROL_RESET)
		vcpus_reset_wanted();
}

const struct device reset_control_device = {
	.name = "reset-control",
	.port = CONTROL_PORT,
	.ports = 1,
	.out = control_out,
};
