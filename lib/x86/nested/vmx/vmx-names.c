// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of VMCS fields, errors and exits for messages, and the list of all fields. */
#include "nested/vmx/vmx-internal.h"
#include "percpu.h"
#include "processor.h"
#include "random.h"

#define EXIT_TEXT_MAX	460
#define RESULT_TEXT_MAX 64

static PER_CPU(char, exit_text[EXIT_TEXT_MAX]);
static PER_CPU(char, result_text[RESULT_TEXT_MAX]);

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

const char *vmx_result_name(enum vmx_result result)
{
	static const char *const names[] = {
		[VM_SUCCEED] = "VMsucceed",
		[VM_FAIL_INVALID] = "VMfailInvalid",
		[VM_FAIL_VALID] = "VMfailValid",
		[VM_EXCEPTION] = "an exception",
	};

	return names[result];
}

const char *vmx_result_text(enum vmx_result result)
{
	char *text = this_cpu(result_text);
	u64 error;

	switch (result) {
	case VM_SUCCEED:
	case VM_FAIL_INVALID:
		return vmx_result_name(result);
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

void vmx_check_success(const char *instruction, enum vmx_result result)
{
	report_if_failed(result == VM_SUCCEED, "%s: %s, expected VMsucceed", instruction,
			 vmx_result_text(result));
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
	length = snprintf(
		text, EXIT_TEXT_MAX,
		"%s at rip 0x%lx, rax 0x%lx, qualification 0x%lx, instruction length %lu, interruption 0x%lx (error 0x%lx), IDT vectoring 0x%lx",
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
