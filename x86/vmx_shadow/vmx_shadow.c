// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMCS shadowing across a migration (Intel SDM volume 3: 25.10 "VMCS Types: Ordinary and Shadow",
 * 25.6.15 for the VMREAD and VMWRITE bitmaps, 27.3.1.5 for the VMCS link pointer, 31.3 for VMREAD
 * and VMWRITE in VMX non-root operation). This file has what the tests share; the tests are in the
 * other files of this folder.
 *
 * With VMCS shadowing, an L2 that is a hypervisor itself reads and writes the fields of a second
 * VMCS, the shadow VMCS, to which the VMCS link pointer leads. It exits only for fields that a
 * bitmap of L1 names. A hypervisor may cache the shadow VMCS while L2 runs.
 *
 * A broken hypervisor leaves this cache behind in a migration, so that L2, or L1 afterwards, finds
 * older values. Or it takes the shadow VMCS for the current one, loses the link pointer, or ignores
 * the bitmaps, or follows older ones.
 *
 * L2 reads each field, writes each field, and reads each again. The bitmaps say which of these
 * accesses may exit. VMREAD has to give what L2 or L1 wrote last; a CPU need not keep reserved
 * bits of a field, so the test learns beforehand which bits L1's VMWRITE keeps. Afterwards L1
 * makes the shadow VMCS its current one, and must find what L2 has written.
 *
 * The tests cannot tell a shadow VMCS that the migration lost from one that a VM exit or entry
 * lost, except with the plan `none'. They do not look at the error of an instruction that fails in
 * L2, nor at the field VM_INSTRUCTION_ERROR, which reading may change.
 *
 * break=WHAT on the command line spoils a test on purpose, after each of its migrations:
 *
 * field    one field of the shadow VMCS has another value
 * bitmaps  each bit of both bitmaps is inverted
 * link     the VMCS link pointer is all ones
 * control  VMCS shadowing is off
 * refused  (before the migration) VM entries have nothing wrong for which they should be refused
 * other    (before the migration) L2 executes none of the instructions that exit
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "x86/vmx_shadow/vmx_shadow.h"

#define SWEPT 1

/* How many failures are reported one by one. */
#define MOST_SHOWN 3

/* ======== the shadow VMCS ======== */

struct shadow shadow;
u8 *bitmaps[2]; /* by access: what exits */
static bool wanted[2][VMCS_FIELD_COUNT];
/* Which fields the VMCSs of this CPU have, and which of them VMWRITE may write. */
static bool is_there[VMCS_FIELD_COUNT], is_writable[VMCS_FIELD_COUNT];
u64 kept[SEEDS][VMCS_FIELD_COUNT];

static bool is_stable(unsigned i)
{
	return vmcs_fields[i] != VM_INSTRUCTION_ERROR;
}

struct vmcs *shadow_alloc(void)
{
	struct vmcs *vmcs = vmcs_alloc();

	vmcs->revision_id |= VMCS_SHADOW_INDICATOR;
	return vmcs;
}

void fill_fields(u64 seed)
{
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
		u32 field = vmcs_fields[i];

		is_writable[i] = vmwrite(field, vmcs_field_pattern(field, seed)) == VM_SUCCEED;
	}
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
		is_there[i] = vmread(vmcs_fields[i], &kept[seed][i]) == VM_SUCCEED;
}

struct shadow new_shadow(u64 seed)
{
	struct shadow new = { .vmcs = shadow_alloc() };

	vmx_enable();
	vmx_check_success("VMCLEAR", vmclear(virt_to_phys(new.vmcs)));
	vmx_check_success("VMPTRLD of a shadow VMCS", vmptrld(virt_to_phys(new.vmcs)));
	for (int i = SEEDS - 1; i >= 0; i--)
		fill_fields((seed + i) % SEEDS);
	vmx_check_success("VMCLEAR", vmclear(virt_to_phys(new.vmcs)));
	memcpy(new.value, kept[seed], sizeof(new.value));
	return new;
}

void free_shadow(struct shadow *old)
{
	vmclear(virt_to_phys(old->vmcs));
	free_page(old->vmcs);
}

void check_current_contents(const struct shadow *which, const char *when)
{
	unsigned there = 0, wrong = 0;
	u64 value = 0;

	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
		bool readable = vmread(vmcs_fields[i], &value) == VM_SUCCEED;

		there += readable;
		if (readable == is_there[i] &&
		    (!readable || !is_stable(i) || value == which->value[i]))
			continue;
		if (wrong++ < MOST_SHOWN)
			report_fail("%s: L1 %s read %s: 0x%lx, expected 0x%lx", when,
				    readable ? "can" : "cannot", vmcs_field_name(vmcs_fields[i]),
				    value, which->value[i]);
	}
	report(!wrong, "%s: of %u fields of the shadow VMCS L1 finds %u wrong", when, there, wrong);
}

void check_contents(const struct shadow *which, const char *when)
{
	vmx_check_success("VMCLEAR", vmclear(virt_to_phys(which->vmcs)));
	vmx_check_success("VMPTRLD of a shadow VMCS", vmptrld(virt_to_phys(which->vmcs)));
	check_current_contents(which, when);
	vmx_check_success("VMCLEAR", vmclear(virt_to_phys(which->vmcs)));
}

/* ======== bitmaps ======== */

bool no_access(unsigned i, enum access access)
{
	return false;
}

void want(bool (*chosen)(unsigned i, enum access access))
{
	for (enum access access = READ; access <= WRITE; access++)
		for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
			wanted[access][i] = chosen(i, access);
			l2_set_map_bit(bitmaps[access], vmcs_fields[i], wanted[access][i]);
		}
}

/* ======== a sweep: L2's side ======== */

/* The outcome of one VMREAD or VMWRITE. */
struct outcome {
	unsigned exits;
	enum vmx_result result;
	u64 value;
};

/* L2 reads all fields, writes all, and reads all again. */
enum step { FIRST_READ, WRITING, SECOND_READ, STEPS };

static struct sweep {
	u64 seed;  /* of the values that L2 writes */
	bool move; /* L2 asks for a migration in the middle of writing */
	volatile enum step step;
	volatile unsigned at;
	struct outcome outcomes[STEPS][VMCS_FIELD_COUNT];
} sweep;

static void moved_in_l2(void)
{
	u64 value;

	migrate_quiet();
	if (broken("field") && vmread(IO_BITMAP_A, &value) == VM_SUCCEED)
		vmwrite(IO_BITMAP_A, value ^ BIT(20));
}

static void access_field(struct outcome *outcome, u32 field)
{
	if (sweep.step == WRITING)
		outcome->result = vmwrite(field, vmcs_field_pattern(field, sweep.seed));
	else
		outcome->result = vmread(field, &outcome->value);
}

void sweep_in_l2(void *unused)
{
	for (;;) {
		for (enum step step = FIRST_READ; step < STEPS; step++)
			for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
				if (sweep.move && step == WRITING && i == VMCS_FIELD_COUNT / 2)
					moved_in_l2();
				sweep.step = step;
				sweep.at = i;
				access_field(&sweep.outcomes[step][i], vmcs_fields[i]);
			}
		l2_call(SWEPT);
	}
}

struct l2 *shadowed_l2(void (*code)(void *data), void *data, const struct shadow *which)
{
	struct l2 *l2 = l2_new(code, data);

	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_SHADOW_VMCS);
	vmx_set(l2, VMREAD_BITMAP, virt_to_phys(bitmaps[READ]));
	vmx_set(l2, VMWRITE_BITMAP, virt_to_phys(bitmaps[WRITE]));
	vmx_set(l2, VMCS_LINK_POINTER, which ? virt_to_phys(which->vmcs) : NO_VMCS);
	return l2;
}

struct l2 *new_l2(void (*code)(void *data), void *data)
{
	for (int access = READ; access <= WRITE; access++)
		bitmaps[access] = alloc_page();
	want(no_access);
	shadow = new_shadow(0);
	return shadowed_l2(code, data, &shadow);
}

void free_l2(struct l2 *l2)
{
	l2_free(l2);
	free_shadow(&shadow);
	for (int access = READ; access <= WRITE; access++)
		free_page(bitmaps[access]);
}

void spoil(struct l2 *l2)
{
	u64 link = vmx_get(l2, VMCS_LINK_POINTER);

	if (broken("field") && link != NO_VMCS) {
		vmptrld(link);
		vmwrite(GUEST_RSP, 1);
		vmclear(link);
	}
	for (unsigned i = 0; broken("bitmaps") && i < PAGE_SIZE; i++) {
		bitmaps[READ][i] = ~bitmaps[READ][i];
		bitmaps[WRITE][i] = ~bitmaps[WRITE][i];
	}
	if (broken("link"))
		vmx_set(l2, VMCS_LINK_POINTER, NO_VMCS);
	if (broken("control"))
		vmx_clear_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_SHADOW_VMCS);
}

void moved_in_l1(struct l2 *l2)
{
	vmx_make_current(l2);
	migrate_quiet();
	spoil(l2);
}

/* ======== a sweep: L1's side ======== */

/* Lets L2 sweep. L1 skips what exits. False: L2 did not come to the end of its sweep. */
static bool run_sweep(struct l2 *l2, u64 seed, bool move, const char *when)
{
	sweep = (struct sweep){ .seed = seed, .move = move };
	for (;;) {
		u64 reason = l2_enter(l2);
		struct outcome *outcome = &sweep.outcomes[sweep.step][sweep.at];
		u64 expected = sweep.step == WRITING ? EXIT_REASON_VMWRITE : EXIT_REASON_VMREAD;

		if (reason != expected || outcome->exits++)
			break;
		vmx_skip(l2);
	}
	if (!report_if_failed(l2_is_call(l2, SWEPT),
			      "%s: L2 should sweep over all fields, but left at %s: exit %s", when,
			      vmcs_field_name(vmcs_fields[sweep.at]), l2_exit_text(l2)))
		return false;
	vmx_skip(l2);
	return true;
}

static enum vmx_result expected_result(bool linked, unsigned i, enum access access)
{
	if (!linked)
		return VM_FAIL_INVALID;
	return is_there[i] && (access == READ || is_writable[i]) ? VM_SUCCEED : VM_FAIL_VALID;
}

static const char *const step_names[] = { "VMREAD", "VMWRITE", "the second VMREAD" };

/* What is wrong with one access, in words, or NULL. A VMWRITE of L2 changes the expected value. */
static const char *access_error(struct shadow *which, enum step step, unsigned i)
{
	const struct outcome *outcome = &sweep.outcomes[step][i];
	enum access access = step == WRITING ? WRITE : READ;
	enum vmx_result expected = expected_result(which, i, access);

	if (outcome->exits != wanted[access][i])
		return outcome->exits ? "it exited" : "it did not exit";
	if (outcome->exits)
		return NULL;
	if (outcome->result != expected)
		return "it ended otherwise";
	if (access == WRITE && expected == VM_SUCCEED)
		which->value[i] = kept[sweep.seed][i];
	if (access == READ && expected == VM_SUCCEED && is_stable(i) &&
	    outcome->value != which->value[i])
		return "it read something else";
	return NULL;
}

static void check_sweep(struct shadow *which, const char *when)
{
	unsigned exits = 0, wrong = 0;

	for (enum step step = FIRST_READ; step < STEPS; step++)
		for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
			const struct outcome *outcome = &sweep.outcomes[step][i];
			const char *error = access_error(which, step, i);
			enum access access = step == WRITING ? WRITE : READ;

			exits += outcome->exits;
			if (error && wrong++ < MOST_SHOWN)
				report_fail("%s: %s of %s in L2: %s: %s, 0x%lx, expected %s, 0x%lx",
					    when, step_names[step], vmcs_field_name(vmcs_fields[i]),
					    error, vmx_result_name(outcome->result), outcome->value,
					    vmx_result_name(expected_result(which, i, access)),
					    which ? which->value[i] : 0);
		}
	report(!wrong, "%s: of %u VMREADs and VMWRITEs of L2 %u exited, and %u were wrong", when,
	       STEPS * VMCS_FIELD_COUNT, exits, wrong);
}

void expect_sweep(struct l2 *l2, struct shadow *which, u64 seed, bool move, const char *when)
{
	if (run_sweep(l2, seed, move, when))
		check_sweep(which, when);
}
