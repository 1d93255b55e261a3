/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functions of the pieces that are more than a pair of ioctls: clocks.c, cpu.c, msrs.c, nested.c,
 * chips.c.
 */
#ifndef VMM_STATE_PIECES_H
#define VMM_STATE_PIECES_H

#include "piece.h"

#define SAVES(name)                                                                                \
	void save_##name(struct machine *machine, const struct piece *piece, int cpu,              \
			 struct state *state)
#define RESTORES(name)                                                                             \
	void restore_##name(struct machine *machine, int cpu, const struct state_value *value)
#define COMPARES(name) void compare_##name(struct comparison *comparison)

SAVES(time);
SAVES(tsc_khz);
RESTORES(tsc_khz);
SAVES(tsc);
RESTORES(tsc);
SAVES(clock);
RESTORES(clock);

SAVES(cpuid);
RESTORES(cpuid);
COMPARES(cpuid);
SAVES(xsave);
RESTORES(xsave);
SAVES(smm);
RESTORES(smm);
bool has_one_reg(const struct vm *vm);
SAVES(one_reg);
RESTORES(one_reg);

SAVES(features);
SAVES(msrs);
RESTORES(msrs);
COMPARES(msrs);

SAVES(nested);
RESTORES(nested);
COMPARES(nested);

SAVES(irqchip);
RESTORES(irqchip);
SAVES(devices);
RESTORES(device);

#endif
