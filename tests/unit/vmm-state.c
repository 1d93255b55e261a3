// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmm/state/: a restored state is compared with the saved one, and --forget leaves out a part. KVM
 * and the table of pieces are fake. This KVM is older than Linux 5.14: it has KVM_GET_SREGS, and no
 * KVM_GET_SREGS2.
 */
#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "message.h"
#include "state/check.h"
#include "state/fields.h"

/* ---- what the files under test need of the rest of ferry-vmm ---- */

/* What KVM has of the only vCPU. */
static struct kvm_sregs sregs;

static jmp_buf end;
static char last_words[512];

void message(const char *format, ...)
{
}

void die(enum status status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	g_vsnprintf(last_words, sizeof(last_words), format, arguments);
	va_end(arguments);
	longjmp(end, 1);
}

void *allocate(unsigned long size)
{
	return calloc(1, size);
}

void *reallocate(void *memory, unsigned long size)
{
	return realloc(memory, size);
}

int kvm_try(int fd, unsigned long request, void *argument)
{
	if (request == KVM_GET_SREGS)
		memcpy(argument, &sregs, sizeof(sregs));
	else if (request == KVM_SET_SREGS)
		memcpy(&sregs, argument, sizeof(sregs));
	else
		return -1;
	return 0;
}

void devices_clear(void)
{
}

const struct device *const devices[] = { NULL };

static void save_time(struct machine *machine, const struct piece *piece, int cpu,
		      struct state *state)
{
	state_add(state, piece->name, cpu, sizeof(struct state_time));
}

static bool not_there(const struct vm *vm)
{
	return false;
}

const struct piece pieces[] = {
	{ .name = "time", .whole_vm = true, .save = save_time, .fields = time_fields },
	{
		.name = "sregs",
		.is_there = not_there,
		.get = KVM_GET_SREGS2,
		.set = KVM_SET_SREGS2,
		.size = sizeof(struct kvm_sregs2),
		.fields = sregs2_fields,
	},
	{
		.name = "sregs",
		.get = KVM_GET_SREGS,
		.set = KVM_SET_SREGS,
		.size = sizeof(struct kvm_sregs),
		.fields = sregs_fields,
	},
	{ .name = "xcrs", .is_there = not_there, .size = sizeof(struct kvm_xcrs) },
	{ 0 },
};

const char *const saved_first[] = { "time", NULL };

int piece_fd(const struct vm *vm, int cpu)
{
	return -1;
}

const struct piece *piece_find(const char *name)
{
	for (const struct piece *piece = pieces; piece->name; piece++)
		if (!strcmp(piece->name, name))
			return piece;
	return NULL;
}

static struct vm vm = { .shape = { .cpus = 1 } };
static struct machine machine = { .vm = &vm };

/* ---- comparing ---- */

/* What ferry-vmm says of the difference between STATE and KVM's state; "" if there is none. */
static const char *found(const struct state *state)
{
	last_words[0] = '\0';
	if (!setjmp(end))
		state_check(&machine, state);
	return last_words;
}

static void test_same(void)
{
	struct state *state = state_save(&machine);

	g_assert_cmpstr(found(state), ==, "");
	state_free(state);
}

/* Both KVM_GET_SREGS and KVM_GET_SREGS2 are called "sregs", and their ends differ. */
static void test_old_sregs(void)
{
	struct state *state = state_save(&machine);

	g_assert_null(state_lacks(&machine, state));
	sregs.interrupt_bitmap[1] = 0x10;
	g_assert_cmpstr(
		found(state), ==,
		"vCPU 0: sregs.interrupt_bitmap[1] was 0x0 when the guest was saved, and is 0x10 after the restore");
	state_restore(&machine, state);
	g_assert_cmpstr(found(state), ==, "");
	state_free(state);
}

static void test_pieces(void)
{
	struct state *more = state_save(&machine), *less = state_save(&machine);

	state_add(more, "xcrs", 0, sizeof(struct kvm_xcrs));
	g_assert_cmpstr(state_lacks(&machine, more), ==, "xcrs");
	g_assert_cmpstr(found(more), ==,
			"vCPU 0: 'xcrs' was saved, and is missing after the restore");
	/* A reset restores a state without some pieces, which keep their values. */
	free(less->values[--less->count].bytes);
	g_assert_cmpstr(found(less), ==, "");
	state_free(more);
	state_free(less);
}

static void test_long(void)
{
	static const struct {
		struct field field[2];
		const char *told;
	} rows[] = {
		{ { { "eight", 0, 8, 0 } },
		  "VM: x.eight was 0x706050403020100 when the guest was saved, and is 0x70605040302ff00 after the restore" },
		{ { { "nine", 0, 9, 0 } },
		  "VM: x.nine was 0x080706050403020100 when the guest was saved, and is 0x08070605040302ff00 after the restore" },
		{ { { "sixteen", 0, 16, 0 } },
		  "VM: x.sixteen was 0x0f0e0d0c0b0a09080706050403020100 when the guest was saved, and is 0x0f0e0d0c0b0a0908070605040302ff00 after the restore" },
	};
	uint8_t before[16], after[16];
	struct state_value old = { .bytes = before }, new = { .bytes = after };

	for (unsigned i = 0; i < sizeof(before); i++)
		before[i] = after[i] = i;
	after[1] = 0xff;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		struct comparison comparison = {
			.old = &old, .new = &new, .piece = "x", .cpu = STATE_WHOLE_VM
		};

		compare_fields(&comparison, "", rows[i].field, 0, rows[i].field->size);
		g_assert_cmpstr(comparison.first, ==, rows[i].told);
	}
}

/* ---- --forget ---- */

/* What ferry-vmm says when it restores STATE; "" if it goes on. */
static const char *restored(const struct state *state)
{
	last_words[0] = '\0';
	if (!setjmp(end))
		state_restore(&machine, state);
	return last_words;
}

static void test_forget(void)
{
	struct state *state;

	sregs.cr2 = sregs.interrupt_bitmap[1] = 1;
	state = state_save(&machine);
	sregs.cr2 = sregs.interrupt_bitmap[1] = 2;
	g_assert_cmpstr(state_forget("sregs.cr2,sregs.nosuch"), ==, "sregs.nosuch");
	g_assert_null(state_forget("sregs.interrupt_bitmap"));
	g_assert_cmpstr(restored(state), ==, "");
	g_assert_cmpuint(sregs.cr2, ==, 2);
	g_assert_cmpuint(sregs.interrupt_bitmap[1], ==, 2);
	/* Only KVM_GET_SREGS2 has it. */
	g_assert_null(state_forget("sregs.pdptr"));
	g_assert_cmpstr(restored(state), ==, "--forget sregs.pdptr: this KVM does not have it");
	state_free(state);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/vmm-state/same", test_same);
	g_test_add_func("/vmm-state/old-sregs", test_old_sregs);
	g_test_add_func("/vmm-state/pieces", test_pieces);
	g_test_add_func("/vmm-state/long", test_long);
	g_test_add_func("/vmm-state/forget", test_forget);
	return g_test_run();
}
