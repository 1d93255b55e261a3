/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --forget: what a restore leaves out on purpose. */
#ifndef VMM_STATE_FORGET_H
#define VMM_STATE_FORGET_H

#include "piece.h"

/* Whether the piece, or the device, of this name is left out. */
bool forget_whole(const char *name);
bool forget_msr(uint32_t index);
/*
 * If fields of PIECE are left out: a copy of VALUE in which these have the new VM's present values.
 * NULL if none are.
 */
struct state_value *forget_apply(struct machine *machine, const struct piece *piece,
				 const struct state_value *value);
void forget_free(struct state_value *copy);

#endif
