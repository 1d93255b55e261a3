// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VMCS shadowing across a move (Intel SDM volume 3: 25.10 ordinary and shadow VMCSs, 25.6.15
 * the VMREAD and VMWRITE bit maps, 27.3.1.5 the VMCS link pointer, 31.3 VMREAD and VMWRITE in
 * VMX non-root operation).
 *
 * With it an L2 that is a hypervisor itself reads and writes fields of a second VMCS, the shadow
 * VMCS of the VMCS link pointer, and exits only where a bit map of L1's says so. A hypervisor
 * may keep that second VMCS in a cache of its own while L2 runs. A broken one leaves this behind
 * when the machine is moved, so that L2 finds older values or L1 does afterwards; or it takes the
 * shadow VMCS for the current one, forgets the link pointer, goes by bit maps as they were, or by
 * none.
 *
 * L2 reads every field, writes every field and reads it again. Whether each of these may exit
 * is in the bit maps, what VMREAD has to give is what was written last, by L2 or by L1, and what
 * a field keeps of a value (a CPU need not keep reserved bits) is what it keeps for L1. Afterwards
 * L1 makes the shadow VMCS its current one and finds what L2 has written.
 *
 * What cannot be told apart: a shadow VMCS that was lost in the move, and one that an exit or
 * entry has lost, but for plan none. Where the error of an instruction that fails in L2 goes is
 * not looked at, nor is the field VM_INSTRUCTION_ERROR, which changes by looking.
 *
 * On the command line: break=WHAT, to spoil the test on purpose after each of its moves:
 *
 * field    one field of the shadow VMCS has another bit
 * bitmaps  each bit of both bit maps is the other way round
 * link     the VMCS link pointer is all ones
 * control  there is no VMCS shadowing
 * refused  (before the move) what an entry should be refused for is not there
 * other    (before the move) L2 executes none of the instructions that exit
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "processor.h"
#include "nested/vmx/vmx.h"

#define NO_VMCS (~0ul)
#define SWEPT	1
#define HERE	2
/* Of many that are wrong so many are named. */
#define MOST_SHOWN 3

/* ======== the shadow VMCS ======== */

/* Values for a field: of one seed or another. */
#define SEEDS 3

/* One CPU runs a test at a time, and these are its. */
struct shadow {
	struct vmcs *vmcs;
	u64 value[VMCS_FIELD_COUNT]; /* what it should hold */
};

static struct shadow shadow;
static u8 *bitmaps[2]; /* by access: what exits */
static bool wanted[2][VMCS_FIELD_COUNT];
/* What this CPU's VMCSs have, and what a field keeps. */
static bool is_there[VMCS_FIELD_COUNT], is_writable[VMCS_FIELD_COUNT];
static u64 kept[SEEDS][VMCS_FIELD_COUNT];

enum access { READ, WRITE };

static bool is_stable(unsigned i)
{
	return vmcs_fields[i] != VM_INSTRUCTION_ERROR;
}

static struct vmcs *shadow_alloc(void)
{
	struct vmcs *vmcs = vmcs_alloc();

	vmcs->revision_id |= VMCS_SHADOW_INDICATOR;
	return vmcs;
}

static void check_succeeds(const char *instruction, enum vmx_result result)
{
	report_if_failed(result == VM_SUCCEED, "%s: %s, expected VMsucceed", instruction,
			 vmx_result_text(result));
}

/* Of the current VMCS. */
static void fill_fields(u64 seed)
{
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
		u32 field = vmcs_fields[i];

		is_writable[i] = vmwrite(field, vmcs_field_pattern(field, seed)) == VM_SUCCEED;
	}
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
		is_there[i] = vmread(vmcs_fields[i], &kept[seed][i]) == VM_SUCCEED;
}

/* Not active and in memory, as the link pointer has to have it; full of values of SEED. */
static struct shadow new_shadow(u64 seed)
{
	struct shadow new = { .vmcs = shadow_alloc() };

	vmx_enable();
	check_succeeds("VMCLEAR", vmclear(virt_to_phys(new.vmcs)));
	check_succeeds("VMPTRLD of a shadow VMCS", vmptrld(virt_to_phys(new.vmcs)));
	for (int i = SEEDS - 1; i >= 0; i--)
		fill_fields((seed + i) % SEEDS);
	check_succeeds("VMCLEAR", vmclear(virt_to_phys(new.vmcs)));
	memcpy(new.value, kept[seed], sizeof(new.value));
	return new;
}

static void free_shadow(struct shadow *old)
{
	vmclear(virt_to_phys(old->vmcs));
	free_page(old->vmcs);
}

/* What L1 finds in a shadow VMCS, which is its current one. */
static void check_current_contents(const struct shadow *which, const char *when)
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

static void check_contents(const struct shadow *which, const char *when)
{
	check_succeeds("VMCLEAR", vmclear(virt_to_phys(which->vmcs)));
	check_succeeds("VMPTRLD of a shadow VMCS", vmptrld(virt_to_phys(which->vmcs)));
	check_current_contents(which, when);
	check_succeeds("VMCLEAR", vmclear(virt_to_phys(which->vmcs)));
}

/* ======== what exits ======== */

static bool nothing(unsigned i, enum access access)
{
	return false;
}

static bool all(unsigned i, enum access access)
{
	return true;
}

static bool every_other(unsigned i, enum access access)
{
	return (i + access) % 2;
}

static bool in_pairs(unsigned i, enum access access)
{
	return (i / 2 + access) % 2;
}

static bool writes_of_first_half(unsigned i, enum access access)
{
	return access == WRITE && i < VMCS_FIELD_COUNT / 2;
}

static void want(bool (*chosen)(unsigned i, enum access access))
{
	for (enum access access = READ; access <= WRITE; access++)
		for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
			wanted[access][i] = chosen(i, access);
			l2_set_map_bit(bitmaps[access], vmcs_fields[i], wanted[access][i]);
		}
}

/* ======== L2 ======== */

/* What has become of one VMREAD or VMWRITE. */
struct outcome {
	unsigned exits;
	enum vmx_result result;
	u64 value;
};

/* L2 reads all fields, writes all, and reads all again. */
enum step { FIRST_READ, WRITING, SECOND_READ, STEPS };

static struct sweep {
	u64 seed;  /* of what it writes */
	bool move; /* in the middle of writing */
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

static void sweep_in_l2(void *unused)
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

static struct l2 *shadowed_l2(void (*code)(void *data), void *data, const struct shadow *which)
{
	struct l2 *l2 = l2_new(code, data);

	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_SHADOW_VMCS);
	vmx_set(l2, VMREAD_BITMAP, virt_to_phys(bitmaps[READ]));
	vmx_set(l2, VMWRITE_BITMAP, virt_to_phys(bitmaps[WRITE]));
	vmx_set(l2, VMCS_LINK_POINTER, which ? virt_to_phys(which->vmcs) : NO_VMCS);
	return l2;
}

static struct l2 *begin(void (*code)(void *data), void *data)
{
	for (int access = READ; access <= WRITE; access++)
		bitmaps[access] = alloc_page();
	want(nothing);
	shadow = new_shadow(0);
	return shadowed_l2(code, data, &shadow);
}

static void end(struct l2 *l2)
{
	l2_free(l2);
	free_shadow(&shadow);
	for (int access = READ; access <= WRITE; access++)
		free_page(bitmaps[access]);
}

static void spoil(struct l2 *l2)
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

static void moved_in_l1(struct l2 *l2)
{
	vmx_make_current(l2);
	migrate_quiet();
	spoil(l2);
}

/* ======== a sweep, from L1's side ======== */

/* Lets L2 sweep, with what exits not carried out. False: that is not where it came to. */
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
			      "%s: L2 should have swept over all fields; at %s: exit %s", when,
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
static const char *const result_names[] = { "VMsucceed", "VMfailInvalid", "VMfailValid",
					    "an exception" };

/* What is wrong with one access, in words, or NULL. Follows what L2 has written. */
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
					    error, result_names[outcome->result], outcome->value,
					    result_names[expected_result(which, i, access)],
					    which ? which->value[i] : 0);
		}
	report(!wrong, "%s: of %u VMREADs and VMWRITEs of L2 %u exited, and %u were wrong", when,
	       STEPS * VMCS_FIELD_COUNT, exits, wrong);
}

static void expect_sweep(struct l2 *l2, struct shadow *which, u64 seed, bool move, const char *when)
{
	if (run_sweep(l2, seed, move, when))
		check_sweep(which, when);
}

/* ======== tests ======== */

TEST(moved_in_l2, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "L2, moved between two VMWRITEs, has all its values in the shadow VMCS, and so has "
	      "L1")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	expect_sweep(l2, &shadow, 1, true, "moved in L2");
	check_contents(&shadow, "after that");
	expect_sweep(l2, &shadow, 2, false, "when L1 has looked");
	end(l2);
}

TEST(moved_in_l1, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "a shadow VMCS that L1 has filled, moved before the first entry and after an exit, is "
	     "L2's")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 1, false, "moved before the entry");
	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 2, false, "moved after the exit");
	check_contents(&shadow, "after that");
	end(l2);
}

/* The second way of SDM 25.10: as an ordinary VMCS. */
TEST(made_ordinary, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "what L2 has written is there when L1 makes the shadow VMCS an ordinary one after a "
	      "move")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	expect_sweep(l2, &shadow, 1, false, "before the move");
	check_succeeds("VMCLEAR", vmclear(virt_to_phys(shadow.vmcs)));
	moved_in_l1(l2);
	shadow.vmcs->revision_id &= ~VMCS_SHADOW_INDICATOR;
	check_succeeds("VMPTRLD", vmptrld(virt_to_phys(shadow.vmcs)));
	check_current_contents(&shadow, "without the shadow indicator");
	end(l2);
}

TEST(bitmaps, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "bit maps that L1 changes before and after a move decide what exits, each for itself")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	want(every_other);
	expect_sweep(l2, &shadow, 1, false, "before the move");
	want(in_pairs);
	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 2, false, "changed just before the move");
	want(writes_of_first_half);
	expect_sweep(l2, &shadow, 0, false, "changed after the move");
	want(all);
	expect_sweep(l2, &shadow, 1, false, "when all exit");
	check_contents(&shadow, "after that");
	end(l2);
}

TEST(bitmaps_in_l2, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "the bit maps decide what exits on both sides of a move in L2")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	want(in_pairs);
	if (broken("bitmaps"))
		spoil(l2);
	expect_sweep(l2, &shadow, 1, true, "moved in L2");
	check_contents(&shadow, "after that");
	end(l2);
}

static void beyond_in_l2(void *data)
{
	static const u64 beyond[] = { BIT(15) | GUEST_RIP, BIT(16) | GUEST_RIP, BIT(31) | GUEST_RIP,
				      BIT(32) | GUEST_RIP, BIT(63) | GUEST_RIP };
	u64 value;

	if (broken("other"))
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(beyond); i++) {
		if (i == ARRAY_SIZE(beyond) / 2)
			migrate_quiet();
		vmread(beyond[i], &value);
		vmwrite(beyond[i], value);
	}
}

/* 31.3: a bit among 63 to 15 makes it exit. */
TEST(beyond_bitmaps, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "a field beyond the bit maps exits, and does not go by the bits of another")
{
	struct l2 *l2 = begin(beyond_in_l2, NULL);
	unsigned exits[2] = { 0 };
	u64 reason;

	while ((reason = l2_enter(l2)) == EXIT_REASON_VMREAD || reason == EXIT_REASON_VMWRITE) {
		exits[reason == EXIT_REASON_VMREAD ? READ : WRITE]++;
		vmx_skip(l2);
	}
	report(l2_is_call(l2, L2_RETURNED) && exits[READ] == 5 && exits[WRITE] == 5,
	       "%u exits for VMREAD and %u for VMWRITE, expected 5 and 5; at last: exit %s",
	       exits[READ], exits[WRITE], l2_exit_text(l2));
	check_contents(&shadow, "after that");
	end(l2);
}

TEST(no_link, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "with a VMCS link pointer of all ones what does not exit fails with VMfailInvalid")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);

	if (!broken("link"))
		vmx_set(l2, VMCS_LINK_POINTER, NO_VMCS);
	want(every_other);
	expect_sweep(l2, NULL, 1, true, "moved in L2");
	want(nothing);
	moved_in_l1(l2);
	expect_sweep(l2, NULL, 1, false, "moved in L1");
	check_contents(&shadow, "of the shadow VMCS that was not linked");
	end(l2);
}

TEST(two_shadows, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "L2s and shadow VMCSs belong together as the link pointers say, exchanged behind a "
	      "move")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL), *other;
	struct shadow second = new_shadow(2);

	other = shadowed_l2(sweep_in_l2, NULL, &second);
	expect_sweep(l2, &shadow, 1, false, "the first");
	expect_sweep(other, &second, 0, true, "the second, moved in L2");
	moved_in_l1(l2);
	expect_sweep(other, &second, 1, false, "the second after a move with the first current");
	expect_sweep(l2, &shadow, 2, false, "the first after it");
	vmx_set(l2, VMCS_LINK_POINTER, virt_to_phys(second.vmcs));
	vmx_set(other, VMCS_LINK_POINTER, virt_to_phys(shadow.vmcs));
	expect_sweep(l2, &second, 0, false, "the first with the second's");
	expect_sweep(other, &shadow, 1, false, "the second with the first's");
	check_contents(&shadow, "the first");
	check_contents(&second, "the second");
	l2_free(other);
	end(l2);
	free_shadow(&second);
}

static struct live {
	u64 count, wrong, first_wrong, read[2];
} live;

static void write_and_read(void)
{
	live.count++;
	vmwrite(GUEST_RIP, live.count);
	vmwrite(VM_EXIT_REASON, (u32)~live.count);
	vmread(GUEST_RIP, &live.read[0]);
	vmread(VM_EXIT_REASON, &live.read[1]);
	if ((live.read[0] != live.count || live.read[1] != (u32)~live.count) && !live.wrong++)
		live.first_wrong = live.count;
}

static void write_through_move(void *unused)
{
	write_and_read();
	migrate_quiet_while(write_and_read);
	if (broken("field"))
		vmwrite(GUEST_RIP, 0);
}

TEST(written_meanwhile, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "L2 writes and reads its shadow VMCS while it is moved: it reads what it has written, "
	     "and L1 what was written last")
{
	struct l2 *l2 = begin(write_through_move, NULL);
	u64 rip = 0, reason = 0;

	live = (struct live){ 0 };
	if (!(rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_VMWRITE_ANY)) {
		report_skip("needs VMWRITE to all fields");
		end(l2);
		return;
	}
	l2_expect_return(l2);
	report(!live.wrong, "in %lu rounds L2 read something else %lu times, first in round %lu",
	       live.count, live.wrong, live.first_wrong);
	vmclear(virt_to_phys(shadow.vmcs));
	vmptrld(virt_to_phys(shadow.vmcs));
	vmread(GUEST_RIP, &rip);
	vmread(VM_EXIT_REASON, &reason);
	report(rip == live.count && reason == (u32)~live.count,
	       "L1 reads 0x%lx and 0x%lx, L2 wrote 0x%lx and 0x%x", rip, reason, live.count,
	       (u32)~live.count);
	end(l2);
}

TEST(current_in_l1, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "a shadow VMCS that is L1's current one stays so in a move, with its fields, and "
	      "cannot be entered")
{
	struct l2 *l2 = begin(sweep_in_l2, NULL);
	phys_addr_t current = 0;
	enum vmx_result launch, resume;

	vmptrld(virt_to_phys(shadow.vmcs));
	fill_fields(2);
	memcpy(shadow.value, kept[2], sizeof(shadow.value));
	migrate_quiet();
	if (broken("field"))
		vmwrite(GUEST_RSP, 1);
	if (broken("link"))
		vmclear(virt_to_phys(shadow.vmcs));
	check_succeeds("VMPTRST", vmptrst(&current));
	report(current == virt_to_phys(shadow.vmcs), "the current VMCS is at 0x%lx, expected 0x%lx",
	       current, virt_to_phys(shadow.vmcs));
	launch = vmlaunch();
	resume = vmresume();
	report(launch == VM_FAIL_INVALID && resume == VM_FAIL_INVALID,
	       "VMLAUNCH and VMRESUME of it: %s and %s, expected VMfailInvalid",
	       result_names[launch], result_names[resume]);
	check_current_contents(&shadow, "after the move");
	vmclear(virt_to_phys(shadow.vmcs));
	expect_sweep(l2, &shadow, 1, false, "as L2's");
	end(l2);
}

/* ---- other instructions ---- */

/* What exits with VMCS shadowing as it does without. */
static const u32 other_exits[] = { EXIT_REASON_VMPTRST,	 EXIT_REASON_VMPTRLD, EXIT_REASON_VMCLEAR,
				   EXIT_REASON_VMON,	 EXIT_REASON_VMCALL,  EXIT_REASON_VMLAUNCH,
				   EXIT_REASON_VMRESUME, EXIT_REASON_VMOFF };

static void others_in_l2(void *data)
{
	phys_addr_t *operand = data;

	if (broken("other"))
		return;
	asm volatile("vmptrst %0; vmptrld %0; vmclear %0; vmxon %0" : "+m"(*operand) : : "cc");
	l2_call(HERE);
	migrate_quiet();
	asm volatile("vmlaunch; vmresume; vmxoff" : : : "cc", "memory");
}

TEST(other_instructions, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "all other VMX instructions exit with VMCS shadowing on, before a move in L2 and "
	      "after")
{
	phys_addr_t operand = 0;
	struct l2 *l2 = begin(others_in_l2, &operand);

	operand = virt_to_phys(shadow.vmcs);
	for (unsigned i = 0; i < ARRAY_SIZE(other_exits); i++) {
		if (!l2_expect(l2, other_exits[i], "instruction %u of %lu", i + 1,
			       ARRAY_SIZE(other_exits)))
			break;
		vmx_skip(l2);
	}
	l2_expect_return(l2);
	report(operand == virt_to_phys(shadow.vmcs), "VMPTRST has stored nothing: 0x%lx", operand);
	check_contents(&shadow, "after that");
	end(l2);
}

/* Table 28-15: the register operand, that it is one, and the register with the field. */
#define INFORMATION(operand, field) ((u64)(operand) << 3 | BIT(10) | (u64)(field) << 28)
#define INFORMATION_MASK	    INFORMATION(15, 15)

static void exits_in_l2(void *data)
{
	asm volatile("vmread %%r9, %%r12" : : : "r12", "cc");
	if (!broken("other"))
		asm volatile("vmwrite %%r13, %%rsi" : : : "cc");
	else
		asm volatile("vmwrite %%r14, %%rdi" : : : "cc");
}

TEST(exit_information, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "the instruction information of a VMREAD and a VMWRITE that exit names the registers, "
	     "after a move, too")
{
	struct l2 *l2 = begin(exits_in_l2, NULL);
	u64 read, write;

	memset(bitmaps[READ], 0xff, PAGE_SIZE);
	memset(bitmaps[WRITE], 0xff, PAGE_SIZE);
	l2_expect(l2, EXIT_REASON_VMREAD, "VMREAD");
	migrate_quiet();
	read = vmx_get(l2, VMX_INSTRUCTION_INFO) & INFORMATION_MASK;
	report(read == INFORMATION(12, 9), "VMREAD of R9 to R12: information 0x%lx, expected 0x%lx",
	       read, INFORMATION(12, 9));
	vmx_skip(l2);
	l2_expect(l2, EXIT_REASON_VMWRITE, "VMWRITE");
	write = vmx_get(l2, VMX_INSTRUCTION_INFO) & INFORMATION_MASK;
	report(write == INFORMATION(13, 6),
	       "VMWRITE of RSI from R13: information 0x%lx, expected 0x%lx", write,
	       INFORMATION(13, 6));
	vmx_skip(l2);
	l2_expect_return(l2);
	end(l2);
}

/* ---- entries that are refused ---- */

enum wrong {
	NO_INDICATOR,
	OTHER_REVISION,
	ODD_LINK,
	NO_SHADOWING,
	ODD_READ_BITMAP,
	ODD_WRITE_BITMAP,
	WRONGS,
};

static const char *const wrong_names[WRONGS] = {
	"a linked VMCS without the shadow indicator",
	"a linked VMCS of another revision",
	"a link pointer that is no page",
	"a linked shadow VMCS, and no VMCS shadowing",
	"a VMREAD bit map that is no page",
	"a VMWRITE bit map that is no page",
};

static void make_wrong(struct l2 *l2, struct vmcs *linked, enum wrong wrong)
{
	switch (wrong) {
	case NO_INDICATOR:
		linked->revision_id ^= VMCS_SHADOW_INDICATOR;
		break;
	case OTHER_REVISION:
		linked->revision_id ^= 1;
		break;
	case ODD_LINK:
		vmx_set(l2, VMCS_LINK_POINTER, vmx_get(l2, VMCS_LINK_POINTER) ^ 16);
		break;
	case NO_SHADOWING:
		vmx_set(l2, SECONDARY_VM_EXEC_CONTROL,
			vmx_get(l2, SECONDARY_VM_EXEC_CONTROL) ^ SECONDARY_EXEC_SHADOW_VMCS);
		break;
	case ODD_READ_BITMAP:
		vmx_set(l2, VMREAD_BITMAP, vmx_get(l2, VMREAD_BITMAP) ^ 16);
		break;
	case ODD_WRITE_BITMAP:
		vmx_set(l2, VMWRITE_BITMAP, vmx_get(l2, VMWRITE_BITMAP) ^ 16);
		break;
	case WRONGS:
		break;
	}
}

static void check_refused(struct l2 *l2, enum wrong wrong)
{
	u64 reason = l2_enter(l2), detail;

	if (wrong >= ODD_READ_BITMAP) {
		detail = reason == L2_NOT_ENTERED ? vmx_get(l2, VM_INSTRUCTION_ERROR) : 0;
		report(detail == VMXERR_ENTRY_INVALID_CONTROL_FIELD,
		       "%s: exit %s; expected no entry, with error %d", wrong_names[wrong],
		       l2_exit_text(l2), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
		return;
	}
	report(reason == (EXIT_REASON_INVALID_STATE | VMX_EXIT_REASONS_FAILED_VMENTRY) &&
		       vmx_get(l2, EXIT_QUALIFICATION) == ENTRY_FAIL_VMCS_LINK_PTR,
	       "%s: exit %s; expected that the entry fails, qualification %d", wrong_names[wrong],
	       l2_exit_text(l2), ENTRY_FAIL_VMCS_LINK_PTR);
}

static void call_in_l2(void *data)
{
	for (;;)
		l2_call(HERE);
}

TEST(refused, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "a link pointer or bit map that L1 has set wrong before a move is refused after it")
{
	struct l2 *l2 = begin(call_in_l2, NULL), *l2s[WRONGS];
	struct vmcs *linked[WRONGS];

	for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
		struct shadow of_its_own = { .vmcs = linked[wrong] = shadow_alloc() };

		vmclear(virt_to_phys(linked[wrong]));
		l2s[wrong] = shadowed_l2(call_in_l2, NULL, &of_its_own);
		vmx_clear(l2s[wrong]);
		if (!broken("refused"))
			make_wrong(l2s[wrong], linked[wrong], wrong);
	}
	migrate_quiet();
	for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
		check_refused(l2s[wrong], wrong);
		if (!broken("refused"))
			make_wrong(l2s[wrong], linked[wrong], wrong);
		l2_expect_call(l2s[wrong], HERE);
		l2_free(l2s[wrong]);
		free_page(linked[wrong]);
	}
	end(l2);
}
