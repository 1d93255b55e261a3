// SPDX-License-Identifier: GPL-2.0-or-later
/* Nested guests on VMX. See vmx.h. */
#include "nested/vmx/vmx.h"
#include "alloc_page.h"
#include "desc.h"
#include "memory.h"
#include "percpu.h"
#include "nested/vmx/vmx-evmcs.h"

#define IO_BITMAPS_ORDER 1
#define MSR_AREA_ENTRIES (PAGE_SIZE / sizeof(struct vmx_msr_entry))

/* The MSR bit map: reads of two ranges of 0x2000 MSRs, then writes (25.6.9). */
#define MSR_BITMAP_RANGE       0x2000
#define MSR_BITMAP_RANGE_BYTES 0x400
#define MSR_BITMAP_WRITES      0x800
#define MSR_BITMAP_HIGH_RANGE  0xc0000000

/* What VMPTRST stores where there is no current VMCS, and the link pointer to none (25.1). */
#define NO_VMCS		(~0ul)
#define FOUR_GIB	(1ul << 32)
#define TWO_MIB		(1ul << 21)
#define EXIT_TEXT_MAX	460
#define RESULT_TEXT_MAX 64

u64 vmx_enter(struct vmx_registers *registers, bool resume, u64 *host_rsp);
extern char vmx_l2_begin[], vmx_exit[];

static PER_CPU(struct vmcs *, own_vmxon_region);
static PER_CPU(bool, in_vmx);
/* What this CPU's last VMPTRLD was given. */
static PER_CPU(phys_addr_t, current_vmcs);
static PER_CPU(char, exit_text[EXIT_TEXT_MAX]);
static PER_CPU(char, result_text[RESULT_TEXT_MAX]);

/* ---- what there is ---- */

FEATURE(VMX, "VMX (CPUID 1:ECX bit 5, and not locked out by IA32_FEATURE_CONTROL)")
{
	u64 control;

	if (!this_cpu_has(X86_FEATURE_VMX))
		return false;
	control = rdmsr(MSR_IA32_FEAT_CTL);
	return !(control & FEAT_CTL_LOCKED) || control & FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX;
}

/* Lower half: bits that must be 1; upper half: bits that may be (appendix A.2 to A.5). */
static u64 control_capability(enum vmcs_field field)
{
	bool exact = rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_TRUE_CTLS;

	switch (field) {
	case PIN_BASED_VM_EXEC_CONTROL:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_PINBASED_CTLS : MSR_IA32_VMX_PINBASED_CTLS);
	case CPU_BASED_VM_EXEC_CONTROL:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_PROCBASED_CTLS
				   : MSR_IA32_VMX_PROCBASED_CTLS);
	case VM_EXIT_CONTROLS:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_EXIT_CTLS : MSR_IA32_VMX_EXIT_CTLS);
	case VM_ENTRY_CONTROLS:
		return rdmsr(exact ? MSR_IA32_VMX_TRUE_ENTRY_CTLS : MSR_IA32_VMX_ENTRY_CTLS);
	case SECONDARY_VM_EXEC_CONTROL:
		if (rdmsr(MSR_IA32_VMX_PROCBASED_CTLS) >> 32 &
		    CPU_BASED_ACTIVATE_SECONDARY_CONTROLS)
			return rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2);
		return 0;
	default:
		assert_msg(false, "%s is no field of controls", vmcs_field_name(field));
		return 0;
	}
}

bool vmx_may_set(enum vmcs_field field, u32 bits)
{
	return (control_capability(field) >> 32 & bits) == bits;
}

bool vmx_may_clear(enum vmcs_field field, u32 bits)
{
	return !(control_capability(field) & bits);
}

#define CONTROL_FEATURE(id, field, bit, text)                                                      \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return VMX_present() && vmx_may_set(field, bit);                                   \
	}

CONTROL_FEATURE(VMX_PREEMPTION_TIMER, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VMX_PREEMPTION_TIMER,
		"the VMX-preemption timer")
CONTROL_FEATURE(VMX_SAVE_PREEMPTION_TIMER, VM_EXIT_CONTROLS, VM_EXIT_SAVE_VMX_PREEMPTION_TIMER,
		"the VMX-preemption timer, saved at exits")
CONTROL_FEATURE(VMX_VIRTUAL_NMIS, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_VIRTUAL_NMIS, "virtual NMIs")
CONTROL_FEATURE(VMX_ACK_INTR_ON_EXIT, VM_EXIT_CONTROLS, VM_EXIT_ACK_INTR_ON_EXIT,
		"acknowledging interrupts on exit")
CONTROL_FEATURE(VMX_TSC_OFFSETTING, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING,
		"TSC offsetting")
CONTROL_FEATURE(VMX_TSC_SCALING, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_TSC_SCALING,
		"TSC scaling")
CONTROL_FEATURE(VMX_TPR_SHADOW, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_TPR_SHADOW, "the TPR shadow")
CONTROL_FEATURE(VMX_MONITOR_TRAP_FLAG, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_MONITOR_TRAP_FLAG,
		"the monitor trap flag")
CONTROL_FEATURE(VMX_MSR_BITMAPS, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_MSR_BITMAPS,
		"MSR bit maps")
CONTROL_FEATURE(VMX_IO_BITMAPS, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_IO_BITMAPS, "I/O bit maps")
CONTROL_FEATURE(VMX_EPT, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT, "EPT")
CONTROL_FEATURE(VMX_VPID, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VPID, "VPIDs")
CONTROL_FEATURE(VMX_UNRESTRICTED_GUEST, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_UNRESTRICTED_GUEST, "unrestricted guests")
CONTROL_FEATURE(VMX_DESC_EXITING, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_DESC,
		"descriptor-table exiting")
CONTROL_FEATURE(VMX_LOAD_PAT, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT, "IA32_PAT in the VMCS")
CONTROL_FEATURE(VMX_LOAD_EFER, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER, "IA32_EFER in the VMCS")
CONTROL_FEATURE(VMX_SHADOW_VMCS, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_SHADOW_VMCS,
		"VMCS shadowing")
CONTROL_FEATURE(VMX_APIC_ACCESSES, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES, "virtualized APIC accesses")
CONTROL_FEATURE(VMX_X2APIC_MODE, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE,
		"a virtualized x2APIC mode")
CONTROL_FEATURE(VMX_APIC_REGISTER_VIRT, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_APIC_REGISTER_VIRT, "APIC-register virtualization")
CONTROL_FEATURE(VMX_VIRTUAL_INTR_DELIVERY, SECONDARY_VM_EXEC_CONTROL,
		SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, "virtual-interrupt delivery")
CONTROL_FEATURE(VMX_POSTED_INTR, PIN_BASED_VM_EXEC_CONTROL, PIN_BASED_POSTED_INTR,
		"posted interrupts")
CONTROL_FEATURE(VMX_LOAD_PERF_GLOBAL_CTRL, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PERF_GLOBAL_CTRL,
		"IA32_PERF_GLOBAL_CTRL in the VMCS")
CONTROL_FEATURE(VMX_LOAD_BNDCFGS, VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_BNDCFGS,
		"IA32_BNDCFGS in the VMCS")
CONTROL_FEATURE(VMX_XSAVES, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_XSAVES, "XSAVES in L2")
CONTROL_FEATURE(VMX_PML, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_PML,
		"page-modification logging")
CONTROL_FEATURE(VMX_EPT_VIOLATION_VE, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_EPT_VIOLATION_VE,
		"virtualization exceptions")

FEATURE(VMX_EPTP_SWITCHING, "EPTP switching (IA32_VMX_VMFUNC)")
{
	return VMX_present() &&
	       vmx_may_set(SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_VMFUNC) &&
	       rdmsr(MSR_IA32_VMX_VMFUNC) & VMX_VMFUNC_EPTP_SWITCHING;
}

static bool ept_vpid_capability(bool there, u64 bits)
{
	return there && (rdmsr(MSR_IA32_VMX_EPT_VPID_CAP) & bits) == bits;
}

#define EPT_VPID_FEATURE(id, of, bits, text)                                                       \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return ept_vpid_capability(of##_present(), bits);                                  \
	}

EPT_VPID_FEATURE(VMX_EPT_AD, VMX_EPT, VMX_EPT_AD_BIT, "accessed and dirty flags for EPT")
EPT_VPID_FEATURE(VMX_EPT_EXECUTE_ONLY, VMX_EPT, VMX_EPT_EXECUTE_ONLY_BIT,
		 "EPT entries that only let execute")
EPT_VPID_FEATURE(VMX_EPT_2MB_PAGE, VMX_EPT, VMX_EPT_2MB_PAGE_BIT, "EPT pages of 2 MiB")
EPT_VPID_FEATURE(VMX_EPT_1GB_PAGE, VMX_EPT, VMX_EPT_1GB_PAGE_BIT, "EPT pages of 1 GiB")
EPT_VPID_FEATURE(VMX_INVEPT_CONTEXT, VMX_EPT, VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_CONTEXT_BIT,
		 "single-context INVEPT")
EPT_VPID_FEATURE(VMX_INVEPT_GLOBAL, VMX_EPT, VMX_EPT_INVEPT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT,
		 "all-context INVEPT")
EPT_VPID_FEATURE(VMX_INVVPID_INDIVIDUAL_ADDR, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT,
		 "individual-address INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_SINGLE_CONTEXT, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT,
		 "single-context INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_ALL_CONTEXT, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT, "all-context INVVPID")
EPT_VPID_FEATURE(VMX_INVVPID_SINGLE_NON_GLOBAL, VMX_VPID,
		 VMX_VPID_INVVPID_BIT | VMX_VPID_EXTENT_SINGLE_NON_GLOBAL_BIT,
		 "single-context INVVPID that retains globals")

#define MISC_FEATURE(id, bit, text)                                                                \
	FEATURE(id, text)                                                                          \
	{                                                                                          \
		return VMX_present() && rdmsr(MSR_IA32_VMX_MISC) & (bit);                          \
	}

MISC_FEATURE(VMX_ZERO_LEN_INS, VMX_MISC_ZERO_LEN_INS, "injection with instruction length 0")
MISC_FEATURE(VMX_ACTIVITY_HLT, VMX_MISC_ACTIVITY_HLT, "entries to the activity state HLT")
MISC_FEATURE(VMX_ACTIVITY_SHUTDOWN, VMX_MISC_ACTIVITY_SHUTDOWN,
	     "entries to the activity state shutdown")
MISC_FEATURE(VMX_ACTIVITY_WAIT_SIPI, VMX_MISC_ACTIVITY_WAIT_SIPI,
	     "entries to the activity state wait-for-SIPI")

/* ---- in words ---- */

struct named_number {
	u32 number;
	const char *name;
};

static const char *find_name(const struct named_number *table, size_t count, u64 number)
{
	static PER_CPU(char, text[32]);
	char *unknown = this_cpu(text);

	for (size_t i = 0; i < count; i++)
		if (table[i].number == number)
			return table[i].name;
	snprintf(unknown, sizeof(text), "0x%lx", number);
	return unknown;
}

const char *vmcs_field_name(u32 field)
{
	static const struct named_number names[] = {
#define FIELD_NAME(name, encoding) { encoding, #name },
		VMCS_FIELDS(FIELD_NAME)
#undef FIELD_NAME
	};

	return find_name(names, ARRAY_SIZE(names), field);
}

const u32 vmcs_fields[VMCS_FIELD_COUNT] = {
#define FIELD(name, encoding) encoding,
	VMCS_FIELDS(FIELD)
#undef FIELD
};

/* Vigna's splitmix64: any number into one that has nothing to do with it. */
static u64 scramble(u64 x)
{
	x += 0x9e3779b97f4a7c15ul;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ x >> 27) * 0x94d049bb133111ebul;
	return x ^ x >> 31;
}

u64 vmcs_field_pattern(u32 field, u64 seed)
{
	u64 value = scramble(field * 8 + seed);

	switch (VMCS_FIELD_WIDTH(field)) {
	case VMCS_WIDTH_16:
		return (u16)value;
	case VMCS_WIDTH_32:
		return (u32)value;
	default:
		return value;
	}
}

const char *vm_instruction_error_name(u64 number)
{
	static const struct named_number names[] = {
#define ERROR_NAME(name, number) { number, #name },
		VMX_ERRORS(ERROR_NAME)
#undef ERROR_NAME
	};

	return find_name(names, ARRAY_SIZE(names), number);
}

const char *vmx_result_text(enum vmx_result result)
{
	char *text = this_cpu(result_text);
	u64 error;

	switch (result) {
	case VM_SUCCEED:
		return "VMsucceed";
	case VM_FAIL_INVALID:
		return "VMfailInvalid";
	case VM_EXCEPTION:
		return exception_mnemonic(exception_vector());
	case VM_FAIL_VALID:
		break;
	}
	if (vmread(VM_INSTRUCTION_ERROR, &error) != VM_SUCCEED)
		return "VMfailValid, and no error to be read";
	snprintf(text, RESULT_TEXT_MAX, "VMfailValid %lu (%s)", error,
		 vm_instruction_error_name(error));
	return text;
}

#define EXIT_NAME(name) [EXIT_REASON_##name] = #name

static const char *const exit_names[] = {
	EXIT_NAME(EXCEPTION_NMI),
	EXIT_NAME(EXTERNAL_INTERRUPT),
	EXIT_NAME(TRIPLE_FAULT),
	EXIT_NAME(INIT_SIGNAL),
	EXIT_NAME(SIPI_SIGNAL),
	EXIT_NAME(INTERRUPT_WINDOW),
	EXIT_NAME(NMI_WINDOW),
	EXIT_NAME(TASK_SWITCH),
	EXIT_NAME(CPUID),
	EXIT_NAME(HLT),
	EXIT_NAME(INVD),
	EXIT_NAME(INVLPG),
	EXIT_NAME(RDPMC),
	EXIT_NAME(RDTSC),
	EXIT_NAME(VMCALL),
	EXIT_NAME(VMCLEAR),
	EXIT_NAME(VMLAUNCH),
	EXIT_NAME(VMPTRLD),
	EXIT_NAME(VMPTRST),
	EXIT_NAME(VMREAD),
	EXIT_NAME(VMRESUME),
	EXIT_NAME(VMWRITE),
	EXIT_NAME(VMOFF),
	EXIT_NAME(VMON),
	EXIT_NAME(CR_ACCESS),
	EXIT_NAME(DR_ACCESS),
	EXIT_NAME(IO_INSTRUCTION),
	EXIT_NAME(MSR_READ),
	EXIT_NAME(MSR_WRITE),
	EXIT_NAME(INVALID_STATE),
	EXIT_NAME(MSR_LOAD_FAIL),
	EXIT_NAME(MWAIT_INSTRUCTION),
	EXIT_NAME(MONITOR_TRAP_FLAG),
	EXIT_NAME(MONITOR_INSTRUCTION),
	EXIT_NAME(PAUSE_INSTRUCTION),
	EXIT_NAME(MCE_DURING_VMENTRY),
	EXIT_NAME(TPR_BELOW_THRESHOLD),
	EXIT_NAME(APIC_ACCESS),
	EXIT_NAME(EOI_INDUCED),
	EXIT_NAME(GDTR_IDTR),
	EXIT_NAME(LDTR_TR),
	EXIT_NAME(EPT_VIOLATION),
	EXIT_NAME(EPT_MISCONFIG),
	EXIT_NAME(INVEPT),
	EXIT_NAME(RDTSCP),
	EXIT_NAME(PREEMPTION_TIMER),
	EXIT_NAME(INVVPID),
	EXIT_NAME(WBINVD),
	EXIT_NAME(XSETBV),
	EXIT_NAME(APIC_WRITE),
	EXIT_NAME(RDRAND),
	EXIT_NAME(INVPCID),
	EXIT_NAME(VMFUNC),
	EXIT_NAME(ENCLS),
	EXIT_NAME(RDSEED),
	EXIT_NAME(PML_FULL),
	EXIT_NAME(XSAVES),
	EXIT_NAME(XRSTORS),
	EXIT_NAME(UMWAIT),
	EXIT_NAME(TPAUSE),
	EXIT_NAME(BUS_LOCK),
	EXIT_NAME(NOTIFY),
};

const char *l2_exit_name(u64 exit)
{
	static PER_CPU(char, text[64]);
	char *name = this_cpu(text);
	u16 basic = exit;

	if (exit == L2_NOT_ENTERED)
		return "none: not entered";
	if (exit == basic && basic < ARRAY_SIZE(exit_names) && exit_names[basic])
		return exit_names[basic];
	snprintf(name, sizeof(text), "0x%lx (%s%s)", exit,
		 basic < ARRAY_SIZE(exit_names) && exit_names[basic] ? exit_names[basic]
								     : "unknown",
		 exit & VMX_EXIT_REASONS_FAILED_VMENTRY ? ", the entry failed" : "");
	return name;
}

const char *l2_exit_text(const struct l2 *l2)
{
	char *text = this_cpu(exit_text);
	int length;

	if (l2->exit_reason == L2_NOT_ENTERED) {
		snprintf(text, EXIT_TEXT_MAX, "none, since the entry failed: %s",
			 l2->evmcs ? vm_instruction_error_name(vmx_get(l2, VM_INSTRUCTION_ERROR))
				   : vmx_result_text(VM_FAIL_VALID));
		return text;
	}
	length =
		snprintf(text, EXIT_TEXT_MAX,
			 "%s at rip 0x%lx, rax 0x%lx, qualification 0x%lx, instruction length %lu, "
			 "interruption 0x%lx (error 0x%lx), IDT vectoring 0x%lx",
			 l2_exit_name(l2->exit_reason), vmx_get(l2, GUEST_RIP), l2->rax,
			 vmx_get(l2, EXIT_QUALIFICATION), vmx_get(l2, VM_EXIT_INSTRUCTION_LEN),
			 vmx_get(l2, VM_EXIT_INTR_INFO), vmx_get(l2, VM_EXIT_INTR_ERROR_CODE),
			 vmx_get(l2, IDT_VECTORING_INFO_FIELD));
	if (l2->exit_reason == EXIT_REASON_EPT_VIOLATION ||
	    l2->exit_reason == EXIT_REASON_EPT_MISCONFIG)
		snprintf(text + length, EXIT_TEXT_MAX - length, ", physical 0x%lx, linear 0x%lx",
			 vmx_get(l2, GUEST_PHYSICAL_ADDRESS), vmx_get(l2, GUEST_LINEAR_ADDRESS));
	return text;
}

/* ---- instructions ---- */

/* One that sets CF or ZF if it fails, with its operands. */
#define VMX_INSTRUCTION(instruction, outputs, inputs...)                                           \
	({                                                                                         \
		bool invalid, valid;                                                               \
                                                                                                   \
		exception_clear();                                                                 \
		asm volatile(ASM_FIXUP(instruction)                                                \
			     : "=@ccc"(invalid), "=@ccz"(valid)outputs:inputs                      \
			     : "memory");                                                          \
		result_of(invalid, valid);                                                         \
	})

#define COMMA ,

static enum vmx_result result_of(bool invalid, bool valid)
{
	if (exception_vector() != NO_EXCEPTION)
		return VM_EXCEPTION;
	if (invalid)
		return VM_FAIL_INVALID;
	return valid ? VM_FAIL_VALID : VM_SUCCEED;
}

enum vmx_result vmxon(phys_addr_t region)
{
	enum vmx_result result = VMX_INSTRUCTION("vmxon %[region]", , [region] "m"(region));

	if (result == VM_SUCCEED) {
		this_cpu(in_vmx) = true;
		this_cpu(current_vmcs) = NO_VMCS;
	}
	return result;
}

enum vmx_result vmxoff(void)
{
	enum vmx_result result = VMX_INSTRUCTION("vmxoff", );

	if (result == VM_SUCCEED)
		this_cpu(in_vmx) = false;
	return result;
}

enum vmx_result vmclear(phys_addr_t vmcs)
{
	enum vmx_result result = VMX_INSTRUCTION("vmclear %[vmcs]", , [vmcs] "m"(vmcs));

	if (result == VM_SUCCEED && this_cpu(current_vmcs) == vmcs)
		this_cpu(current_vmcs) = NO_VMCS;
	return result;
}

enum vmx_result vmptrld(phys_addr_t vmcs)
{
	enum vmx_result result = VMX_INSTRUCTION("vmptrld %[vmcs]", , [vmcs] "m"(vmcs));

	if (result == VM_SUCCEED)
		this_cpu(current_vmcs) = vmcs;
	return result;
}

enum vmx_result vmptrst(phys_addr_t *vmcs)
{
	return VMX_INSTRUCTION("vmptrst %[vmcs]", COMMA[vmcs] "=m"(*vmcs));
}

enum vmx_result vmread(u64 field, u64 *value)
{
	return VMX_INSTRUCTION("vmread %[field], %[value]",
			       COMMA[value] "=r"(*value), [field] "r"(field));
}

enum vmx_result vmwrite(u64 field, u64 value)
{
	return VMX_INSTRUCTION("vmwrite %[value], %[field]",
			       , [value] "r"(value), [field] "r"(field));
}

enum vmx_result vmlaunch(void)
{
	return VMX_INSTRUCTION("vmlaunch", );
}

enum vmx_result vmresume(void)
{
	return VMX_INSTRUCTION("vmresume", );
}

enum vmx_result invvpid(u64 type, u64 vpid, u64 linear)
{
	u64 descriptor[2] = { vpid, linear };

	return VMX_INSTRUCTION("invvpid %[descriptor], %[type]",
			       , [descriptor] "m"(descriptor), [type] "r"(type));
}

enum vmx_result invept(u64 type, u64 eptp)
{
	u64 descriptor[2] = { eptp };

	return VMX_INSTRUCTION("invept %[descriptor], %[type]",
			       , [descriptor] "m"(descriptor), [type] "r"(type));
}

/* ---- VMX operation ---- */

struct vmcs *vmcs_alloc(void)
{
	struct vmcs *vmcs = alloc_page();

	assert(VMX_BASIC_SIZE(rdmsr(MSR_IA32_VMX_BASIC)) <= PAGE_SIZE);
	vmcs->revision_id = VMX_BASIC_REVISION(rdmsr(MSR_IA32_VMX_BASIC));
	return vmcs;
}

bool vmx_enabled(void)
{
	return this_cpu(in_vmx);
}

phys_addr_t vmxon_region(void)
{
	return virt_to_phys(this_cpu(own_vmxon_region));
}

static void allow_vmxon(void)
{
	u64 control = rdmsr(MSR_IA32_FEAT_CTL);

	if (!(control & FEAT_CTL_LOCKED))
		wrmsr(MSR_IA32_FEAT_CTL,
		      control | FEAT_CTL_LOCKED | FEAT_CTL_VMX_ENABLED_OUTSIDE_SMX);
}

void vmx_enable(void)
{
	enum vmx_result result;

	if (vmx_enabled())
		return;
	allow_vmxon();
	/* Bits that VMX operation needs (appendix A.7 and A.8): NE and VMXE above all. */
	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0) | X86_CR4_VMXE) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	if (!this_cpu(own_vmxon_region))
		this_cpu(own_vmxon_region) = vmcs_alloc();
	result = vmxon(vmxon_region());
	if (result != VM_SUCCEED)
		report_abort("VMXON: %s", vmx_result_text(result));
}

void vmx_disable(void)
{
	enum vmx_result result;

	if (!vmx_enabled())
		return;
	result = vmxoff();
	if (result != VM_SUCCEED)
		report_abort("VMXOFF: %s", vmx_result_text(result));
	write_cr4(read_cr4() & ~X86_CR4_VMXE);
}

/* ---- fields ---- */

void vmx_make_current(const struct l2 *l2)
{
	enum vmx_result result;

	if (l2->evmcs) {
		assert_msg(this_cpu(current_vmcs) == NO_VMCS, "a VMCS is current");
		evmcs_make_current(l2->evmcs);
		return;
	}
	assert_msg(!evmcs_is_in_use(), "an enlightened VMCS is in use");
	if (this_cpu(current_vmcs) == virt_to_phys(l2->vmcs))
		return;
	result = vmptrld(virt_to_phys(l2->vmcs));
	if (result != VM_SUCCEED)
		report_abort("VMPTRLD of 0x%lx: %s", virt_to_phys(l2->vmcs),
			     vmx_result_text(result));
}

u64 vmx_get(const struct l2 *l2, enum vmcs_field field)
{
	enum vmx_result result;
	u64 value;

	if (l2->evmcs)
		return evmcs_get(l2->evmcs, field);
	vmx_make_current(l2);
	result = vmread(field, &value);
	if (result != VM_SUCCEED)
		report_abort("VMREAD of %s: %s", vmcs_field_name(field), vmx_result_text(result));
	return value;
}

void vmx_set(struct l2 *l2, enum vmcs_field field, u64 value)
{
	enum vmx_result result;

	if (l2->evmcs) {
		evmcs_set(l2->evmcs, field, value);
		return;
	}
	vmx_make_current(l2);
	result = vmwrite(field, value);
	if (result != VM_SUCCEED)
		report_abort("VMWRITE of 0x%lx to %s: %s", value, vmcs_field_name(field),
			     vmx_result_text(result));
}

void vmx_clear(struct l2 *l2)
{
	phys_addr_t address = virt_to_phys(l2->evmcs ? (void *)l2->evmcs : l2->vmcs);
	enum vmx_result result;

	/* An enlightened one is known for such only while they are in use. */
	if (l2->evmcs)
		vmx_make_current(l2);
	result = vmclear(address);
	if (result != VM_SUCCEED)
		report_abort("VMCLEAR of 0x%lx: %s", address, vmx_result_text(result));
	l2->launched = false;
}

void vmx_set_controls(struct l2 *l2, enum vmcs_field field, u32 bits)
{
	assert_msg(vmx_may_set(field, bits), "%s cannot be 0x%x", vmcs_field_name(field), bits);
	if (field == SECONDARY_VM_EXEC_CONTROL)
		vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
				 CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	vmx_set(l2, field, vmx_get(l2, field) | bits);
}

void vmx_clear_controls(struct l2 *l2, enum vmcs_field field, u32 bits)
{
	assert_msg(vmx_may_clear(field, bits), "%s needs some of 0x%x", vmcs_field_name(field),
		   bits);
	vmx_set(l2, field, vmx_get(l2, field) & ~(u64)bits);
}

/* What must be, and of what is wanted what can be. */
static void set_controls(struct l2 *l2, enum vmcs_field field, u32 wanted)
{
	u64 capability = control_capability(field);

	vmx_set(l2, field, (u32)capability | (wanted & capability >> 32));
}

/* ---- making an L2 ---- */

static void set_minimal_controls(struct l2 *l2)
{
	set_controls(l2, PIN_BASED_VM_EXEC_CONTROL, 0);
	set_controls(l2, CPU_BASED_VM_EXEC_CONTROL,
		     CPU_BASED_USE_MSR_BITMAPS | CPU_BASED_ACTIVATE_SECONDARY_CONTROLS);
	/* Without these some of L1's instructions raise #UD. */
	if (vmx_may_set(CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS))
		set_controls(l2, SECONDARY_VM_EXEC_CONTROL,
			     SECONDARY_EXEC_ENABLE_RDTSCP | SECONDARY_EXEC_ENABLE_INVPCID |
				     SECONDARY_EXEC_XSAVES | SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE);
	set_controls(l2, VM_EXIT_CONTROLS,
		     VM_EXIT_HOST_ADDR_SPACE_SIZE | VM_EXIT_SAVE_DEBUG_CONTROLS |
			     VM_EXIT_SAVE_IA32_PAT | VM_EXIT_LOAD_IA32_PAT |
			     VM_EXIT_SAVE_IA32_EFER | VM_EXIT_LOAD_IA32_EFER);
	set_controls(l2, VM_ENTRY_CONTROLS,
		     VM_ENTRY_IA32E_MODE | VM_ENTRY_LOAD_DEBUG_CONTROLS | VM_ENTRY_LOAD_IA32_PAT |
			     VM_ENTRY_LOAD_IA32_EFER);
	vmx_set(l2, EXCEPTION_BITMAP, 0);
	vmx_set(l2, PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmx_set(l2, PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmx_set(l2, CR3_TARGET_COUNT, 0);
	vmx_set(l2, CR0_GUEST_HOST_MASK, 0);
	vmx_set(l2, CR4_GUEST_HOST_MASK, 0);
	vmx_set(l2, CR0_READ_SHADOW, 0);
	vmx_set(l2, CR4_READ_SHADOW, 0);
	vmx_set(l2, VM_EXIT_MSR_STORE_COUNT, 0);
	vmx_set(l2, VM_EXIT_MSR_LOAD_COUNT, 0);
	vmx_set(l2, VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmx_set(l2, VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_set(l2, MSR_BITMAP, virt_to_phys(l2->msr_bitmap));
	vmx_set(l2, IO_BITMAP_A, virt_to_phys(l2->io_bitmap));
	vmx_set(l2, IO_BITMAP_B, virt_to_phys(l2->io_bitmap + PAGE_SIZE));
	vmx_set(l2, VMCS_LINK_POINTER, NO_VMCS);
}

/* A segment as its selector has loaded it from this library's GDT. */
static void copy_segment(struct l2 *l2, enum vmcs_field selector_field, u16 selector, u32 rights)
{
	int distance = selector_field - GUEST_ES_SELECTOR;

	vmx_set(l2, selector_field, selector);
	vmx_set(l2, GUEST_ES_LIMIT + distance, 0xffffffff);
	vmx_set(l2, GUEST_ES_AR_BYTES + distance, selector ? rights : VMX_AR_UNUSABLE_MASK);
}

#define CODE_RIGHTS (VMX_AR_G_MASK | VMX_AR_L_MASK | VMX_AR_P_MASK | VMX_AR_S_MASK | 0xb)
#define DATA_RIGHTS (VMX_AR_G_MASK | VMX_AR_DB_MASK | VMX_AR_P_MASK | VMX_AR_S_MASK | 0x3)
#define TSS_RIGHTS  (VMX_AR_P_MASK | 0xb)

static void copy_own_state(struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	copy_segment(l2, GUEST_CS_SELECTOR, read_cs(), CODE_RIGHTS);
	copy_segment(l2, GUEST_SS_SELECTOR, read_ss(), DATA_RIGHTS);
	copy_segment(l2, GUEST_DS_SELECTOR, read_ds(), DATA_RIGHTS);
	copy_segment(l2, GUEST_ES_SELECTOR, read_es(), DATA_RIGHTS);
	copy_segment(l2, GUEST_FS_SELECTOR, read_fs(), DATA_RIGHTS);
	copy_segment(l2, GUEST_GS_SELECTOR, read_gs(), DATA_RIGHTS);
	copy_segment(l2, GUEST_LDTR_SELECTOR, 0, 0);
	copy_segment(l2, GUEST_TR_SELECTOR, str(), TSS_RIGHTS);
	vmx_set(l2, GUEST_ES_BASE, 0);
	vmx_set(l2, GUEST_CS_BASE, 0);
	vmx_set(l2, GUEST_SS_BASE, 0);
	vmx_set(l2, GUEST_DS_BASE, 0);
	vmx_set(l2, GUEST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmx_set(l2, GUEST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmx_set(l2, GUEST_LDTR_BASE, 0);
	vmx_set(l2, GUEST_TR_BASE, (u64)this_tss());
	vmx_set(l2, GUEST_TR_LIMIT, sizeof(tss64_t) - 1);
	vmx_set(l2, GUEST_GDTR_BASE, gdtr.base);
	vmx_set(l2, GUEST_GDTR_LIMIT, gdtr.limit);
	vmx_set(l2, GUEST_IDTR_BASE, idtr.base);
	vmx_set(l2, GUEST_IDTR_LIMIT, idtr.limit);
	vmx_set(l2, GUEST_CR0, read_cr0());
	vmx_set(l2, GUEST_CR3, read_cr3());
	vmx_set(l2, GUEST_CR4, read_cr4());
	vmx_set(l2, GUEST_DR7, read_dr7());
	vmx_set(l2, GUEST_IA32_DEBUGCTL, rdmsr(MSR_IA32_DEBUGCTLMSR));
	if (vmx_may_set(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_PAT))
		vmx_set(l2, GUEST_IA32_PAT, rdmsr(MSR_IA32_CR_PAT));
	if (vmx_may_set(VM_ENTRY_CONTROLS, VM_ENTRY_LOAD_IA32_EFER))
		vmx_set(l2, GUEST_IA32_EFER, rdmsr(MSR_EFER));
	vmx_set(l2, GUEST_SYSENTER_CS, rdmsr(MSR_IA32_SYSENTER_CS));
	vmx_set(l2, GUEST_SYSENTER_ESP, rdmsr(MSR_IA32_SYSENTER_ESP));
	vmx_set(l2, GUEST_SYSENTER_EIP, rdmsr(MSR_IA32_SYSENTER_EIP));
	vmx_set(l2, GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	vmx_set(l2, GUEST_PENDING_DBG_EXCEPTIONS, 0);
}

/* A host selector has RPL 0, and none but TR's base is taken from a descriptor (27.2.3). */
void vmx_copy_host_state(struct l2 *l2)
{
	struct descriptor_table_ptr gdtr, idtr;

	sgdt(&gdtr);
	sidt(&idtr);
	vmx_set(l2, HOST_CS_SELECTOR, read_cs());
	vmx_set(l2, HOST_SS_SELECTOR, read_ss());
	vmx_set(l2, HOST_DS_SELECTOR, read_ds());
	vmx_set(l2, HOST_ES_SELECTOR, read_es());
	vmx_set(l2, HOST_FS_SELECTOR, read_fs());
	vmx_set(l2, HOST_GS_SELECTOR, read_gs());
	vmx_set(l2, HOST_TR_SELECTOR, str());
	vmx_set(l2, HOST_FS_BASE, rdmsr(MSR_FS_BASE));
	vmx_set(l2, HOST_GS_BASE, rdmsr(MSR_GS_BASE));
	vmx_set(l2, HOST_TR_BASE, (u64)this_tss());
	vmx_set(l2, HOST_GDTR_BASE, gdtr.base);
	vmx_set(l2, HOST_IDTR_BASE, idtr.base);
	vmx_set(l2, HOST_CR0, read_cr0());
	vmx_set(l2, HOST_CR3, read_cr3());
	vmx_set(l2, HOST_CR4, read_cr4());
	if (vmx_may_set(VM_EXIT_CONTROLS, VM_EXIT_LOAD_IA32_PAT))
		vmx_set(l2, HOST_IA32_PAT, rdmsr(MSR_IA32_CR_PAT));
	if (vmx_may_set(VM_EXIT_CONTROLS, VM_EXIT_LOAD_IA32_EFER))
		vmx_set(l2, HOST_IA32_EFER, rdmsr(MSR_EFER));
	vmx_set(l2, HOST_IA32_SYSENTER_CS, rdmsr(MSR_IA32_SYSENTER_CS));
	vmx_set(l2, HOST_IA32_SYSENTER_ESP, rdmsr(MSR_IA32_SYSENTER_ESP));
	vmx_set(l2, HOST_IA32_SYSENTER_EIP, rdmsr(MSR_IA32_SYSENTER_EIP));
}

void l2_start(struct l2 *l2, void (*code)(void *data), void *data)
{
	l2->registers = (struct l2_registers){ .rbx = (u64)code, .rdi = (u64)data };
	vmx_set(l2, GUEST_RIP, (u64)vmx_l2_begin);
	vmx_set(l2, GUEST_RSP, l2_stack_top(l2->stack));
	vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO, 0);
	vmx_set(l2, GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
}

static struct l2 *build(bool enlightened, void (*code)(void *data), void *data)
{
	struct l2 *l2 = calloc(1, sizeof(*l2));

	vmx_enable();
	if (enlightened)
		l2->evmcs = evmcs_alloc();
	else
		l2->vmcs = vmcs_alloc();
	l2->msr_bitmap = alloc_page();
	l2->io_bitmap = alloc_pages(IO_BITMAPS_ORDER);
	l2->stack = l2_new_stack();
	vmx_clear(l2);
	set_minimal_controls(l2);
	copy_own_state(l2);
	vmx_copy_host_state(l2);
	/* vmx_enter() writes it into a VMCS. */
	if (enlightened)
		vmx_set(l2, HOST_RIP, (u64)vmx_exit);
	l2_start(l2, code, data);
	return l2;
}

struct l2 *l2_new(void (*code)(void *data), void *data)
{
	return build(false, code, data);
}

struct l2 *vmx_new_enlightened(void (*code)(void *data), void *data)
{
	return build(true, code, data);
}

static void free_area(struct vmx_msr_entry *area)
{
	if (area)
		free_page(area);
}

void l2_free(struct l2 *l2)
{
	/* The processor may keep an active VMCS, and write to it later (25.1). */
	if (vmx_enabled())
		vmx_clear(l2);
	if (l2->ept)
		l2_free_page_tables(l2->ept, 4);
	free_area(l2->entry_load);
	free_area(l2->exit_store);
	free_area(l2->exit_load);
	free_pages(l2->stack);
	free_pages(l2->io_bitmap);
	free_page(l2->msr_bitmap);
	if (l2->evmcs)
		evmcs_free(l2->evmcs);
	else
		free_page(l2->vmcs);
	free(l2);
}

/* ---- what exits ---- */

void vmx_intercept_exception(struct l2 *l2, int vector, bool on)
{
	u64 bitmap = vmx_get(l2, EXCEPTION_BITMAP) & ~BIT(vector);

	vmx_set(l2, EXCEPTION_BITMAP, bitmap | (u64)on << vector);
}

void l2_intercept_msr(struct l2 *l2, u32 index, bool read, bool write)
{
	u8 *map = l2->msr_bitmap;

	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_MSR_BITMAPS);
	if (index >= MSR_BITMAP_RANGE) {
		index -= MSR_BITMAP_HIGH_RANGE;
		map += MSR_BITMAP_RANGE_BYTES;
	}
	assert_msg(index < MSR_BITMAP_RANGE, "the MSR is in no range of the bit map");
	l2_set_map_bit(map, index, read);
	l2_set_map_bit(map + MSR_BITMAP_WRITES, index, write);
}

void l2_intercept_port(struct l2 *l2, u16 port, bool on)
{
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_IO_BITMAPS);
	l2_set_map_bit(l2->io_bitmap, port, on);
}

/* ---- MSR areas ---- */

static struct vmx_msr_entry *add_msr(struct l2 *l2, struct vmx_msr_entry **area,
				     enum vmcs_field address, enum vmcs_field count, u32 index,
				     u64 value)
{
	u64 used = vmx_get(l2, count);

	assert(used < MSR_AREA_ENTRIES);
	if (!*area) {
		*area = alloc_page();
		vmx_set(l2, address, virt_to_phys(*area));
	}
	(*area)[used] = (struct vmx_msr_entry){ .index = index, .value = value };
	vmx_set(l2, count, used + 1);
	return &(*area)[used];
}

struct vmx_msr_entry *vmx_load_msr_at_entry(struct l2 *l2, u32 index, u64 value)
{
	return add_msr(l2, &l2->entry_load, VM_ENTRY_MSR_LOAD_ADDR, VM_ENTRY_MSR_LOAD_COUNT, index,
		       value);
}

struct vmx_msr_entry *vmx_store_msr_at_exit(struct l2 *l2, u32 index)
{
	return add_msr(l2, &l2->exit_store, VM_EXIT_MSR_STORE_ADDR, VM_EXIT_MSR_STORE_COUNT, index,
		       0);
}

struct vmx_msr_entry *vmx_load_msr_at_exit(struct l2 *l2, u32 index, u64 value)
{
	return add_msr(l2, &l2->exit_load, VM_EXIT_MSR_LOAD_ADDR, VM_EXIT_MSR_LOAD_COUNT, index,
		       value);
}

/* ---- extended page tables ---- */

#define EPT_LEAF (VMX_EPT_RWX_MASK | VMX_EPTP_MT_WB << VMX_EPT_MT_EPTE_SHIFT)

static unsigned ept_index(phys_addr_t address, int level)
{
	return address >> (PAGE_SHIFT + 9 * (level - 1)) & 511;
}

/* The entry at a level, 1 for 4 KiB; larger pages on the way to it are split. */
static pteval_t *ept_entry(pgd_t *ept, phys_addr_t address, int lowest)
{
	pteval_t *table = ept;

	for (int level = 4; level > lowest; level--) {
		pteval_t *entry = &table[ept_index(address, level)];

		if (!(*entry & VMX_EPT_RWX_MASK)) {
			*entry = (u64)new_page_table() | VMX_EPT_RWX_MASK;
		} else if (*entry & VMX_EPT_PAGE_SIZE) {
			pteval_t *small = new_page_table();
			u64 step = PAGE_SIZE << 9 * (level - 2);

			assert(level == 2);
			for (int i = 0; i < 512; i++)
				small[i] = (*entry & ~VMX_EPT_PAGE_SIZE) + i * step;
			*entry = (u64)small | VMX_EPT_RWX_MASK;
		}
		table = phys_to_virt(*entry & PT_ADDR_MASK);
	}
	return &table[ept_index(address, lowest)];
}

void vmx_use_ept(struct l2 *l2)
{
	u64 capability = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	u64 end = FOUR_GIB;
	int level = capability & VMX_EPT_2MB_PAGE_BIT ? 2 : 1;

	for (int i = 0; i < memory_regions; i++)
		end = MAX(end, memory_region[i].end);
	l2->ept = new_page_table();
	for (u64 address = 0; address < end; address += PAGE_SIZE << 9 * (level - 1))
		*ept_entry(l2->ept, address, level) =
			address | EPT_LEAF | (level > 1 ? VMX_EPT_PAGE_SIZE : 0);
	vmx_set_controls(l2, SECONDARY_VM_EXEC_CONTROL, SECONDARY_EXEC_ENABLE_EPT);
	vmx_set(l2, EPT_POINTER, virt_to_phys(l2->ept) | VMX_EPTP_PWL_4 | VMX_EPTP_MT_WB);
	/* Other tables may have begun in the same page. */
	vmx_flush_ept(l2);
}

void vmx_flush_ept(struct l2 *l2)
{
	u64 capability = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP);
	u64 type = capability & VMX_EPT_EXTENT_CONTEXT_BIT ? VMX_EPT_EXTENT_CONTEXT
							   : VMX_EPT_EXTENT_GLOBAL;
	enum vmx_result result = invept(type, vmx_get(l2, EPT_POINTER));

	if (result != VM_SUCCEED)
		report_abort("INVEPT of type %lu: %s", type, vmx_result_text(result));
}

pteval_t *vmx_ept_entry(struct l2 *l2, phys_addr_t address)
{
	return ept_entry(l2->ept, address, 1);
}

pteval_t *vmx_ept_entry_at(struct l2 *l2, phys_addr_t address, int level)
{
	return ept_entry(l2->ept, address, level);
}

/* ---- running it ---- */

static enum vmx_result enter(struct l2 *l2, bool resume)
{
	u64 flags, failed;
	void *own;

	vmx_make_current(l2);
	l2->entries++;
	flags = irq_save();
	own = l2_load_xsave(l2->xsave, l2->xsave_mask);
	failed = vmx_enter(&l2->entry, resume, l2->evmcs ? evmcs_host_rsp(l2->evmcs) : NULL);
	l2_save_xsave(l2->xsave, l2->xsave_mask, own);
	if (failed) {
		l2->exit_reason = L2_NOT_ENTERED;
	} else {
		l2->exit_reason = vmx_get(l2, VM_EXIT_REASON);
		/* An entry that fails by guest state or MSRs is an exit that launches nothing. */
		if (!(l2->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
			l2->launched = true;
	}
	irq_restore(flags);
	exception_clear();
	return result_of(failed & X86_EFLAGS_CF, failed & X86_EFLAGS_ZF);
}

enum vmx_result vmx_launch(struct l2 *l2)
{
	return enter(l2, false);
}

enum vmx_result vmx_resume(struct l2 *l2)
{
	return enter(l2, true);
}

u64 l2_enter(struct l2 *l2)
{
	enter(l2, l2->launched);
	return l2->exit_reason;
}

u64 l2_exit(const struct l2 *l2)
{
	return l2->exit_reason;
}

bool l2_is_any_call(const struct l2 *l2)
{
	return l2_exit(l2) == EXIT_REASON_VMCALL;
}

bool l2_is_call(const struct l2 *l2, u64 number)
{
	return l2_is_any_call(l2) && l2->rax == number;
}

void l2_skip_call(struct l2 *l2)
{
	vmx_skip(l2);
}

void vmx_skip(struct l2 *l2)
{
	l2_go_on_at(l2, l2_rip(l2) + vmx_get(l2, VM_EXIT_INSTRUCTION_LEN));
}

void vmx_inject(struct l2 *l2, u32 event, u32 error_code)
{
	vmx_set(l2, VM_ENTRY_INTR_INFO_FIELD, event | INTR_INFO_VALID_MASK);
	vmx_set(l2, VM_ENTRY_EXCEPTION_ERROR_CODE, error_code);
}

FEATURE(L2, "VMX (CPUID 1:ECX bit 5, and not locked out by IA32_FEATURE_CONTROL)")
{
	return VMX_present();
}

FEATURE(L2_OWN_EFER, "IA32_EFER in the VMCS")
{
	return VMX_LOAD_EFER_present();
}

FEATURE(L2_TSC_OFFSET, "VMX with TSC offsetting (IA32_VMX_PROCBASED_CTLS bit 3)")
{
	return VMX_TSC_OFFSETTING_present();
}

void l2_set_tsc_offset(struct l2 *l2, u64 offset)
{
	vmx_set_controls(l2, CPU_BASED_VM_EXEC_CONTROL, CPU_BASED_USE_TSC_OFFSETTING);
	vmx_set(l2, TSC_OFFSET, offset);
}

/* Those that the bit map does not know always exit (26.1.3). */
static bool pass_msr(struct l2 *l2)
{
	u32 index = l2->registers.rcx;
	u64 value;

	switch (l2->exit_reason) {
	case EXIT_REASON_MSR_READ:
		value = rdmsr(index);
		l2->rax = (u32)value;
		l2->registers.rdx = value >> 32;
		break;
	case EXIT_REASON_MSR_WRITE:
		wrmsr(index, l2->registers.rdx << 32 | (u32)l2->rax);
		break;
	default:
		return false;
	}
	vmx_skip(l2);
	return true;
}

u64 l2_enter_with_msrs(struct l2 *l2)
{
	u64 flags = irq_save();

	do
		l2_enter(l2);
	while (pass_msr(l2));
	irq_restore(flags);
	return l2->exit_reason;
}

struct l2_registers *l2_registers(struct l2 *l2)
{
	return &l2->registers;
}

u64 l2_rip(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RIP);
}

void l2_set_rip(struct l2 *l2, u64 rip)
{
	vmx_set(l2, GUEST_RIP, rip);
}

void l2_go_on_at(struct l2 *l2, u64 rip)
{
	u64 blocking = vmx_get(l2, GUEST_INTERRUPTIBILITY_INFO);

	l2_set_rip(l2, rip);
	if (blocking & (GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS))
		vmx_set(l2, GUEST_INTERRUPTIBILITY_INFO,
			blocking & ~(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
}

u64 l2_rax(const struct l2 *l2)
{
	return l2->rax;
}

void l2_set_rax(struct l2 *l2, u64 rax)
{
	l2->rax = rax;
}

u64 l2_rsp(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RSP);
}

void l2_set_rsp(struct l2 *l2, u64 rsp)
{
	vmx_set(l2, GUEST_RSP, rsp);
}

u64 l2_rflags(const struct l2 *l2)
{
	return vmx_get(l2, GUEST_RFLAGS);
}

void l2_set_rflags(struct l2 *l2, u64 rflags)
{
	vmx_set(l2, GUEST_RFLAGS, rflags);
}

/* The CPU's: no VMCS has it. */
u64 l2_dr6(const struct l2 *l2)
{
	return read_dr6();
}

void l2_set_dr6(struct l2 *l2, u64 dr6)
{
	write_dr6(dr6);
}

void l2_set_idtr(struct l2 *l2, u64 base, u16 limit)
{
	vmx_set(l2, GUEST_IDTR_BASE, base);
	vmx_set(l2, GUEST_IDTR_LIMIT, limit);
}

void l2_set_xsave(struct l2 *l2, void *area, u64 mask)
{
	l2->xsave = area;
	l2->xsave_mask = mask;
}

u64 l2_entries(const struct l2 *l2)
{
	return l2->entries;
}

void l2_call(u64 number)
{
	asm volatile("vmcall" : "+a"(number) : : "memory");
}

bool l2_owns_stack(const struct l2 *l2, u64 rsp)
{
	return l2_stack_has(l2->stack, rsp);
}
