// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares the state of a restored guest with the state that was saved, and prints the differences.
 * See check.h, and state_check() in state.h.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "fields.h"
#include "host-time.h"
#include "message.h"
#include "rules.h"

/* At most this many differences are printed, but all are counted. */
#define MOST_LINES 16

static const char *whose(int cpu)
{
	static char text[32];

	if (cpu == STATE_WHOLE_VM)
		return "VM";
	snprintf(text, sizeof(text), "vCPU %d", cpu);
	return text;
}

static void __attribute__((format(printf, 2, 3)))
note(struct comparison *comparison, const char *format, ...)
{
	char text[LONGEST_DIFFERENCE];
	va_list arguments;

	if (comparison->differences++ >= MOST_LINES)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (comparison->differences == 1)
		memcpy(comparison->first, text, sizeof(text));
	else
		message("%s", text);
}

static void tell(struct comparison *comparison, const char *field, const char *old, const char *new,
		 const char *rule)
{
	if (rule)
		note(comparison,
		     "%s: %s.%s was %s when the guest was saved, and is %s %" PRIu64
		     " ns later, after the restore; %s",
		     whose(comparison->cpu), comparison->piece, field, old, new, comparison->ns,
		     rule);
	else
		note(comparison,
		     "%s: %s.%s was %s when the guest was saved, and is %s after the restore",
		     whose(comparison->cpu), comparison->piece, field, old, new);
}

/* The runner reports only the last line. So that line has the first difference. */
static void __attribute__((noreturn)) fail(const struct comparison *comparison)
{
	unsigned others = comparison->differences - 1;

	if (others >= MOST_LINES)
		message("and %u more", others - (MOST_LINES - 1));
	if (!others)
		die(STATUS_DIFFERENCE, "%s", comparison->first);
	die(STATUS_DIFFERENCE, "%s (and %u more %s)", comparison->first, others,
	    others == 1 ? "difference" : "differences");
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

/* Prints SIZE bytes, 9 to 16, as one number, with the high half first. */
static void print_long(char *text, size_t room, const uint8_t *bytes, uint32_t size)
{
	snprintf(text, room, "0x%0*" PRIx64 "%016" PRIx64, (int)(size - 8) * 2,
		 number(bytes + 8, size - 8), number(bytes, 8));
}

/* SIZE is 1 to 16. */
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
	print_long(was, sizeof(was), old, size);
	print_long(is, sizeof(is), new, size);
	tell(comparison, name, was, is, NULL);
}

/* The field that contains the byte at OFFSET, and in ELEMENT which of its elements; or NULL. */
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

void compare_fields(struct comparison *comparison, const char *prefix, const struct field *fields,
		    uint32_t base, uint32_t size)
{
	const uint8_t *old = comparison->old->bytes + base, *new = comparison->new->bytes + base;

	for (uint32_t at = 0, begin, end; at < size; at = end) {
		uint32_t element;
		const struct field *field;
		char name[64];

		end = at + 1;
		if (old[at] == new[at])
			continue;
		field = field_at(fields, at, &element);
		if (field) {
			begin = field->offset + element * field->size;
			end = begin + field->size;
			snprintf(name, sizeof(name), field->count ? "%s%s[%u]" : "%s%s", prefix,
				 field->name, element);
		} else {
			begin = at;
			snprintf(name, sizeof(name), "%sbyte 0x%x", prefix, at);
		}
		compare_bytes(comparison, name, base + begin, end - begin);
	}
}

/* ---- a whole state ---- */

static void compare_value(struct comparison *comparison, const struct piece *piece)
{
	const struct state_value *old = comparison->old, *new = comparison->new;

	if (old->size == new->size && !memcmp(old->bytes, new->bytes, old->size))
		return;
	/* A piece that is never restored, such as "time", is not the guest's state. */
	if (!piece->restore && !piece->set)
		return;
	if (piece->compare) {
		piece->compare(comparison);
		return;
	}
	if (old->size != new->size)
		differs(comparison, "size", old->size, new->size);
	else
		compare_fields(comparison, "", piece->fields, 0, old->size);
}

static uint64_t monotonic_ns(const struct state *state)
{
	const struct state_value *value = state_find(state, "time", STATE_WHOLE_VM);

	return ((const struct state_time *)value->bytes)->monotonic_ns;
}

void state_check(struct machine *machine, const struct state *state)
{
	struct state *now = state_save(machine);
	struct comparison comparison = { .before = state, .after = now };

	comparison.ns = host_ns(CLOCK_MONOTONIC) - monotonic_ns(state);
	for (unsigned i = 0; i < state->count; i++) {
		comparison.old = &state->values[i];
		comparison.piece = comparison.old->piece;
		comparison.cpu = comparison.old->cpu;
		/*
		 * Two states of one process have the same values in the same order. In a state from
		 * another process the value may be elsewhere.
		 */
		comparison.new = i < now->count && now->values[i].piece == comparison.piece &&
						 now->values[i].cpu == comparison.cpu
					 ? &now->values[i]
					 : state_find(now, comparison.piece, comparison.cpu);
		if (comparison.new)
			compare_value(&comparison, piece_of(comparison.new, machine->vm));
		else
			note(&comparison, "%s: '%s' was saved, and is missing after the restore",
			     whose(comparison.cpu), comparison.piece);
	}
	state_free(now);
	if (comparison.differences)
		fail(&comparison);
}
