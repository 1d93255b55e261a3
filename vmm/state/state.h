/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a guest: all that KVM and our devices hold of it, except RAM. It can be put into a
 * VM that was made from nothing, in this process or in another.
 *
 * A state is a list of named values. A value's bytes are what KVM's ioctl has given. Only the piece
 * that has saved it (pieces.c) and its fields (fields.c) know what is inside. So a state can be
 * written to a file and read back without knowing the pieces.
 */
#ifndef VMM_STATE_H
#define VMM_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct machine;

#define STATE_WHOLE_VM (-1)

struct state_value {
	const char *piece; /* "regs", "msrs", "device:serial", ... */
	int cpu;	   /* or STATE_WHOLE_VM */
	uint32_t size;
	uint8_t *bytes;
};

struct state {
	unsigned count;
	struct state_value *values;
};

/* The state of machine->vm and the devices. All vCPUs are stopped. */
struct state *state_save(struct machine *machine);
/* The first piece that STATE has and machine->vm lacks; NULL if it has all. */
const char *state_lacks(const struct machine *machine, const struct state *state);
/*
 * Puts STATE into machine->vm, which is new (or is reset: reset.c), and into the devices. Ends the
 * process with one line if KVM refuses a piece.
 */
void state_restore(struct machine *machine, const struct state *state);
/*
 * Reads everything again and compares it with STATE, which was just restored. If there are
 * differences that no rule explains (rules.c), prints up to 16 of them, and ends the process. A
 * piece that STATE does not have is not compared: a reset keeps some on purpose (reset.c).
 */
void state_check(struct machine *machine, const struct state *state);
void state_free(struct state *state);

/* For code that reads states from elsewhere, e.g. a file. */
struct state *state_new(void);
/*
 * Adds a value of SIZE bytes, all zero, and returns it, until the next call. Returns NULL if there
 * is no PIECE of this name.
 */
struct state_value *state_add(struct state *state, const char *piece, int cpu, uint32_t size);
/* Adds a copy of VALUE to STATE. */
void state_copy(struct state *state, const struct state_value *value);
/* The value of PIECE for CPU (or STATE_WHOLE_VM), or NULL if there is none. */
const struct state_value *state_find(const struct state *state, const char *piece, int cpu);
/* Sets VALUE to what MSR INDEX of CPU was. Returns whether it was saved. */
bool state_msr(const struct state *state, int cpu, uint32_t index, uint64_t *value);

/*
 * Leaves out of each state_restore() the pieces that LIST names, separated by commas. An item is
 * the name of a piece, PIECE.FIELD, or msr:INDEX. Returns the first item that is unknown, or NULL.
 */
const char *state_forget(const char *list);
/* Prints what can be forgotten. */
void state_print_pieces(FILE *file);

#endif
