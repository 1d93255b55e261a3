// SPDX-License-Identifier: GPL-2.0-or-later
/* See check.h, and state_check() in state.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "fields.h"
#include "message.h"
#include "rules.h"

/* Lines that are printed; all differences are counted. */
#define MOST_LINES 16

static const char *whose(int cpu)
{
	static char text[32];

	if (cpu == STATE_WHOLE_VM)
		return "VM";
	snprintf(text, sizeof(text), "vCPU %d", cpu);
	return text;
}

static void tell(struct comparison *comparison, const char *field, const char *old, const char *new,
		 const char *rule)
{
	if (comparison->differences++ >= MOST_LINES)
		return;
	if (rule)
		message("%s: %s.%s was %s when the guest was saved, and is %s %" PRIu64
			" ns later, after the restore; %s",
			whose(comparison->cpu), comparison->piece, field, old, new, comparison->ns,
			rule);
	else
		message("%s: %s.%s was %s when the guest was saved, and is %s after the restore",
			whose(comparison->cpu), comparison->piece, field, old, new);
}

void differs(struct comparison *comparison, const char *field, uint64_t old, uint64_t new)
{
	const struct rule *rule = rule_find(comparison->piece, field);
	char was[32], is[32];

	if (rule && rule->holds(comparison, old, new))
		return;
	snprintf(was, sizeof(was), "0x%" PRIx64, old);
	snprintf(is, sizeof(is), "0x%" PRIx64, new);
	tell(comparison, field, was, is, rule ? rule->reason : NULL);
}

/* ---- structures ---- */

static uint64_t number(const uint8_t *bytes, uint32_t size)
{
	uint64_t value = 0;

	memcpy(&value, bytes, size);
	return value;
}

/* The high half, then the low half. */
static void print_long(char *text, size_t room, const uint8_t *bytes)
{
	snprintf(text, room, "0x%016" PRIx64 "%016" PRIx64, number(bytes + 8, 8), number(bytes, 8));
}

/* SIZE is at most 16. */
static void compare_bytes(struct comparison *comparison, const char *name, uint32_t offset,
			  uint32_t size)
{
	const uint8_t *old = comparison->old->bytes + offset;
	const uint8_t *new = comparison->new->bytes + offset;
	char was[40], is[40];

	if (!memcmp(old, new, size))
		return;
	if (size <= sizeof(uint64_t)) {
		differs(comparison, name, number(old, size), number(new, size));
		return;
	}
	print_long(was, sizeof(was), old);
	print_long(is, sizeof(is), new);
	tell(comparison, name, was, is, NULL);
}

void compare_words(struct comparison *comparison, const char *name, uint32_t offset, uint32_t size)
{
	for (uint32_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint32_t left = size - at;
		char field[64];

		snprintf(field, sizeof(field), "%s+0x%x", name, at);
		compare_bytes(comparison, field, offset + at, left < 8 ? left : 8);
	}
}

/* The field that has the byte at OFFSET, and which of its elements. */
static const struct field *field_at(const struct field *fields, uint32_t offset, uint32_t *element)
{
	for (const struct field *field = fields; field && field->name; field++) {
		uint32_t count = field->count ? field->count : 1;

		if (offset < field->offset || offset >= field->offset + field->size * count)
			continue;
		*element = (offset - field->offset) / field->size;
		return field;
	}
	return NULL;
}

void compare_field(struct comparison *comparison, const struct field *field, uint32_t offset)
{
	compare_bytes(comparison, field->name, offset + field->offset, field->size);
}

void compare_fields(struct comparison *comparison, const struct field *fields, uint32_t size)
{
	for (uint32_t offset = 0, end; offset < size; offset = end) {
		uint32_t element;
		const struct field *field = field_at(fields, offset, &element);
		char name[64];

		if (field) {
			end = field->offset + (element + 1) * field->size;
			snprintf(name, sizeof(name), field->count ? "%s[%u]" : "%s", field->name,
				 element);
			compare_bytes(comparison, name, end - field->size, field->size);
		} else {
			end = offset + 1;
			snprintf(name, sizeof(name), "byte 0x%x", offset);
			compare_bytes(comparison, name, offset, 1);
		}
	}
}

/* ---- a whole state ---- */

static void compare_value(struct comparison *comparison)
{
	const struct state_value *old = comparison->old, *new = comparison->new;
	const struct piece *piece = piece_find(old->piece);

	if (old->size == new->size && !memcmp(old->bytes, new->bytes, old->size))
		return;
	if (piece->compare) {
		piece->compare(comparison);
		return;
	}
	if (old->size != new->size)
		differs(comparison, "size", old->size, new->size);
	else
		compare_fields(comparison, piece->fields, old->size);
}

static uint64_t monotonic_ns(const struct state *state)
{
	const struct state_value *value = state_find(state, "time", STATE_WHOLE_VM);

	return ((const struct state_time *)value->bytes)->monotonic_ns;
}

void state_check(struct machine *machine, const struct state *state)
{
	struct state *now = state_save(machine);
	struct timespec end;
	struct comparison comparison = { .before = state, .after = now };

	clock_gettime(CLOCK_MONOTONIC, &end);
	comparison.ns = end.tv_sec * 1000000000ull + end.tv_nsec - monotonic_ns(state);
	for (unsigned i = 0; i < state->count; i++) {
		comparison.old = &state->values[i];
		comparison.piece = comparison.old->piece;
		comparison.cpu = comparison.old->cpu;
		/* Both were saved in the same order, unless one comes from another process. */
		comparison.new = i < now->count && now->values[i].piece == comparison.piece &&
						 now->values[i].cpu == comparison.cpu
					 ? &now->values[i]
					 : state_find(now, comparison.piece, comparison.cpu);
		if (comparison.new)
			compare_value(&comparison);
		else
			tell(&comparison, "all of it", "there", "missing", NULL);
	}
	state_free(now);
	if (comparison.differences > MOST_LINES)
		message("and %u more differences", comparison.differences - MOST_LINES);
	if (comparison.differences)
		die(STATUS_DIFFERENCE, "the restore has not restored everything that was saved");
}
