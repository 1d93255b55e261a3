// SPDX-License-Identifier: GPL-2.0-or-later
/* See forget.h and state_forget() in state.h. */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "forget.h"
#include "message.h"

#define MOST_FORGOTTEN 64

static struct {
	const char *piece; /* NULL for an MSR */
	const char *field; /* NULL for the whole piece */
	uint32_t msr;
} forgotten[MOST_FORGOTTEN];
static unsigned forgotten_count;

bool forget_whole(const char *name)
{
	for (unsigned i = 0; i < forgotten_count; i++)
		if (forgotten[i].piece && !forgotten[i].field && !strcmp(forgotten[i].piece, name))
			return true;
	return false;
}

bool forget_msr(uint32_t index)
{
	for (unsigned i = 0; i < forgotten_count; i++)
		if (!forgotten[i].piece && forgotten[i].msr == index)
			return true;
	return false;
}

static bool forgets_fields(const char *piece)
{
	for (unsigned i = 0; i < forgotten_count; i++)
		if (forgotten[i].field && !strcmp(forgotten[i].piece, piece))
			return true;
	return false;
}

static const struct field *find_field(const struct piece *piece, const char *name)
{
	for (const struct field *field = piece->fields; field && field->name; field++)
		if (!strcmp(field->name, name))
			return field;
	return NULL;
}

struct state_value *forget_apply(struct machine *machine, const struct piece *piece,
				 const struct state_value *value)
{
	struct state *fresh;
	struct state_value *copy;

	if (!forgotten_count || !forgets_fields(piece->name))
		return NULL;
	fresh = state_new();
	copy = allocate(sizeof(*copy));
	*copy = *value;
	copy->bytes = allocate(value->size);
	memcpy(copy->bytes, value->bytes, value->size);
	piece_save(machine, piece, value->cpu, fresh);
	for (unsigned i = 0; i < forgotten_count; i++) {
		const struct field *field;

		if (!forgotten[i].field || strcmp(forgotten[i].piece, piece->name) != 0)
			continue;
		field = find_field(piece, forgotten[i].field);
		if (!field)
			die(STATUS_SETUP, "--forget %s.%s: this KVM does not have it", piece->name,
			    forgotten[i].field);
		memcpy(copy->bytes + field->offset, fresh->values[0].bytes + field->offset,
		       (size_t)field->size * (field->count ? field->count : 1));
	}
	state_free(fresh);
	return copy;
}

void forget_free(struct state_value *copy)
{
	if (copy)
		free(copy->bytes);
	free(copy);
}

/* ---- the option ---- */

static bool is_device(const char *name)
{
	for (const struct device *const *device = devices; *device; device++)
		if (!strcmp((*device)->name, name))
			return true;
	return false;
}

/* Two pieces may have the same name and different fields. */
static bool has_field(const char *name, const char *field)
{
	for (const struct piece *piece = pieces; piece->name; piece++)
		if (!strcmp(piece->name, name) && find_field(piece, field))
			return true;
	return false;
}

static bool parse_item(const char *item)
{
	char *dot, *end, *name = strdup(item); /* kept as long as the program runs */
	const struct piece *piece;

	if (forgotten_count == MOST_FORGOTTEN || !name)
		return false;
	if (!strncmp(name, "msr:", strlen("msr:"))) {
		const char *number = name + strlen("msr:");

		forgotten[forgotten_count].msr = strtoul(number, &end, 0);
		if (!*number || *end)
			return false;
		forgotten_count++;
		return true;
	}
	forgotten[forgotten_count].piece = name;
	dot = strchr(name, '.');
	if (dot)
		*dot = '\0';
	piece = piece_find(name);
	if (!piece || (strchr(name, ':') && !is_device(strchr(name, ':') + 1)))
		return false;
	if (dot) {
		if (!has_field(name, dot + 1))
			return false;
		forgotten[forgotten_count].field = dot + 1;
	}
	forgotten_count++;
	return true;
}

const char *state_forget(const char *list)
{
	char *copy = strdup(list), *rest = copy, *item;

	while ((item = strsep(&rest, ",")))
		if (!parse_item(item))
			return item;
	free(copy);
	return NULL;
}

void state_print_pieces(FILE *file)
{
	for (const struct piece *piece = pieces; piece->name; piece++)
		if ((piece->set || piece->restore) && piece_find(piece->name) == piece)
			fprintf(file, "%-12s %s\n", piece->name, piece->about);
	for (const struct device *const *device = devices; *device; device++)
		if ((*device)->state_size)
			fprintf(file, "device:%s\n", (*device)->name);
	fprintf(file, "PIECE.FIELD leaves out one field, msr:INDEX one MSR\n");
}
