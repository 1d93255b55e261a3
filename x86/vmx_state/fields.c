// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fields of VMCSs across a migration in L1 (Intel SDM volume 3, chapter 25, 31.3 for VMREAD
 * and VMWRITE).
 *
 * A broken hypervisor loses a field, mixes up the current VMCS with another one, or does not save
 * what L2's last exit has left in the CPU.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "processor.h"
#include "x86/vmx_state/vmx_state.h"

/* What VMREAD gives for each field, and whether it succeeds. */
struct field_values {
	bool there[VMCS_FIELD_COUNT];
	u64 values[VMCS_FIELD_COUNT];
};

static void read_fields(struct field_values *all)
{
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
		all->there[i] = vmread(vmcs_fields[i], &all->values[i]) == VM_SUCCEED;
}

static unsigned fill_fields(u64 seed)
{
	unsigned written = 0;

	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
		written += vmwrite(vmcs_fields[i], vmcs_field_pattern(vmcs_fields[i], seed)) ==
			   VM_SUCCEED;
	return written;
}

/* VM_INSTRUCTION_ERROR changes when VMREAD of another field fails. */
static bool is_stable(u32 field)
{
	return field != VM_INSTRUCTION_ERROR;
}

static void check_fields(const struct field_values *before, const char *which)
{
	unsigned there = 0;

	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++) {
		u64 value = 0, upper = 0;
		bool readable = vmread(vmcs_fields[i], &value) == VM_SUCCEED;

		there += readable;
		report_if_failed(readable == before->there[i],
				 "%s: %s %s, unlike before the migration", which,
				 vmcs_field_name(vmcs_fields[i]),
				 readable ? "can be read" : "cannot be read");
		if (!readable || !before->there[i] || !is_stable(vmcs_fields[i]))
			continue;
		report_if_failed(value == before->values[i], "%s: %s is 0x%lx, was 0x%lx", which,
				 vmcs_field_name(vmcs_fields[i]), value, before->values[i]);
		if (VMCS_FIELD_WIDTH(vmcs_fields[i]) != VMCS_WIDTH_64)
			continue;
		report_if_failed(vmread(vmcs_fields[i] | VMCS_FIELD_HIGH, &upper) == VM_SUCCEED &&
					 upper == before->values[i] >> 32,
				 "%s: the upper half of %s is 0x%lx, was 0x%lx", which,
				 vmcs_field_name(vmcs_fields[i]), upper, before->values[i] >> 32);
	}
	report(there, "%s: %u of %u fields can be read", which, there, VMCS_FIELD_COUNT);
}

static void spoil_a_field(void)
{
	static unsigned turn;
	u64 value;

	while (broken("field")) {
		u32 field = vmcs_fields[turn++ % VMCS_FIELD_COUNT];

		if (VMCS_FIELD_TYPE(field) != VMCS_TYPE_READ_ONLY &&
		    vmread(field, &value) == VM_SUCCEED &&
		    vmwrite(field, value ^ BIT(7)) == VM_SUCCEED)
			return;
	}
}

/*
 * A hypervisor keeps the fields of the current VMCS elsewhere than those of others, so there are
 * two VMCSs. The values that count are those that VMREAD gives before the migration, since a CPU
 * need not keep reserved bits.
 */
TEST(fields, .on = EACH_CPU, .needs = VMX,
     .about =
	     "all fields that VMWRITE takes survive a migration, in the current VMCS and in another one")
{
	struct vmcs *vmcs[2] = { vmcs_alloc(), vmcs_alloc() };
	struct field_values *before[2];
	unsigned filled, kept = 0;

	vmx_enable();
	for (int i = 1; i >= 0; i--) {
		before[i] = calloc(1, sizeof(*before[i]));
		check_result("VMCLEAR", vmclear(virt_to_phys(vmcs[i])), VM_SUCCEED);
		check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs[i])), VM_SUCCEED);
		filled = fill_fields(i);
		report(filled, "%u fields were filled", filled);
		read_fields(before[i]);
	}
	for (unsigned i = 0; i < VMCS_FIELD_COUNT; i++)
		kept += before[0]->there[i] &&
			before[0]->values[i] == vmcs_field_pattern(vmcs_fields[i], 0);
	report_info("%u fields keep any value", kept);
	migrate_quiet();
	spoil_a_field();
	check_current(virt_to_phys(vmcs[0]));
	check_fields(before[0], "the current VMCS");
	check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs[1])), VM_SUCCEED);
	check_fields(before[1], "the other VMCS");
	check_result("VMCLEAR", vmclear(virt_to_phys(vmcs[0])), VM_SUCCEED);
	check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs[0])), VM_SUCCEED);
	check_fields(before[0], "the first VMCS, cleared and loaded");
	for (int i = 0; i < 2; i++) {
		vmclear(virt_to_phys(vmcs[i]));
		free_page(vmcs[i]);
		free(before[i]);
	}
}

static void do_io(void *data)
{
	asm volatile("outb %%al, $0x80" : : "a"(0) : "memory");
	asm volatile("mov (%0), %%al" : : "r"(NOWHERE(1)) : "al", "memory");
}

TEST(fields_of_exit, .on = EACH_CPU, .needs = VMX_IO_BITMAPS,
     .about =
	     "the fields that an exit writes survive a migration in L1 (an I/O exit and a page fault)")
{
	struct l2 *l2 = l2_new(do_io, NULL);
	struct field_values *before = calloc(1, sizeof(*before));

	l2_intercept_port(l2, 0x80, true);
	vmx_intercept_exception(l2, PF_VECTOR, true);
	l2_expect(l2, EXIT_REASON_IO_INSTRUCTION, "OUT to a port that exits");
	read_fields(before);
	migrate_quiet();
	spoil_a_field();
	check_fields(before, "after an I/O exit");
	l2_start(l2, do_io, NULL);
	l2_intercept_port(l2, 0x80, false);
	l2_expect(l2, EXIT_REASON_EXCEPTION_NMI, "a page fault");
	report(vmx_get(l2, EXIT_QUALIFICATION) == NOWHERE(1),
	       "the exit qualification should be the address: 0x%lx",
	       vmx_get(l2, EXIT_QUALIFICATION));
	read_fields(before);
	migrate_quiet();
	spoil_a_field();
	check_fields(before, "after a page fault's exit");
	free(before);
	l2_free(l2);
}

#define LOADED_GDTR_LIMIT 0x97
#define LOADED_IDTR_LIMIT 0xfdf

/* L2's code. It loads L1's own tables with lower limits; L2 needs no entry beyond these. */
static void load_segments(void *data)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	gdtr.limit = LOADED_GDTR_LIMIT;
	idtr.limit = LOADED_IDTR_LIMIT;
	lgdt(&gdtr);
	lidt(&idtr);
	write_es(KERNEL_DS16);
	wrmsr(MSR_FS_BASE, NOWHERE(3));
	l2_call(1);
}

/*
 * A hypervisor may leave what an exit saves in the VMCS that the CPU uses for L2, until L1 reads
 * it. The second L2 makes another VMCS current before L1 does so.
 */
TEST(fields_not_read, .on = EACH_CPU, .needs = VMX,
     .about = "guest state of the last exit that L1 has not read yet survives a migration in L1")
{
	static const struct {
		enum vmcs_field field;
		u64 value;
	} expected[] = {
		{ GUEST_ES_SELECTOR, KERNEL_DS16 },
		{ GUEST_FS_BASE, NOWHERE(3) },
		{ GUEST_GDTR_LIMIT, LOADED_GDTR_LIMIT },
		{ GUEST_IDTR_LIMIT, LOADED_IDTR_LIMIT },
	};
	struct l2 *l2s[2];

	for (int i = 1; i >= 0; i--) {
		l2s[i] = l2_new(load_segments, NULL);
		l2_enter(l2s[i]);
	}
	moved_in_l1();
	for (int i = 0; i < 2; i++) {
		const char *which = i ? "the other VMCS" : "the current VMCS";

		if (broken("field"))
			vmx_set(l2s[i], GUEST_FS_BASE, 0);
		for (unsigned n = 0; n < ARRAY_SIZE(expected); n++) {
			u64 value = vmx_get(l2s[i], expected[n].field);

			report(value == expected[n].value, "%s: %s is 0x%lx, L2 has loaded 0x%lx",
			       which, vmcs_field_name(expected[n].field), value, expected[n].value);
		}
		report(l2_is_call(l2s[i], 1), "%s: L2 should make its call: exit %s", which,
		       l2_exit_text(l2s[i]));
		l2_free(l2s[i]);
	}
}

TEST(instruction_error, .on = EACH_CPU, .needs = VMX,
     .about = "the VM-instruction error of a VMCS survives a migration")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	u64 error;

	vmx_make_current(l2);
	check_error("VMRESUME", vmx_resume(l2), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	migrate_quiet();
	if (broken("field"))
		vmwrite(0x7ffe, 0);
	check_result("VMREAD", vmread(VM_INSTRUCTION_ERROR, &error), VM_SUCCEED);
	report(error == VMXERR_VMRESUME_NONLAUNCHED_VMCS, "the error is %lu (%s), was %d", error,
	       vm_instruction_error_name(error), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	l2_free(l2);
}
