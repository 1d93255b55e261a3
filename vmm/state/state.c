// SPDX-License-Identifier: GPL-2.0-or-later
/* See state.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "forget.h"
#include "message.h"
#include "piece.h"

/* ---- the list of values ---- */

/* Keeps one copy of a device's name, which is made at run time, until the process ends. */
static const char *lasting_name(const char *name)
{
	static char **names;
	static unsigned count;

	for (unsigned i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return names[i];
	names = reallocate(names, (count + 1) * sizeof(names[0]));
	names[count] = allocate(strlen(name) + 1);
	strcpy(names[count], name);
	return names[count++];
}

struct state *state_new(void)
{
	return allocate(sizeof(struct state));
}

struct state_value *state_add(struct state *state, const char *name, int cpu, uint32_t size)
{
	const struct piece *piece = piece_find(name);
	struct state_value *value;

	if (!piece)
		return NULL;
	state->values = reallocate(state->values, (state->count + 1) * sizeof(*value));
	value = &state->values[state->count++];
	value->piece = strchr(name, ':') ? lasting_name(name) : piece->name;
	value->cpu = cpu;
	value->size = size;
	value->bytes = allocate(size ? size : 1);
	return value;
}

void state_copy(struct state *state, const struct state_value *value)
{
	struct state_value *copy = state_add(state, value->piece, value->cpu, value->size);

	memcpy(copy->bytes, value->bytes, value->size);
}

const struct state_value *state_find(const struct state *state, const char *piece, int cpu)
{
	for (unsigned i = 0; i < state->count; i++)
		if (state->values[i].cpu == cpu && !strcmp(state->values[i].piece, piece))
			return &state->values[i];
	return NULL;
}

void state_free(struct state *state)
{
	for (unsigned i = 0; i < state->count; i++)
		free(state->values[i].bytes);
	free(state->values);
	free(state);
}

/* ---- saving ---- */

/* The answer is the same for each VM of a process, so KVM is asked once. */
static bool is_there(const struct piece *piece, const struct vm *vm)
{
	static signed char known[64]; /* 1 it is, -1 it is not, 0 not asked yet */
	size_t index = piece - pieces;

	if (index >= sizeof(known))
		die(STATUS_SETUP, "more pieces of state than ferry-vmm has room for");
	if (!known[index])
		known[index] = !piece->is_there || piece->is_there(vm) ? 1 : -1;
	return known[index] > 0;
}

void piece_save(struct machine *machine, const struct piece *piece, int cpu, struct state *state)
{
	struct state_value *value;

	if (piece->save) {
		piece->save(machine, piece, cpu, state);
		return;
	}
	value = state_add(state, piece->name, cpu, piece->size);
	if (kvm_try(piece_fd(machine->vm, cpu), piece->get, value->bytes) < 0)
		die(STATUS_KVM, "KVM does not give '%s': %s", piece->name, strerror(errno));
}

static void save_piece(struct machine *machine, const struct piece *piece, struct state *state)
{
	if (!is_there(piece, machine->vm))
		return;
	if (piece->whole_vm)
		piece_save(machine, piece, STATE_WHOLE_VM, state);
	else
		for (unsigned i = 0; i < machine->vm->shape.cpus; i++)
			piece_save(machine, piece, i, state);
}

static bool is_saved_first(const char *name)
{
	for (const char *const *first = saved_first; *first; first++)
		if (!strcmp(*first, name))
			return true;
	return false;
}

struct state *state_save(struct machine *machine)
{
	struct state *state = state_new();

	for (const char *const *first = saved_first; *first; first++)
		save_piece(machine, piece_find(*first), state);
	for (const struct piece *piece = pieces; piece->name; piece++)
		if (!is_saved_first(piece->name))
			save_piece(machine, piece, state);
	return state;
}

/* ---- restoring ---- */

static void restore_value(struct machine *machine, const struct piece *piece,
			  const struct state_value *value)
{
	struct state_value *kept = forget_apply(machine, piece, value);

	if (kept)
		value = kept;
	if (piece->restore) {
		piece->restore(machine, value->cpu, value);
	} else if (piece->set) {
		if (value->size != piece->size)
			die(STATUS_SETUP, "'%s' has %u bytes here, and %u in the saved state",
			    piece->name, piece->size, value->size);
		if (kvm_try(piece_fd(machine->vm, value->cpu), piece->set, value->bytes) < 0)
			die(STATUS_KVM, "vCPU %d: KVM refuses %s while the guest is restored: %s",
			    value->cpu, piece->set_name, strerror(errno));
	}
	forget_free(kept);
}

/* "device:serial" belongs to the row "device". */
static bool is_of_piece(const struct state_value *value, const struct piece *piece)
{
	size_t length = strlen(piece->name);

	return !strncmp(value->piece, piece->name, length) &&
	       (!value->piece[length] || value->piece[length] == ':');
}

const struct piece *piece_of(const struct state_value *value, const struct vm *vm)
{
	for (const struct piece *piece = pieces; piece->name; piece++)
		if (is_of_piece(value, piece) && is_there(piece, vm))
			return piece;
	return NULL;
}

const char *state_lacks(const struct machine *machine, const struct state *state)
{
	for (unsigned i = 0; i < state->count; i++)
		if (!piece_of(&state->values[i], machine->vm))
			return state->values[i].piece;
	return NULL;
}

void state_restore(struct machine *machine, const struct state *state)
{
	devices_clear();
	for (const struct piece *piece = pieces; piece->name; piece++) {
		if (!is_there(piece, machine->vm))
			continue;
		for (unsigned i = 0; i < state->count; i++) {
			const struct state_value *value = &state->values[i];

			if (is_of_piece(value, piece) && !forget_whole(piece->name) &&
			    !forget_whole(value->piece))
				restore_value(machine, piece, value);
		}
	}
}
