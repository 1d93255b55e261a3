// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exceptions of L2 that exit by L1's exception bitmap, and a triple fault (Intel SDM volume 3,
 * 25.6.3 "Exception Bitmap", 26.2). vmx_exit.c says what is tested and how, and what break= does.
 *
 * A broken hypervisor merges its own bitmap with an older one of L1 after a migration, or filters
 * page faults by another mask.
 */
#include "libcflat.h"
#include "desc.h"
#include "migrate.h"
#include "processor.h"
#include "x86/vmx_exit/vmx_exit.h"

static u32 all_vectors(void)
{
	u32 bitmap = 0;

	for (int i = 0; i < row_count; i++)
		bitmap |= BIT(rows[i].vector);
	return bitmap;
}

TEST(exceptions, .on = EACH_CPU, .needs = VMX,
     .about =
	     "exceptions exit by L1's exception bitmap, before and after migrations in L2 and in L1")
{
	struct l2 *l2 = begin(exceptions, ALL_EXCEPTIONS);
	u32 some = BIT(DE_VECTOR) | BIT(BP_VECTOR) | BIT(NM_VECTOR) | BIT(SS_VECTOR) |
		   BIT(PF_VECTOR) | BIT(XM_VECTOR);

	want_vectors(l2, all_vectors());
	if (!turn(l2, "all, before the migration") ||
	    !migrated_turn(l2, "all, after a migration in L2"))
		goto out;
	want_vectors(l2, 0);
	if (!turn(l2, "none, before the migration") ||
	    !migrated_turn(l2, "none, after a migration in L2"))
		goto out;
	want_vectors(l2, some);
	if (!turn_after_migration(l2, "some, after a migration in L1"))
		goto out;
	want_vectors(l2, all_vectors() & ~some);
	migrated_turn(l2, "the others, after a migration in L2");
out:
	end(l2);
}

/* A broken hypervisor takes one bit for another, or needs a second bit for an exit. */
TEST(exceptions_one_by_one, .on = EACH_CPU, .needs = VMX,
     .about = "a vector that is alone in the exception bitmap exits, after a migration in L2")
{
	struct l2 *l2 = begin(exceptions, ALL_EXCEPTIONS);
	bool good = true;
	int count = 0;

	migrate_inside = true;
	for (int vector = 0; good && vector < 32; vector++) {
		if (!(all_vectors() >> vector & 1))
			continue;
		count++;
		report_prefix_pushf("%s", exception_mnemonic(vector));
		want_vectors(l2, BIT(vector));
		good = quiet_turn(l2, "alone");
		report_prefix_pop();
	}
	report(good, "%d vectors, each alone in the exception bitmap", count);
	end(l2);
}

/* A page fault exits if bit 14 is 1 and its masked error code is MATCH, or if neither is (26.2). */
TEST(page_fault_masks, .on = EACH_CPU, .needs = VMX,
     .about =
	     "page faults exit by the bitmap's bit 14 and the error code's mask and match, across migrations in L2")
{
	static const struct {
		u32 mask, match;
	} filters[] = {
		{ 0, 0 },
		{ 0, 1 },
		{ PFERR_WRITE_MASK, PFERR_WRITE_MASK },
		{ PFERR_WRITE_MASK, 0 },
		{ PFERR_PRESENT_MASK, 0 },
		{ PFERR_PRESENT_MASK | PFERR_WRITE_MASK, PFERR_WRITE_MASK },
		{ PFERR_WRITE_MASK, PFERR_PRESENT_MASK },
	};
	struct l2 *l2 = begin(exceptions, ALL_EXCEPTIONS);
	bool good = true;

	for (unsigned n = 0; good && n < 2 * ARRAY_SIZE(filters); n++) {
		u32 mask = filters[n / 2].mask, match = filters[n / 2].match;
		bool bit = n % 2;

		want_vectors(l2, bit ? BIT(PF_VECTOR) : 0);
		vmx_set(l2, PAGE_FAULT_ERROR_CODE_MASK, mask);
		vmx_set(l2, PAGE_FAULT_ERROR_CODE_MATCH, match);
		for (int i = 0; i < row_count; i++)
			if (rows[i].vector == PF_VECTOR)
				wanted[i] = ((rows[i].error & mask) == match) == bit;
		report_prefix_pushf("bit %d, mask 0x%x, match 0x%x", bit, mask, match);
		good = n % 4 == 1 ? migrated_turn(l2, "after a migration in L2")
				  : quiet_turn(l2, was_migrated ? "after the migration"
								: "before the migration");
		report_prefix_pop();
	}
	report(good, "%lu combinations of bit, mask and match", 2 * ARRAY_SIZE(filters));
	end(l2);
}

static void triple_fault_in_l2(void *data)
{
	struct descriptor_table_ptr empty = { 0 };

	migrate_quiet();
	irq_disable();
	if (!broken("lost"))
		lidt(&empty);
	asm_safe("ud2", "i"(0));
	l2_call(1);
}

TEST(triple_fault, .on = EACH_CPU, .needs = VMX,
     .about = "a triple fault of L2 after a migration in L2 is an exit, and another L2 goes on")
{
	struct l2 *l2 = l2_new(triple_fault_in_l2, NULL);
	struct l2 *other = l2_new(calls_in_l2, NULL);

	l2_expect(l2, EXIT_REASON_TRIPLE_FAULT, "after a migration, #UD without an IDT");
	report(vmx_get(l2, EXIT_QUALIFICATION) == 0, "the qualification is 0x%lx, expected 0",
	       vmx_get(l2, EXIT_QUALIFICATION));
	migrate_quiet();
	l2_expect_call(other, 1);
	l2_free(l2);
	l2_free(other);
}
