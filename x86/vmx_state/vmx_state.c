// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The state of VMX, of a nested guest and of the guest that runs it, across a move (Intel
 * SDM volume 3: 25 the VMCS, 25.1 and 25.11.3 its launch state, 27.3.2 loading guest state,
 * 28.3 saving it, 28.5 loading host state, 31.3 the instructions).
 *
 * What a hypervisor has to carry over: whether the CPU is in VMX operation and which VMCS is
 * current; of each VMCS whether it was launched and all of its fields, some of which it may
 * keep in the region in memory and others in itself; and in L2 two states at once, L2's own
 * and the one that L1 will have behind the next exit, which is the host state in the VMCS and
 * not what L1 had before. A broken one loses VMX operation or the current VMCS, takes a
 * launched VMCS for a clear one, loses a field, saves L1's registers in the place of L2's, or
 * takes L1 back to registers that it had at the entry. Everything is filled with values that
 * occur nowhere else, the machine is moved, and every one is read: by VMREAD, by L2 before
 * the move and after, and by L1 behind the exit.
 *
 * Not told apart: a register that is lost in the move from one that is lost at the entry or
 * exit, but for plan none, where there is no move; and a VMXON region that is wrong from a
 * VMXON region that is not known, since no instruction reads it.
 *
 * Not here: memory of a VMCS region that is written to while the VMCS is active, and bit maps
 * that change while L2 runs. What then happens is undefined (25.11.1 and 25.11.4).
 *
 * On the command line: break=WHAT, to spoil the guest on purpose after each of its moves:
 *
 * vmxoff     it is no longer in VMX operation
 * vmcs       there is no current VMCS
 * launch     the current VMCS has been cleared
 * field      one field of a VMCS has another bit; one of them in each test
 * registers  every register of L2's is L1's
 * host       L1 has its registers back as they were, and not its host state
 * vectors    x87, SSE and AVX registers are in their initial state
 * event      some entries have no event
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "desc.h"
#include "isr.h"
#include "x86/nested/state.h"
#include "percpu.h"
#include "processor.h"
#include "nested/vmx/vmx.h"
#include "xsave.h"

#define NO_VMCS	    (~0ul)

/* A check of how an instruction has ended. */
static bool check_result(const char *instruction, enum vmx_result result, enum vmx_result expected)
{
	static const char *const names[] = { "VMsucceed", "VMfailInvalid", "VMfailValid",
					     "an exception" };

	report(result == expected, "%s: %s, expected %s", instruction, vmx_result_text(result),
	       names[expected]);
	return result == expected;
}

/* The same for one that has to fail with this error in the current VMCS. */
static void check_error(const char *instruction, enum vmx_result result, u64 expected)
{
	u64 error = 0;

	if (result == VM_FAIL_VALID)
		vmread(VM_INSTRUCTION_ERROR, &error);
	report(error == expected, "%s: %s, expected VMfailValid %lu (%s)", instruction,
	       vmx_result_text(result), expected, vm_instruction_error_name(expected));
}

static void check_current(u64 expected)
{
	phys_addr_t current = 1;
	enum vmx_result result = vmptrst(&current);

	report(result == VM_SUCCEED && current == expected,
	       "VMPTRST: %s, the current VMCS is at 0x%lx, expected 0x%lx", vmx_result_text(result),
	       current, expected);
}

/* ======== VMX operation, the current VMCS, launch states ======== */

static void moved_in_l1(void)
{
	migrate_quiet();
	if (broken("vmxoff") && vmx_enabled())
		vmxoff();
}

static void moved_in_l2(void *data)
{
	migrate_quiet();
	if (broken("registers"))
		write_es(read_ds());
}

static void count_calls(void *data)
{
	u64 *count = data;

	for (;;)
		l2_call(++*count);
}

static void check_ud(const char *instruction, enum vmx_result result)
{
	report(result == VM_EXCEPTION && exception_vector() == UD_VECTOR,
	       "outside VMX operation %s: %s, expected #UD", instruction, vmx_result_text(result));
}

TEST(outside_operation, .on = EACH_CPU, .needs = VMX,
     .about = "a CPU that has left VMX operation is outside after a move, with CR4.VMXE set too")
{
	phys_addr_t unused;
	struct vmcs *vmcs = vmcs_alloc();
	struct l2 *l2;

	vmx_enable();
	vmx_disable();
	migrate_quiet();
	report(!(read_cr4() & X86_CR4_VMXE), "CR4.VMXE is off after the move: CR4 0x%lx",
	       read_cr4());
	check_ud("VMPTRST", vmptrst(&unused));
	write_cr4(read_cr4() | X86_CR4_VMXE);
	migrate_quiet();
	report(read_cr4() & X86_CR4_VMXE, "CR4.VMXE is on after the move: CR4 0x%lx", read_cr4());
	check_ud("VMPTRST", vmptrst(&unused));
	check_ud("VMCLEAR", vmclear(virt_to_phys(vmcs)));
	check_ud("VMPTRLD", vmptrld(virt_to_phys(vmcs)));
	check_ud("VMREAD", vmread(GUEST_RIP, &unused));
	check_ud("VMWRITE", vmwrite(GUEST_RIP, 0));
	check_ud("VMLAUNCH", vmlaunch());
	check_ud("VMRESUME", vmresume());
	check_ud("VMXOFF", vmxoff());
	l2 = l2_new(moved_in_l2, NULL);
	l2_expect_return(l2);
	l2_free(l2);
	free_page(vmcs);
}

TEST(no_current_vmcs, .on = EACH_CPU, .needs = VMX,
     .about = "a CPU in VMX operation without a current VMCS is that after a move, too")
{
	struct vmcs *vmcs = vmcs_alloc();
	u64 value, cr4;

	vmx_disable();
	vmx_enable();
	moved_in_l1();
	cr4 = read_cr4();
	report(cr4 & X86_CR4_VMXE, "CR4.VMXE is on after the move: CR4 0x%lx", cr4);
	report(asm_safe("mov %0, %%cr4", "r"(cr4 & ~X86_CR4_VMXE)) == GP_VECTOR,
	       "clearing CR4.VMXE in VMX operation: %s, expected #GP",
	       exception_mnemonic(exception_vector()));
	check_current(NO_VMCS);
	check_result("VMREAD", vmread(GUEST_RIP, &value), VM_FAIL_INVALID);
	check_result("VMWRITE", vmwrite(GUEST_RIP, 0), VM_FAIL_INVALID);
	check_result("VMLAUNCH", vmlaunch(), VM_FAIL_INVALID);
	check_result("VMRESUME", vmresume(), VM_FAIL_INVALID);
	check_result("VMXON", vmxon(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMCLEAR of the VMXON region", vmclear(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMPTRLD of the VMXON region", vmptrld(vmxon_region()), VM_FAIL_INVALID);
	check_result("VMCLEAR", vmclear(virt_to_phys(vmcs)), VM_SUCCEED);
	check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs)), VM_SUCCEED);
	check_current(virt_to_phys(vmcs));
	vmclear(virt_to_phys(vmcs));
	free_page(vmcs);
	/* What break=vmxoff has left behind. */
	if (!vmx_enabled())
		vmx_enable();
}

TEST(vmxon_region_known, .on = EACH_CPU, .needs = VMX,
     .about = "after a move the VMXON region is known and no other is taken for it")
{
	struct vmcs *vmcs = vmcs_alloc();

	vmx_enable();
	vmclear(virt_to_phys(vmcs));
	vmptrld(virt_to_phys(vmcs));
	moved_in_l1();
	check_current(virt_to_phys(vmcs));
	check_error("VMXON", vmxon(vmxon_region()), VMXERR_VMXON_IN_VMX_ROOT_OPERATION);
	check_error("VMCLEAR of the VMXON region", vmclear(vmxon_region()),
		    VMXERR_VMCLEAR_VMXON_POINTER);
	check_error("VMPTRLD of the VMXON region", vmptrld(vmxon_region()),
		    VMXERR_VMPTRLD_VMXON_POINTER);
	check_current(virt_to_phys(vmcs));
	vmclear(virt_to_phys(vmcs));
	free_page(vmcs);
	if (!vmx_enabled())
		vmx_enable();
}

/* As the move should have left it, but for break=. */
static void moved_with(struct l2 *l2)
{
	migrate_quiet();
	if (broken("vmcs") || broken("launch"))
		vmclear(virt_to_phys(l2->vmcs));
	if (broken("launch"))
		vmptrld(virt_to_phys(l2->vmcs));
}

TEST(never_launched, .on = EACH_CPU, .needs = VMX,
     .about = "a current VMCS that was never launched stays so and can be launched after a move")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	vmx_make_current(l2);
	moved_with(l2);
	check_current(virt_to_phys(l2->vmcs));
	check_error("VMRESUME", vmx_resume(l2), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	l2_expect_call(l2, 1);
	l2_free(l2);
}

TEST(launched, .on = EACH_CPU, .needs = VMX,
     .about = "a current VMCS that was launched stays so and can be resumed after a move")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	moved_with(l2);
	check_current(virt_to_phys(l2->vmcs));
	check_error("VMLAUNCH", vmx_launch(l2), VMXERR_VMLAUNCH_NONCLEAR_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

TEST(cleared, .on = EACH_CPU, .needs = VMX,
     .about = "a VMCS that was launched and cleared has its fields, and can be launched, after a "
	      "move")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	vmx_clear(l2);
	moved_in_l1();
	check_current(NO_VMCS);
	check_result("VMPTRLD", vmptrld(virt_to_phys(l2->vmcs)), VM_SUCCEED);
	check_error("VMRESUME", vmx_resume(l2), VMXERR_VMRESUME_NONLAUNCHED_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

TEST(after_vmxoff, .on = EACH_CPU, .needs = VMX,
     .about = "a VMCS that was cleared before VMXOFF can be launched after a move and VMXON")
{
	u64 count = 0;
	struct l2 *l2 = l2_new(count_calls, &count);

	l2_expect_call(l2, 1);
	vmx_clear(l2);
	vmx_disable();
	migrate_quiet();
	vmx_enable();
	check_current(NO_VMCS);
	l2_expect_call(l2, 2);
	l2_free(l2);
}

#define L2S 6

/* 0, 3: never launched; 1, 4: launched; 2, 5: launched, then cleared. One of them is current. */
static void check_several(int current)
{
	u64 counts[L2S] = { 0 };
	struct l2 *l2s[L2S];

	for (int i = 0; i < L2S; i++) {
		l2s[i] = l2_new(count_calls, &counts[i]);
		if (i % 3)
			l2_enter(l2s[i]);
		if (i % 3)
			vmx_skip(l2s[i]);
		if (i % 3 == 2)
			vmx_clear(l2s[i]);
	}
	vmx_make_current(l2s[current]);
	moved_with(l2s[current]);
	check_current(virt_to_phys(l2s[current]->vmcs));
	for (int n = 0; n < L2S; n++) {
		struct l2 *l2 = l2s[(current + n) % L2S];
		u64 *count = &counts[(current + n) % L2S], before = *count;

		if (l2->launched)
			check_error("VMLAUNCH of one that was launched", vmx_launch(l2),
				    VMXERR_VMLAUNCH_NONCLEAR_VMCS);
		else
			check_error("VMRESUME of one that was not", vmx_resume(l2),
				    VMXERR_VMRESUME_NONLAUNCHED_VMCS);
		l2_enter(l2);
		report(l2_is_call(l2, before + 1) && *count == before + 1,
		       "L2 %d of %d goes on with its call %lu: exit %s", (current + n) % L2S, L2S,
		       before + 1, l2_exit_text(l2));
	}
	for (int i = 0; i < L2S; i++)
		l2_free(l2s[i]);
}

TEST(several_launched, .on = EACH_CPU, .needs = VMX,
     .about = "of six VMCSs each keeps its launch state and its L2, with a launched one current")
{
	check_several(4);
}

TEST(several_not_launched, .on = EACH_CPU, .needs = VMX,
     .about = "of six VMCSs each keeps its launch state and its L2, with one current that was not "
	      "launched")
{
	check_several(3);
}

TEST(capabilities, .on = EACH_CPU, .needs = VMX,
     .about = "IA32_FEATURE_CONTROL and the capability MSRs are the same after a move")
{
	u64 before[MSR_IA32_VMX_VMFUNC - MSR_IA32_VMX_BASIC + 1], value, control;
	int there[ARRAY_SIZE(before)];

	vmx_enable();
	control = rdmsr(MSR_IA32_FEAT_CTL);
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++)
		there[i] = rdmsr_safe(MSR_IA32_VMX_BASIC + i, &before[i]);
	moved_in_l1();
	for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
		int now = rdmsr_safe(MSR_IA32_VMX_BASIC + i, &value);

		report_if_failed(now == there[i] && value == before[i],
				 "MSR 0x%x is 0x%lx (exception %d), was 0x%lx (exception %d)",
				 MSR_IA32_VMX_BASIC + i, value, now, before[i], there[i]);
	}
	report(true, "%lu capability MSRs", ARRAY_SIZE(before));
	report(rdmsr(MSR_IA32_FEAT_CTL) == control && control & FEAT_CTL_LOCKED,
	       "IA32_FEATURE_CONTROL is 0x%lx, was 0x%lx, with its lock", rdmsr(MSR_IA32_FEAT_CTL),
	       control);
	report(wrmsr_safe(MSR_IA32_FEAT_CTL, control) == GP_VECTOR,
	       "writing IA32_FEATURE_CONTROL, which is locked: %s, expected #GP",
	       exception_mnemonic(exception_vector()));
	if (!vmx_enabled())
		vmx_enable();
}

/* ======== fields ======== */

/* What VMREAD gives of every field, where it gives something. */
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

/* The error of the last instruction changes by looking. */
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
				 "%s: %s %s, and was not so before the move", which,
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
	report(there, "%s: %u of %u fields can be read, and are as they were", which, there,
	       VMCS_FIELD_COUNT);
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
 * Two VMCSs, the first of which is current when the machine is moved: a hypervisor keeps
 * the fields of the current one somewhere else than those of the others. What VMWRITE has
 * written is what VMREAD gives then: a CPU need not keep bits that are reserved.
 */
TEST(fields, .on = EACH_CPU, .needs = VMX,
     .about = "every field that VMWRITE takes is the same after a move, of the current VMCS and of "
	      "another")
{
	struct vmcs *vmcs[2] = { vmcs_alloc(), vmcs_alloc() };
	struct field_values *before[2];
	unsigned kept = 0;

	vmx_enable();
	for (int i = 1; i >= 0; i--) {
		before[i] = calloc(1, sizeof(*before[i]));
		check_result("VMCLEAR", vmclear(virt_to_phys(vmcs[i])), VM_SUCCEED);
		check_result("VMPTRLD", vmptrld(virt_to_phys(vmcs[i])), VM_SUCCEED);
		report(fill_fields(i), "%u fields were filled", fill_fields(i));
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

/* Those that an exit writes, of an I/O instruction and of a page fault. */
TEST(fields_of_exit, .on = EACH_CPU, .needs = VMX_IO_BITMAPS,
     .about = "what an exit has written into the VMCS is the same after a move")
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
	       "the exit qualification is the address: 0x%lx", vmx_get(l2, EXIT_QUALIFICATION));
	read_fields(before);
	migrate_quiet();
	spoil_a_field();
	check_fields(before, "after a page fault's exit");
	free(before);
	l2_free(l2);
}

#define LOADED_GDTR_LIMIT 0x97
#define LOADED_IDTR_LIMIT 0xfdf

/* Of L1's own tables, with other limits: nothing that L2 does needs what is cut off. */
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
 * A hypervisor may leave what an exit saves where L2 ran, until L1 asks for it. The second L2
 * makes another VMCS current before that.
 */
TEST(fields_not_read, .on = EACH_CPU, .needs = VMX,
     .about =
	     "what L2 has loaded is in the VMCS after a move in L1 that has read none of it before")
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
		report(l2_is_call(l2s[i], 1), "%s: L2 came to its call: exit %s", which,
		       l2_exit_text(l2s[i]));
		l2_free(l2s[i]);
	}
}

TEST(instruction_error, .on = EACH_CPU, .needs = VMX,
     .about = "the VM-instruction error of a VMCS is the same after a move")
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

/* ======== registers of L2 and L1 ======== */

#define SHARED (~0u) /* in place of a field: L1 and L2 have the same */

MSR_ACCESS(static, pat, MSR_IA32_CR_PAT)
MSR_ACCESS(static, tsc_aux, MSR_TSC_AUX)

static bool has_pat_control(void)
{
	return VMX_LOAD_PAT[0]->present();
}

static bool has_efer_control(void)
{
	return VMX_LOAD_EFER[0]->present();
}

static bool has_rdtscp(void)
{
	return this_cpu_has(X86_FEATURE_RDTSCP);
}

#define IN_VMCS(label, accessors, suffix, pattern, condition_)                                     \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = GUEST_##suffix, .host = HOST_##suffix, .value = pattern,                  \
		.condition = condition_                                                            \
	}
/* The field for L1 is called otherwise, or there is none. */
#define IN_VMCS_AS(label, accessors, guest_field, host_field, pattern)                             \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = guest_field, .host = host_field, .value = pattern                         \
	}
#define IN_CPU(label, accessors, pattern, condition_)                                              \
	{                                                                                          \
		.name = label, .read = read_##accessors, .write = write_##accessors,               \
		.guest = SHARED, .host = SHARED, .value = pattern, .condition = condition_         \
	}

struct state_register registers[] = {
	IN_VMCS("CR0", cr0, CR0, 0, NULL),
	IN_VMCS("CR3", cr3, CR3, 0, NULL),
	IN_VMCS("CR4", cr4, CR4, 0, NULL),
	IN_VMCS("EFER", efer, IA32_EFER, 0, has_efer_control),
	/* The first four entries are those in use. */
	IN_VMCS("PAT", pat, IA32_PAT, 0x0105040600070406, has_pat_control),
	IN_VMCS_AS("SYSENTER_CS", sysenter_cs, GUEST_SYSENTER_CS, HOST_IA32_SYSENTER_CS, 0x2b10),
	IN_VMCS_AS("SYSENTER_ESP", sysenter_esp, GUEST_SYSENTER_ESP, HOST_IA32_SYSENTER_ESP,
		   NOWHERE(5)),
	IN_VMCS_AS("SYSENTER_EIP", sysenter_eip, GUEST_SYSENTER_EIP, HOST_IA32_SYSENTER_EIP,
		   NOWHERE(6)),
	IN_VMCS("FS.base", fs_base, FS_BASE, NOWHERE(7), NULL),
	IN_VMCS("GDTR.base", gdt_base, GDTR_BASE, 0, NULL),
	IN_VMCS("IDTR.base", idt_base, IDTR_BASE, 0, NULL),
	IN_CPU("DR0", dr0, NOWHERE(20), NULL),
	IN_CPU("DR1", dr1, NOWHERE(21), NULL),
	IN_CPU("DR2", dr2, NOWHERE(22), NULL),
	IN_CPU("DR3", dr3, NOWHERE(23), NULL),
	IN_CPU("DR6", dr6, 0xffff0ff0 | BIT(1) | BIT(3), NULL),
	/* Four execution breakpoints, at what is in DR0 to DR3. An exit makes it 0x400. */
	IN_VMCS_AS("DR7", dr7, GUEST_DR7, SHARED, 0x455),
	IN_CPU("CR2", cr2, NOWHERE(1), NULL),
	/* Below every vector that is in use. */
	IN_CPU("CR8", cr8, 1, NULL),
	IN_CPU("STAR", star, 0x00230010aabbccdd, NULL),
	IN_CPU("LSTAR", lstar, NOWHERE(2), NULL),
	IN_CPU("CSTAR", cstar, NOWHERE(3), NULL),
	IN_CPU("SFMASK", sfmask, 0x00015a5a, NULL),
	IN_CPU("KernelGsBase", kernel_gs_base, NOWHERE(4), NULL),
	IN_CPU("TSC_AUX", tsc_aux, 0x5a0ff1ce, has_rdtscp),
};

const unsigned register_count = ARRAY_SIZE(registers);

#define DR7_AFTER_EXIT 0x400

static bool is_shared(const struct state_register *reg)
{
	return reg->guest == SHARED;
}

static void check_vmcs(const struct l2 *l2)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];

		if (reg->there && !is_shared(reg))
			report_if_failed(vmx_get(l2, reg->guest) == reg->value,
					 "%s after the exit is 0x%lx, and was 0x%lx in L2",
					 vmcs_field_name(reg->guest), vmx_get(l2, reg->guest),
					 reg->value);
	}
	report(true, "L2's registers in the VMCS after the exit");
}

/* L1 has the host state of the VMCS; of what is shared, what L2 has left. */
static void check_own(const u64 *now, bool shared_too)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];
		u64 expected = is_shared(reg) ? reg->value : reg->own;

		if (!reg->there || (is_shared(reg) && !shared_too))
			continue;
		if (!is_shared(reg) && reg->host == SHARED)
			expected = DR7_AFTER_EXIT;
		report_if_failed(now[i] == expected,
				 "L1's %s after the exit is 0x%lx, expected 0x%lx", reg->name,
				 now[i], expected);
	}
	report(true, "L1's registers after the exit");
}

static void check_state(bool ept, bool write)
{
	struct reading reading = { .write = write };
	struct l2 *l2 = l2_new(state_in_l2, &reading);
	struct tables tables = fill_values();
	u64 now[2][MOST_REGISTERS];
	bool called;

	if (ept)
		vmx_use_ept(l2);
	for (unsigned i = 0; i < register_count && !write; i++)
		if (!registers[i].there)
			continue;
		else if (is_shared(&registers[i]))
			registers[i].write(registers[i].value);
		else
			vmx_set(l2, registers[i].guest, registers[i].value);
	l2_enter(l2);
	read_registers(now[0]);
	called = l2_is_call(l2, 1);
	report(called, "L2 came to its call: exit %s", l2_exit_text(l2));
	if (called) {
		check_vmcs(l2);
		vmx_skip(l2);
		check_reading(reading.values[0], "before the move");
		check_reading(reading.values[1], "after the move");
		check_own(now[0], true);
		l2_enter(l2);
		read_registers(now[1]);
		report(l2_is_call(l2, L2_RETURNED), "L2 came to its end: exit %s",
		       l2_exit_text(l2));
		check_reading(reading.values[0], "after another exit and entry");
		check_own(now[1], false);
	}
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there)
			registers[i].write(registers[i].own);
	l2_free(l2);
	free_tables(&tables);
}

TEST(registers_from_vmcs, .on = EACH_CPU, .needs = VMX,
     .about = "control, debug, system call registers of L2 and L1, set in the VMCS, moved in L2")
{
	check_state(false, false);
}

TEST(registers_from_vmcs_ept, .on = EACH_CPU, .needs = VMX_EPT, .about = "the same with EPT")
{
	check_state(true, false);
}

TEST(registers_written_in_l2, .on = EACH_CPU, .needs = VMX,
     .about = "registers that L2 itself has written survive a move and come out in the VMCS")
{
	check_state(false, true);
}

TEST(registers_written_in_l2_ept, .on = EACH_CPU, .needs = VMX_EPT, .about = "the same with EPT")
{
	check_state(true, true);
}

/* ---- what the MSR areas carry ---- */

static const struct {
	const char *name;
	u32 index;
	u64 value;
} area_msrs[] = {
	{ "STAR", MSR_STAR, 0x00230010aabbccdd },
	{ "LSTAR", MSR_LSTAR, NOWHERE(2) },
	{ "CSTAR", MSR_CSTAR, NOWHERE(3) },
	{ "SFMASK", MSR_SYSCALL_MASK, 0x00015a5a },
	{ "KernelGsBase", MSR_KERNEL_GS_BASE, NOWHERE(4) },
};

#define AREA_MSRS ARRAY_SIZE(area_msrs)
/* The entry loads the value; L2 changes one bit of it, and the exit loads it with another. */
#define BY_L2	0x100
#define BY_EXIT 0x200

static void msrs_in_l2(void *data)
{
	u64 *values = data;

	migrate_quiet();
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		values[i] = rdmsr(area_msrs[i].index);
		wrmsr(area_msrs[i].index, area_msrs[i].value ^ BY_L2);
	}
}

TEST(msr_areas, .on = EACH_CPU, .needs = VMX,
     .about =
	     "MSRs that the entry loads, the exit stores and the exit loads, with L2 moved between")
{
	u64 in_l2[AREA_MSRS] = { 0 }, own[AREA_MSRS], now[AREA_MSRS];
	struct vmx_msr_entry *stored[AREA_MSRS];
	struct l2 *l2 = l2_new(msrs_in_l2, in_l2);

	for (unsigned i = 0; i < AREA_MSRS; i++) {
		u32 index = area_msrs[i].index;

		own[i] = rdmsr(index);
		vmx_load_msr_at_entry(l2, index, broken("registers") ? own[i] : area_msrs[i].value);
		stored[i] = vmx_store_msr_at_exit(l2, index);
		vmx_load_msr_at_exit(l2, index, area_msrs[i].value ^ BY_EXIT);
	}
	l2_enter(l2);
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		now[i] = rdmsr(area_msrs[i].index);
		wrmsr(area_msrs[i].index, own[i]);
	}
	report(l2_is_call(l2, L2_RETURNED), "L2 came to its end: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < AREA_MSRS; i++) {
		u64 value = area_msrs[i].value;

		report(in_l2[i] == value, "%s in L2 is 0x%lx, the entry should have loaded 0x%lx",
		       area_msrs[i].name, in_l2[i], value);
		report(stored[i]->value == (value ^ BY_L2),
		       "the exit has stored %s as 0x%lx, should be L2's 0x%lx", area_msrs[i].name,
		       stored[i]->value, value ^ BY_L2);
		report(now[i] == (value ^ BY_EXIT),
		       "%s in L1 is 0x%lx, the exit should have loaded 0x%lx", area_msrs[i].name,
		       now[i], value ^ BY_EXIT);
	}
	l2_free(l2);
}

/* ---- segments: what only the VMCS shows ---- */

struct segment {
	const char *name;
	enum vmcs_field parts[4]; /* selector, limit, access rights, base */
	bool fill;
	u64 values[4];
};

#define SEGMENT(name, ...)                                                                         \
	{                                                                                          \
#name, { GUEST_##name##_SELECTOR, GUEST_##name##_LIMIT, GUEST_##name##_AR_BYTES,   \
			 GUEST_##name##_BASE },                                                    \
			 __VA_ARGS__                                                               \
	}

/* What 64-bit code does not look at. GS and TR keep the bases of this CPU. */
static const struct segment segments[] = {
	SEGMENT(CS, false, { 0 }),
	SEGMENT(SS, false, { 0 }),
	SEGMENT(DS, false, { 0 }),
	SEGMENT(ES, true, { KERNEL_DS, 0x12345fff, 0xc093, 0x11223344 }),
	SEGMENT(FS, true, { USER_DS, 0xabcdefff, 0xc0f3, NOWHERE(1) }),
	SEGMENT(GS, true, { KERNEL_DS16, 0xffff, 0x0093, 0 }),
	SEGMENT(LDTR, true, { FIRST_SPARE_SEL, 0x77, 0x0082, NOWHERE(2) }),
	SEGMENT(TR, true, { TSS_MAIN, 0x2067, 0x008b, 0 }),
};

#define SEGMENTS   ARRAY_SIZE(segments)
#define GDTR_LIMIT 0x8f
#define IDTR_LIMIT 0xfef

TEST(segments, .on = EACH_CPU, .needs = VMX,
     .about = "selectors, access rights, limits and bases of L2's segments survive a move in L2")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	u64 was[SEGMENTS][4], now[4];

	for (unsigned i = 0; i < SEGMENTS; i++)
		for (int part = 0; part < 4; part++) {
			if (segments[i].fill && (part < 3 || segments[i].values[part]))
				vmx_set(l2, segments[i].parts[part], segments[i].values[part]);
			was[i][part] = vmx_get(l2, segments[i].parts[part]);
		}
	vmx_set(l2, GUEST_GDTR_LIMIT, GDTR_LIMIT);
	vmx_set(l2, GUEST_IDTR_LIMIT, IDTR_LIMIT);
	l2_expect_return(l2);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		for (int part = 0; part < 4; part++)
			now[part] = vmx_get(l2, segments[i].parts[part]);
		report(!memcmp(now, was[i], sizeof(now)),
		       "%s is %04lx, limit %lx, rights %lx, base %lx; was %04lx, %lx, %lx, %lx",
		       segments[i].name, now[0], now[1], now[2], now[3], was[i][0], was[i][1],
		       was[i][2], was[i][3]);
	}
	report(vmx_get(l2, GUEST_GDTR_LIMIT) == GDTR_LIMIT &&
		       vmx_get(l2, GUEST_IDTR_LIMIT) == IDTR_LIMIT,
	       "the limit of GDTR is 0x%lx, was 0x%x; of IDTR 0x%lx, was 0x%x",
	       vmx_get(l2, GUEST_GDTR_LIMIT), GDTR_LIMIT, vmx_get(l2, GUEST_IDTR_LIMIT),
	       IDTR_LIMIT);
	l2_free(l2);
}

/* ======== what x86/nested/state.c needs ======== */

HOLD_ENDS("vmcall");

/* XSETBV always exits. */
void let_l2_write_xcr0(struct l2 *l2)
{
	l2_expect(l2, EXIT_REASON_XSETBV, "XSETBV");
	write_xcr0(l2->registers.rdx << 32 | (u32)l2->rax);
	vmx_skip(l2);
}

/* ======== moved in an entry ======== */

#define LONG_VECTOR 0x62
/* As many as every CPU takes: a hypervisor that loads them itself is at it for a while. */
#define LONG_AREA 512

/* One L2, entered with an event each time. */
struct long_entries {
	struct l2 *l2;
	u64 entered, events;
	bool stopped;
};

static PER_CPU(struct long_entries, long_entries);

static void count_event(isr_regs_t *regs)
{
	struct long_entries *mine = &this_cpu(long_entries);

	mine->events += l2_owns_stack(mine->l2, regs->rsp);
}

static void call_forever(void *data)
{
	for (;;)
		l2_call(1);
}

static void enter_with_event(void)
{
	struct long_entries *mine = &this_cpu(long_entries);

	if (mine->stopped)
		return;
	mine->entered++;
	if (!broken("event") || mine->entered % 8)
		vmx_inject(mine->l2, INTR_TYPE_EXT_INTR | LONG_VECTOR, 0);
	l2_enter(mine->l2);
	mine->stopped = !l2_is_call(mine->l2, 1) || mine->events != mine->entered;
	if (!mine->stopped)
		vmx_skip(mine->l2);
}

/*
 * A hypervisor that emulates VMRESUME may be stopped when it has begun, and L2 has not: what the
 * entry has still to do must come with the move. Twice, since it may be stopped elsewhere.
 */
TEST(moved_in_entry, .on = EACH_CPU, .needs = VMX,
     .about = "what an entry injects comes once, also if the machine is moved while it is entering")
{
	struct vmx_msr_entry *area = alloc_pages(1);
	struct long_entries *mine = &this_cpu(long_entries);

	_Static_assert(LONG_AREA * sizeof(*area) == 2 * PAGE_SIZE, "the area is two pages");
	for (int i = 0; i < LONG_AREA; i++)
		area[i] = (struct vmx_msr_entry){ .index = MSR_LSTAR, .value = rdmsr(MSR_LSTAR) };
	*mine = (struct long_entries){ .l2 = l2_new(call_forever, NULL) };
	vmx_set(mine->l2, VM_ENTRY_MSR_LOAD_ADDR, virt_to_phys(area));
	vmx_set(mine->l2, VM_ENTRY_MSR_LOAD_COUNT, LONG_AREA);
	handle_irq(LONG_VECTOR, count_event);
	for (int i = 0; i < 10; i++)
		enter_with_event();
	migrate_quiet_while(enter_with_event);
	migrate_quiet_while(enter_with_event);
	report(!mine->stopped, "%lu entries with an event, %lu events in L2; then exit %s",
	       mine->entered, mine->events, l2_exit_text(mine->l2));
	unhandle_irq(LONG_VECTOR);
	l2_free(mine->l2);
	free_pages(area);
}

/* ======== L1 behind the exit ======== */

#define TABLE_LIMIT_AFTER_EXIT 0xffff

/* What the exit does not take from the VMCS, but always sets (28.5). */
struct flow {
	u64 rflags, cs, ss, ds, es, fs, gs, tr, ldtr, gdt_limit, idt_limit, debugctl;
};

static struct flow read_flow(const struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	return (struct flow){
		l2->exit_rflags, read_cs(),  read_ss(),	 read_ds(),
		read_es(),	 read_fs(),  read_gs(),	 str(),
		sldt(),		 gdtr.limit, idtr.limit, rdmsr(MSR_IA32_DEBUGCTLMSR)
	};
}

/*
 * The host state is changed after it was taken from the CPU, so that L1 comes back with
 * registers that it never had: a hypervisor that puts L1's away at the entry has others.
 */
TEST(host_state, .on = EACH_CPU, .needs = VMX,
     .about =
	     "L1 comes back with the host state of the VMCS, and not with what it had, when L2 was "
	     "moved")
{
	struct l2 *l2 = l2_new(moved_in_l2, NULL);
	struct tables tables = fill_values();
	u64 now[MOST_REGISTERS], gs_base = rdmsr(MSR_GS_BASE), es = read_es(), ds = read_ds(), dr7;
	struct flow flow;

	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED && !broken("host"))
			vmx_set(l2, registers[i].host, registers[i].value);
	vmx_set(l2, HOST_ES_SELECTOR, KERNEL_DS16);
	vmx_set(l2, HOST_DS_SELECTOR, 0);
	/* Breakpoints that are never reached, which the exit turns off. */
	write_dr7(find_register("DR7")->value);
	l2_enter(l2);
	if (broken("host"))
		write_dr7(find_register("DR7")->value);
	dr7 = read_dr7();
	flow = read_flow(l2);
	read_registers(now);
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED)
			registers[i].write(registers[i].own);
	write_ds(ds);
	write_es(es);
	report(l2_is_call(l2, L2_RETURNED), "L2 came to its end: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there && registers[i].host != SHARED)
			report(now[i] == registers[i].value,
			       "L1's %s is 0x%lx, %s is 0x%lx, and it was 0x%lx", registers[i].name,
			       now[i], vmcs_field_name(registers[i].host), registers[i].value,
			       registers[i].own);
	report(flow.rflags == X86_EFLAGS_FIXED, "L1's RFLAGS is 0x%lx, expected 0x2", flow.rflags);
	report(flow.cs == KERNEL_CS && flow.ss == KERNEL_DS && !flow.ds && flow.es == KERNEL_DS16 &&
		       !flow.fs && !flow.gs && flow.tr == TSS_MAIN && !flow.ldtr,
	       "L1's CS %lx, SS %lx, DS %lx, ES %lx, FS %lx, GS %lx, TR %lx, LDTR %lx; expected "
	       "%x, %x, 0, %x, 0, 0, %x, 0",
	       flow.cs, flow.ss, flow.ds, flow.es, flow.fs, flow.gs, flow.tr, flow.ldtr, KERNEL_CS,
	       KERNEL_DS, KERNEL_DS16, TSS_MAIN);
	report(flow.gdt_limit == TABLE_LIMIT_AFTER_EXIT && flow.idt_limit == TABLE_LIMIT_AFTER_EXIT,
	       "the limits of L1's GDTR and IDTR are 0x%lx and 0x%lx, expected 0xffff",
	       flow.gdt_limit, flow.idt_limit);
	report(dr7 == DR7_AFTER_EXIT && !flow.debugctl,
	       "L1's DR7 is 0x%lx, expected 0x400; IA32_DEBUGCTL 0x%lx, expected 0", dr7,
	       flow.debugctl);
	report(rdmsr(MSR_GS_BASE) == gs_base, "L1's GS base is 0x%lx, was 0x%lx",
	       rdmsr(MSR_GS_BASE), gs_base);
	report(irqs_enabled(), "interrupts are on again in L1");
	l2_free(l2);
	free_tables(&tables);
}
