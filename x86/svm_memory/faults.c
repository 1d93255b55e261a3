// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nested page faults (15.25.6), and page faults of L2 and L1 (15.12.15), each with its CR2. See
 * svm_memory.c.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/svm_memory/svm_memory.h"

/* ======== nested page faults ======== */

FEATURE(TELLS_RESERVED, "a CPU that sets P with RSV in error codes, which QEMU's TCG does not")
{
	return !hypervisor_leaf("TCGTCGTCGTCG");
}

#define WALK	  (NPF_PAGE_TABLE | PFERR_USER_MASK | PFERR_WRITE_MASK)
#define READ_ONLY (NPT_PAGE & ~PT_WRITABLE_MASK)

static const struct stop npfs[] = {
	{ .name = "read, not present",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL },
	{ .name = "write, not present",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK },
	{ .name = "write, read-only",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "read and write, read-only",
	  .deed = ADD,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK },
	{ .name = "fetch, not present",
	  .deed = FETCH,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_FETCH_MASK },
	{ .name = "fetch, no-execute",
	  .deed = FETCH,
	  .kind = NESTED_FAULT,
	  .bits = NPT_PAGE | PT64_NX_MASK,
	  .error = FINAL | PFERR_FETCH_MASK | PFERR_PRESENT_MASK },
	{ .name = "string copy, not present after the destination's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL | PFERR_WRITE_MASK,
	  COPY_TO_PLACE_3 },
	{ .name = "string copy, read-only after the destination's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = FINAL | PFERR_WRITE_MASK | PFERR_PRESENT_MASK,
	  COPY_TO_PLACE_3 },
	{ .name = "string copy, not present after the source's first page",
	  .deed = COPY,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = FINAL,
	  COPY_FROM_PLACE_4 },
	/* The walk counts as a write (15.25.6). */
	{ .name = "read, L2's table not present",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "write, L2's table not present",
	  .deed = WRITE,
	  .kind = NESTED_FAULT,
	  .bits = 0,
	  .error = WALK,
	  .walk = true },
	{ .name = "read, L2's table read-only",
	  .deed = READ,
	  .kind = NESTED_FAULT,
	  .bits = READ_ONLY,
	  .error = WALK | PFERR_PRESENT_MASK,
	  .walk = true },
};

TEST(npf, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "nested page faults report why and where, before and after a migration; when L1 has repaired the entry, the access is done once")
{
	stop_at_all(npfs, ARRAY_SIZE(npfs), false);
}

TEST(npf_warm, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "nested page faults on pages that L2 has used before report why and where, before and after a migration")
{
	stop_at_all(npfs, ARRAY_SIZE(npfs), true);
}

TEST(npf_reserved, .on = EACH_CPU, .needs = ALL_OF(SVM_NPT, RESERVED_ADDRESS_BITS, TELLS_RESERVED),
     .about = "EXITINFO1 tells of a reserved bit in a nested entry, before and after a migration")
{
	static const struct stop reserved[] = {
		{ .name = "read, reserved bit 51",
		  .deed = READ,
		  .kind = NESTED_FAULT,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK },
		{ .name = "write, reserved bit 51",
		  .deed = WRITE,
		  .kind = NESTED_FAULT,
		  .bits = NPT_PAGE | BIT(51),
		  .error = FINAL | PFERR_RSVD_MASK | PFERR_PRESENT_MASK | PFERR_WRITE_MASK },
	};

	stop_at_all(reserved, ARRAY_SIZE(reserved), false);
}

/* ======== page faults ======== */

TEST(faults_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L2 takes page faults again and again, is migrated in between, and finds each CR2 once (nested paging)")
{
	storm_story(true, false);
}

TEST(fault_handler_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about = "L2's #PF handler finds CR2 after a migration in the handler (nested paging)")
{
	storm_story(true, true);
}

/* ---- L1's and L2's faults in turn ---- */

TEST(faults_in_turn_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L1 and L2 take page faults in turn, migrated in L1, and each finds its own CR2 (nested paging)")
{
	turns_story(true);
}

/* ---- #PF that L1 intercepts ---- */

TEST(intercepted_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "an intercepted #PF of L2 has the right EXITINFO and leaves CR2 alone, across a migration in L1 (nested paging)")
{
	repaired_story(true);
}

TEST(intercepted_cr3, .on = EACH_CPU, .needs = SVM,
     .about =
	     "an intercepted #PF of L2 has the right EXITINFO and leaves CR2 alone, across a migration in L1 (no nested paging)")
{
	repaired_story(false);
}

TEST(passed_on_npt, .on = EACH_CPU, .needs = SVM_NPT,
     .about =
	     "L1 injects each #PF of L2 that it intercepts, and L2's handler finds the VMCB's CR2 once (nested paging)")
{
	passed_on_story(true);
}

/* ---- CR2 that no fault has written ---- */

#define L2_CR2 0xffff800012345678ul

static void change_cr2(void *data)
{
	u64 *found = data;

	found[0] = read_cr2();
	write_cr2(L2_CR2);
	migrate_quiet();
	found[1] = read_cr2();
}

TEST(cr2, .on = EACH_CPU, .needs = SVM,
     .about =
	     "L2 starts with the VMCB's CR2; what it writes to CR2 survives a migration in L2 and is saved at the exit")
{
	u64 found[2] = { 0 }, first = 0x0000765432100000;
	struct l2 *l2 = l2_new(change_cr2, found);

	l2->vmcb->save.cr2 = first;
	write_cr2(0x4444000);
	l2_expect_return(l2);
	report(found[0] == first, "L2 starts with CR2 0x%lx, the VMCB had 0x%lx", found[0], first);
	report(found[1] == L2_CR2, "after the migration L2 has CR2 0x%lx, it had set 0x%lx",
	       found[1], L2_CR2);
	report(l2->vmcb->save.cr2 == L2_CR2, "CR2 in the VMCB is 0x%lx, L2 had set 0x%lx",
	       l2->vmcb->save.cr2, L2_CR2);
	l2_free(l2);
}
