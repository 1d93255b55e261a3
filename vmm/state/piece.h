/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A piece of a guest's state: what one pair of KVM's ioctls gets and sets. */
#ifndef VMM_STATE_PIECE_H
#define VMM_STATE_PIECE_H

#include <stddef.h>

#include "machine.h"
#include "state.h"

struct comparison;

/* A named part of a value, for messages and rules. */
struct field {
	const char *name;
	uint16_t offset, size; /* in bytes; SIZE is at most 16, and 8 if a rule is to explain it */
	uint16_t count;	       /* 0 for one; more are called NAME[0], NAME[1], ... */
};

struct piece {
	const char *name;
	const char *about; /* one line, for --forget list */
	bool whole_vm;	   /* there is one value, and not one for each vCPU */
	/* Whether this KVM and this VM have the piece; NULL if all have it. */
	bool (*is_there)(const struct vm *vm);
	/*
	 * Most pieces are one structure of SIZE bytes, which one ioctl gets and another one sets.
	 * SET is 0 if there is nothing to restore.
	 */
	unsigned long get, set;
	const char *set_name; /* for messages */
	uint32_t size;
	/*
	 * Other pieces have functions of their own. SAVE adds a value to STATE by state_add().
	 * RESTORE ends the process if KVM refuses.
	 */
	void (*save)(struct machine *machine, const struct piece *piece, int cpu,
		     struct state *state);
	void (*restore)(struct machine *machine, int cpu, const struct state_value *value);
	/* What the value consists of, ended by a field without a name. NULL: bytes. */
	const struct field *fields;
	/* A piece whose structure depends on its contents finds differences itself (check.h). */
	void (*compare)(struct comparison *comparison);
};

/* All pieces in the order of restoring, ended by one without a name. */
extern const struct piece pieces[];
/* The first piece with this name, or NULL. The names of all devices give the row "device". */
const struct piece *piece_find(const char *name);
/* Of the pieces with VALUE's name, the one that VM has; NULL if it has none of them. */
const struct piece *piece_of(const struct state_value *value, const struct vm *vm);
/* Adds to STATE what machine->vm has of PIECE. */
void piece_save(struct machine *machine, const struct piece *piece, int cpu, struct state *state);
/*
 * Reading some pieces changes others, so these are read before all others, in this order. Ended by
 * NULL.
 */
extern const char *const saved_first[];
/* The file descriptor of the vCPU, or of the VM for STATE_WHOLE_VM. */
int piece_fd(const struct vm *vm, int cpu);

#endif
