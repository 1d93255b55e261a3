// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that have fields of their own in the VMCS, and controls by which VM entries and exits load
 * and save them (Intel SDM volume 3, 25.7.1 and 25.8.1).
 *
 * A broken hypervisor gives L2 the value of the VM entry again after a migration, or gives L1 or
 * the VMCS a value although the control for it is off.
 */
#include "libcflat.h"
#include "processor.h"
#include "x86/vmx_msr/vmx_msr.h"

/* A register that a VM entry may load, and that an exit may save and load, as controls say. */
struct loaded {
	const char *name;
	u64 (*read)(void);
	void (*write)(u64 value);
	enum vmcs_field guest, host;
	u32 entry_load, exit_save, exit_load;
	u64 own, by_entry, by_l2, by_exit;
};

/* What L2 reads before it writes, and after the migration. */
struct readings {
	struct loaded *registers;
	unsigned count;
	u64 first[2], last[2];
};

static void write_and_be_moved(void *data)
{
	struct readings *readings = data;

	for (unsigned i = 0; i < readings->count; i++) {
		readings->first[i] = readings->registers[i].read();
		readings->registers[i].write(readings->registers[i].by_l2);
	}
	migrate_quiet();
	for (unsigned i = 0; broken("l2") && i < readings->count; i++)
		readings->registers[i].write(readings->registers[i].by_entry);
	for (unsigned i = 0; i < readings->count; i++)
		readings->last[i] = readings->registers[i].read();
}

static void choose(struct l2 *l2, enum vmcs_field field, u32 bits, bool on)
{
	if (on)
		vmx_set_controls(l2, field, bits);
	else
		vmx_clear_controls(l2, field, bits);
}

/* Checks one setting of the controls, for all registers of a table. */
static void check_loaded(struct loaded *registers, unsigned count, bool entry_load, bool exit_save,
			 bool exit_load)
{
	struct readings readings = { .registers = registers, .count = count };
	struct l2 *l2 = l2_new(write_and_be_moved, &readings);
	bool wrong_choice = broken("load");
	u64 now[2];

	for (unsigned i = 0; i < count; i++) {
		struct loaded *reg = &registers[i];

		choose(l2, VM_ENTRY_CONTROLS, reg->entry_load, entry_load != wrong_choice);
		choose(l2, VM_EXIT_CONTROLS, reg->exit_save, exit_save);
		choose(l2, VM_EXIT_CONTROLS, reg->exit_load, exit_load != wrong_choice);
		vmx_set(l2, reg->guest, reg->by_entry);
		vmx_set(l2, reg->host, reg->by_exit);
	}
	l2_enter(l2);
	for (unsigned i = 0; i < count; i++) {
		now[i] = registers[i].read();
		registers[i].write(registers[i].own);
	}
	report_prefix_pushf("load %d, save %d, load at exit %d", entry_load, exit_save, exit_load);
	report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
	for (unsigned i = 0; i < count; i++) {
		const struct loaded *reg = &registers[i];
		u64 first = entry_load ? reg->by_entry : reg->own;
		u64 saved = exit_save ? reg->by_l2 : reg->by_entry;
		u64 back = exit_load ? reg->by_exit : reg->by_l2;

		report(readings.first[i] == first && readings.last[i] == reg->by_l2,
		       "%s in L2 is 0x%lx, expected 0x%lx; after the migration 0x%lx, expected 0x%lx",
		       reg->name, readings.first[i], first, readings.last[i], reg->by_l2);
		report(vmx_get(l2, reg->guest) == saved && now[i] == back,
		       "%s is 0x%lx, expected 0x%lx; in L1 %s is 0x%lx, expected 0x%lx",
		       vmcs_field_name(reg->guest), vmx_get(l2, reg->guest), saved, reg->name,
		       now[i], back);
	}
	report_prefix_pop();
	l2_free(l2);
}

MSR_ACCESS(static, pat, MSR_IA32_CR_PAT)
MSR_ACCESS(static, efer, MSR_EFER)
MSR_ACCESS(static, perf_global_ctrl, MSR_CORE_PERF_GLOBAL_CTRL)
MSR_ACCESS(static, debugctl, MSR_IA32_DEBUGCTLMSR)
MSR_ACCESS(static, bndcfgs, MSR_IA32_BNDCFGS)

/* Only the first four entries of IA32_PAT are in use. EFER.SCE may change without harm. */
static void check_pat_and_efer(bool entry_load, bool exit_save, bool exit_load)
{
	u64 efer = rdmsr(MSR_EFER);
	struct loaded registers[] = {
		{ .name = "IA32_PAT",
		  .read = read_pat,
		  .write = write_pat,
		  .guest = GUEST_IA32_PAT,
		  .host = HOST_IA32_PAT,
		  .entry_load = VM_ENTRY_LOAD_IA32_PAT,
		  .exit_save = VM_EXIT_SAVE_IA32_PAT,
		  .exit_load = VM_EXIT_LOAD_IA32_PAT,
		  .own = rdmsr(MSR_IA32_CR_PAT),
		  .by_entry = 0x0105040600070406,
		  .by_l2 = 0x0501060400070406,
		  .by_exit = 0x0406050100070406 },
		{ .name = "IA32_EFER",
		  .read = read_efer,
		  .write = write_efer,
		  .guest = GUEST_IA32_EFER,
		  .host = HOST_IA32_EFER,
		  .entry_load = VM_ENTRY_LOAD_IA32_EFER,
		  .exit_save = VM_EXIT_SAVE_IA32_EFER,
		  .exit_load = VM_EXIT_LOAD_IA32_EFER,
		  .own = efer,
		  .by_entry = efer ^ EFER_SCE },
	};

	/* L2 always writes another value than before, and the exit loads another one again. */
	registers[1].by_l2 = entry_load ? efer : efer ^ EFER_SCE;
	registers[1].by_exit = registers[1].by_l2 ^ EFER_SCE;
	check_loaded(registers, ARRAY_SIZE(registers), entry_load, exit_save, exit_load);
}

TEST(pat_and_efer_all, .on = EACH_CPU, .needs = ALL_OF(VMX_LOAD_PAT, VMX_LOAD_EFER),
     .about =
	     "IA32_PAT and IA32_EFER survive a migration in L2, with all controls that load and save them on")
{
	check_pat_and_efer(true, true, true);
}

TEST(pat_and_efer_shared, .on = EACH_CPU, .needs = ALL_OF(VMX_LOAD_PAT, VMX_LOAD_EFER),
     .about =
	     "IA32_PAT and IA32_EFER, shared by L1 and L2 without any control, survive a migration in L2")
{
	check_pat_and_efer(false, false, false);
}

TEST(pat_and_efer_kept, .on = EACH_CPU, .needs = ALL_OF(VMX_LOAD_PAT, VMX_LOAD_EFER),
     .about =
	     "IA32_PAT and IA32_EFER that only the VM entry loads survive a migration in L2, and L1 gets them")
{
	check_pat_and_efer(true, false, false);
}

TEST(pat_and_efer_exit, .on = EACH_CPU, .needs = ALL_OF(VMX_LOAD_PAT, VMX_LOAD_EFER),
     .about = "IA32_PAT and IA32_EFER that only the exit saves and loads survive a migration in L2")
{
	check_pat_and_efer(false, true, true);
}

/* ---- performance counters ---- */

/* CPUID 0Ah has the version in the lowest byte of EAX, and the number of counters in the next. */
FEATURE(PERF_GLOBAL_CTRL, "IA32_PERF_GLOBAL_CTRL and two counters")
{
	return (cpuid(0xa).a & 0xff) >= 2 && (cpuid(0xa).a >> 8 & 0xff) >= 2;
}

static void check_perf_global_ctrl(bool load)
{
	struct loaded registers[] = {
		{ .name = "IA32_PERF_GLOBAL_CTRL",
		  .read = read_perf_global_ctrl,
		  .write = write_perf_global_ctrl,
		  .guest = GUEST_IA32_PERF_GLOBAL_CTRL,
		  .host = HOST_IA32_PERF_GLOBAL_CTRL,
		  .entry_load = VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
		  .exit_load = VM_EXIT_LOAD_IA32_PERF_GLOBAL_CTRL,
		  .own = 0,
		  .by_entry = 1,
		  .by_l2 = 2,
		  .by_exit = 3 },
	};

	wrmsr(MSR_CORE_PERF_GLOBAL_CTRL, 0);
	check_loaded(registers, 1, load, false, load);
}

TEST(perf_global_ctrl, .on = EACH_CPU, .needs = ALL_OF(VMX_LOAD_PERF_GLOBAL_CTRL, PERF_GLOBAL_CTRL),
     .about =
	     "IA32_PERF_GLOBAL_CTRL survives a migration in L2, loaded by entry and exit or shared")
{
	check_perf_global_ctrl(true);
	check_perf_global_ctrl(false);
}

/* ---- bounds ---- */

/* IA32_BNDCFGS has no host field: an exit clears it (25.7.1), and always saves it (28.3.1). */
TEST(bndcfgs, .on = EACH_CPU, .needs = VMX_LOAD_BNDCFGS,
     .about =
	     "IA32_BNDCFGS that the VM entry loads survives a migration in L2; the exit saves and clears it")
{
	struct loaded reg = { .read = read_bndcfgs, .write = write_bndcfgs, .by_l2 = NOWHERE(2) };
	struct readings readings = { .registers = &reg, .count = 1 };
	struct l2 *l2 = l2_new(write_and_be_moved, &readings);
	u64 own = rdmsr(MSR_IA32_BNDCFGS), now;

	reg.by_entry = NOWHERE(1);
	vmx_set_controls(l2, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_BNDCFGS);
	vmx_set_controls(l2, VM_EXIT_CONTROLS, VM_EXIT_CLEAR_BNDCFGS);
	vmx_set(l2, GUEST_BNDCFGS, broken("load") ? 0 : reg.by_entry);
	l2_expect_return(l2);
	now = rdmsr(MSR_IA32_BNDCFGS);
	wrmsr(MSR_IA32_BNDCFGS, own);
	report(readings.first[0] == reg.by_entry && readings.last[0] == reg.by_l2 && now == 0 &&
		       vmx_get(l2, GUEST_BNDCFGS) == reg.by_l2,
	       "in L2 IA32_BNDCFGS is 0x%lx and later 0x%lx, expected 0x%lx and 0x%lx; saved as 0x%lx; in L1 0x%lx",
	       readings.first[0], readings.last[0], reg.by_entry, reg.by_l2,
	       vmx_get(l2, GUEST_BNDCFGS), now);
	l2_free(l2);
}

/* ---- debug controls ---- */

/* DR7 and IA32_DEBUGCTL have no host fields: every exit sets them to fixed values (28.5.1). */
#define DR7_AFTER_EXIT 0x400

static void check_debug(struct loaded *reg, u64 after_exit, bool load, bool save)
{
	struct readings readings = { .registers = reg, .count = 1 };
	struct l2 *l2 = l2_new(write_and_be_moved, &readings);
	u64 now, saved = save ? reg->by_l2 : reg->by_entry, first = load ? reg->by_entry : reg->own;

	choose(l2, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_DEBUG_CONTROLS, load != broken("load"));
	choose(l2, VM_EXIT_CONTROLS, VM_EXIT_SAVE_DEBUG_CONTROLS, save);
	vmx_set(l2, reg->guest, reg->by_entry);
	reg->write(reg->own);
	l2_enter(l2);
	now = reg->read();
	report_prefix_pushf("load %d, save %d", load, save);
	report(l2_is_call(l2, L2_RETURNED), "L2 should return: exit %s", l2_exit_text(l2));
	report(readings.first[0] == first && readings.last[0] == reg->by_l2,
	       "%s in L2 is 0x%lx, expected 0x%lx; after the migration 0x%lx, expected 0x%lx",
	       reg->name, readings.first[0], first, readings.last[0], reg->by_l2);
	report(vmx_get(l2, reg->guest) == saved && now == after_exit,
	       "%s is 0x%lx, expected 0x%lx; in L1 %s is 0x%lx, expected 0x%lx",
	       vmcs_field_name(reg->guest), vmx_get(l2, reg->guest), saved, reg->name, now,
	       after_exit);
	report_prefix_pop();
	l2_free(l2);
}

/* The values are breakpoints for execution at address 0, where there is no code. */
static void check_dr7(bool load, bool save)
{
	struct loaded reg = { .name = "DR7",
			      .read = read_dr7,
			      .write = write_dr7,
			      .guest = GUEST_DR7,
			      .own = 0x401,
			      .by_entry = 0x404,
			      .by_l2 = 0x410 };

	if (vmx_may_clear(VM_ENTRY_CONTROLS, load ? 0 : VM_ENTRY_LOAD_DEBUG_CONTROLS) &&
	    vmx_may_clear(VM_EXIT_CONTROLS, save ? 0 : VM_EXIT_SAVE_DEBUG_CONTROLS))
		check_debug(&reg, DR7_AFTER_EXIT, load, save);
	else
		report_skip("needs debug controls that may be 0");
}

TEST(dr7, .on = EACH_CPU, .needs = VMX,
     .about =
	     "DR7 survives a migration in L2, and is loaded and saved only with the debug controls")
{
	check_dr7(true, true);
	check_dr7(true, false);
	check_dr7(false, true);
	check_dr7(false, false);
}

FEATURE(DEBUGCTL, "IA32_DEBUGCTL with BTF and LBR")
{
	u64 kept;

	wrmsr_safe(MSR_IA32_DEBUGCTLMSR, DEBUGCTLMSR_BTF | DEBUGCTLMSR_LBR);
	kept = rdmsr(MSR_IA32_DEBUGCTLMSR);
	wrmsr_safe(MSR_IA32_DEBUGCTLMSR, 0);
	return kept == (DEBUGCTLMSR_BTF | DEBUGCTLMSR_LBR);
}

TEST(debugctl, .on = EACH_CPU, .needs = ALL_OF(VMX, DEBUGCTL),
     .about =
	     "IA32_DEBUGCTL survives a migration in L2, and is loaded and saved only with the debug controls")
{
	struct loaded reg = { .name = "IA32_DEBUGCTL",
			      .read = read_debugctl,
			      .write = write_debugctl,
			      .guest = GUEST_IA32_DEBUGCTL,
			      .own = DEBUGCTLMSR_LBR,
			      .by_entry = DEBUGCTLMSR_BTF,
			      .by_l2 = DEBUGCTLMSR_BTF | DEBUGCTLMSR_LBR };

	check_debug(&reg, 0, true, true);
	if (vmx_may_clear(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_DEBUG_CONTROLS) &&
	    vmx_may_clear(VM_EXIT_CONTROLS, VM_EXIT_SAVE_DEBUG_CONTROLS))
		check_debug(&reg, 0, false, false);
}
