// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Wrong operands of INVEPT and INVVPID (Intel SDM volume 3, chapter 31).
 *
 * A broken hypervisor accepts a wrong operand after a migration, or refuses a right one, since it
 * takes other capabilities for L1's.
 */
#include "libcflat.h"
#include "x86/nested/vmx-nesting.h"

static void expect_operand_error(const char *what, enum vmx_result result, const char *when)
{
	u64 error = 0;

	if (result == VM_FAIL_VALID)
		vmread(VM_INSTRUCTION_ERROR, &error);
	report_if_failed(error == VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID,
			 "%s, %s: %s, expected VMfailValid %d (%s)", what, when,
			 vmx_result_text(result), VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID,
			 vm_instruction_error_name(VMXERR_INVALID_OPERAND_TO_INVEPT_INVVPID));
}

static void check_invept_operands(u64 eptp, const char *when)
{
	u64 no_levels = broken("operand") ? eptp : eptp & ~0x38ul;

	expect_operand_error("INVEPT of type 0", invept(0, eptp), when);
	expect_operand_error("INVEPT of type 3", invept(3, eptp), when);
	expect_operand_error("INVEPT of type 2^32 + 1", invept(BIT(32) + 1, eptp), when);
	if (feature_VMX_INVEPT_CONTEXT.present()) {
		expect_operand_error("INVEPT of an EPTP with no levels", invept(1, no_levels),
				     when);
		expect_operand_error("INVEPT of an EPTP with bit 11", invept(1, eptp | BIT(11)),
				     when);
		vmx_check_success(when, invept(VMX_EPT_EXTENT_CONTEXT, eptp));
	}
	if (feature_VMX_INVEPT_GLOBAL.present())
		vmx_check_success(when, invept(VMX_EPT_EXTENT_GLOBAL, 0));
	report(true, "INVEPT %s", when);
}

TEST(invept_operands, .on = EACH_CPU, .needs = VMX_EPT,
     .about = "INVEPT fails for wrong operands, and only for these, before and after a migration")
{
	struct l2 *l2 = l2_new(NULL, NULL);
	u64 eptp;

	vmx_use_ept(l2);
	eptp = vmx_get(l2, EPT_POINTER);
	check_invept_operands(eptp, "before the migration");
	migrate_quiet();
	check_invept_operands(eptp, "after the migration");
	l2_free(l2);
}

#define SOME_VPID    0x1234
#define NO_CANONICAL BIT(62)

static void check_invvpid_operands(const char *when)
{
	u64 no_vpid = broken("operand") ? SOME_VPID : 0;

	expect_operand_error("INVVPID of type 4", invvpid(4, SOME_VPID, 0), when);
	expect_operand_error("INVVPID of type 2^32", invvpid(BIT(32), SOME_VPID, 0), when);
	if (feature_VMX_INVVPID_INDIVIDUAL_ADDR.present()) {
		expect_operand_error("INVVPID of an address of VPID 0", invvpid(0, no_vpid, 0),
				     when);
		expect_operand_error("INVVPID of an address that is not canonical",
				     invvpid(0, SOME_VPID, NO_CANONICAL), when);
		expect_operand_error("INVVPID with bit 16", invvpid(0, BIT(16) | 1, 0), when);
		vmx_check_success(when, invvpid(0, SOME_VPID, 0x1000));
	}
	if (feature_VMX_INVVPID_SINGLE_CONTEXT.present()) {
		expect_operand_error("INVVPID of VPID 0", invvpid(1, no_vpid, 0), when);
		expect_operand_error("INVVPID with bit 63", invvpid(1, BIT(63) | 1, 0), when);
		vmx_check_success(when, invvpid(1, SOME_VPID, NO_CANONICAL));
	}
	if (feature_VMX_INVVPID_ALL_CONTEXT.present())
		vmx_check_success(when, invvpid(2, 0, 0));
	if (feature_VMX_INVVPID_SINGLE_NON_GLOBAL.present()) {
		expect_operand_error("INVVPID of VPID 0 but its globals", invvpid(3, no_vpid, 0),
				     when);
		vmx_check_success(when, invvpid(3, SOME_VPID, 0));
	}
	report(true, "INVVPID %s", when);
}

TEST(invvpid_operands, .on = EACH_CPU, .needs = VMX_VPID,
     .about = "INVVPID fails for wrong operands, and only for these, before and after a migration")
{
	struct l2 *l2 = l2_new(NULL, NULL);

	vmx_make_current(l2);
	check_invvpid_operands("before the migration");
	migrate_quiet();
	check_invvpid_operands("after the migration");
	l2_free(l2);
}
