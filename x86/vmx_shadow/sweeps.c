// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * L2 reads and writes the fields of a shadow VMCS, and L1 finds what it has written (Intel SDM
 * volume 3, 25.10, 25.6.15).
 *
 * A broken hypervisor leaves fields behind in its cache, uses another shadow VMCS, or follows
 * other bitmaps after the migration.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_shadow/vmx_shadow.h"

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

TEST(moved_in_l2, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "all that L2 writes to the shadow VMCS survives a migration between two VMWRITEs, for L2 and L1")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	expect_sweep(l2, &shadow, 1, true, "migration in L2");
	check_contents(&shadow, "after that");
	expect_sweep(l2, &shadow, 2, false, "after L1 has looked");
	free_l2(l2);
}

TEST(moved_in_l1, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "L2 finds what L1 has written to the shadow VMCS, after migrations before an entry and after an exit")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 1, false, "a migration before the entry");
	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 2, false, "a migration after the exit");
	check_contents(&shadow, "after that");
	free_l2(l2);
}

/* L1 may also read a shadow VMCS by making it an ordinary one (25.10). */
TEST(made_ordinary, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "what L2 has written is there when L1 makes the shadow VMCS an ordinary one after a migration")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	expect_sweep(l2, &shadow, 1, false, "before the migration");
	vmx_check_success("VMCLEAR", vmclear(virt_to_phys(shadow.vmcs)));
	moved_in_l1(l2);
	shadow.vmcs->revision_id &= ~VMCS_SHADOW_INDICATOR;
	vmx_check_success("VMPTRLD", vmptrld(virt_to_phys(shadow.vmcs)));
	check_current_contents(&shadow, "without the shadow indicator");
	free_l2(l2);
}

TEST(bitmaps, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "VMREAD and VMWRITE bitmaps that L1 changes before and after a migration decide what exits")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	want(every_other);
	expect_sweep(l2, &shadow, 1, false, "before the migration");
	want(in_pairs);
	moved_in_l1(l2);
	expect_sweep(l2, &shadow, 2, false, "changed just before the migration");
	want(writes_of_first_half);
	expect_sweep(l2, &shadow, 0, false, "changed after the migration");
	want(all);
	expect_sweep(l2, &shadow, 1, false, "when all accesses exit");
	check_contents(&shadow, "after that");
	free_l2(l2);
}

TEST(bitmaps_in_l2, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "VMREAD and VMWRITE bitmaps decide what exits before and after a migration in L2")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	want(in_pairs);
	if (broken("bitmaps"))
		spoil(l2);
	expect_sweep(l2, &shadow, 1, true, "migration in L2");
	check_contents(&shadow, "after that");
	free_l2(l2);
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

/* VMREAD and VMWRITE exit if one of bits 63 to 15 of the field's number is set (31.3). */
TEST(beyond_bitmaps, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "VMREAD and VMWRITE of a field number beyond the bitmaps exit, before and after a migration")
{
	struct l2 *l2 = new_l2(beyond_in_l2, NULL);
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
	free_l2(l2);
}

TEST(no_link, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about = "without a linked VMCS, VMREAD and VMWRITE that do not exit fail with VMfailInvalid")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);

	if (!broken("link"))
		vmx_set(l2, VMCS_LINK_POINTER, NO_VMCS);
	want(every_other);
	expect_sweep(l2, NULL, 1, true, "migration in L2");
	want(no_access);
	moved_in_l1(l2);
	expect_sweep(l2, NULL, 1, false, "migration in L1");
	check_contents(&shadow, "the shadow VMCS that was not linked");
	free_l2(l2);
}

TEST(two_shadows, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "two L2s use the shadow VMCSs of their link pointers, which L1 exchanges after a migration")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL), *other;
	struct shadow second = new_shadow(2);

	other = shadowed_l2(sweep_in_l2, NULL, &second);
	expect_sweep(l2, &shadow, 1, false, "the first");
	expect_sweep(other, &second, 0, true, "the second, migration in L2");
	moved_in_l1(l2);
	expect_sweep(other, &second, 1, false,
		     "the second after a migration with the first current");
	expect_sweep(l2, &shadow, 2, false, "the first after it");
	vmx_set(l2, VMCS_LINK_POINTER, virt_to_phys(second.vmcs));
	vmx_set(other, VMCS_LINK_POINTER, virt_to_phys(shadow.vmcs));
	expect_sweep(l2, &second, 0, false, "the first with the second's shadow VMCS");
	expect_sweep(other, &shadow, 1, false, "the second with the first's shadow VMCS");
	check_contents(&shadow, "the first");
	check_contents(&second, "the second");
	l2_free(other);
	free_l2(l2);
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
	     "L2 reads what it writes to the shadow VMCS during a migration, and L1 what was written last")
{
	struct l2 *l2 = new_l2(write_through_move, NULL);
	u64 rip = 0, reason = 0;

	live = (struct live){ 0 };
	if (!(rdmsr(MSR_IA32_VMX_MISC) & VMX_MISC_VMWRITE_ANY)) {
		report_skip("needs VMWRITE to all fields");
		free_l2(l2);
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
	free_l2(l2);
}

TEST(current_in_l1, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "a shadow VMCS that is L1's current VMCS survives a migration with its fields, and cannot be entered")
{
	struct l2 *l2 = new_l2(sweep_in_l2, NULL);
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
	vmx_check_success("VMPTRST", vmptrst(&current));
	report(current == virt_to_phys(shadow.vmcs), "the current VMCS is at 0x%lx, expected 0x%lx",
	       current, virt_to_phys(shadow.vmcs));
	launch = vmlaunch();
	resume = vmresume();
	report(launch == VM_FAIL_INVALID && resume == VM_FAIL_INVALID,
	       "VMLAUNCH and VMRESUME of it: %s and %s, expected VMfailInvalid",
	       vmx_result_name(launch), vmx_result_name(resume));
	check_current_contents(&shadow, "after the migration");
	vmclear(virt_to_phys(shadow.vmcs));
	expect_sweep(l2, &shadow, 1, false, "linked to L2 again");
	free_l2(l2);
}
