// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of exits for messages (AMD APM volume 2, appendix C). */
#include "nested/svm/svm.h"
#include "percpu.h"
#include "processor.h"

#define EXIT_TEXT_MAX 160

static PER_CPU(char, exit_text[EXIT_TEXT_MAX]);

const char *l2_exit_name(u64 exitcode)
{
	static const char *const names[] = {
		[SVM_EXIT_READ_CR0] = "CR0_READ",
		[SVM_EXIT_READ_CR2] = "CR2_READ",
		[SVM_EXIT_READ_CR3] = "CR3_READ",
		[SVM_EXIT_READ_CR4] = "CR4_READ",
		[SVM_EXIT_READ_CR8] = "CR8_READ",
		[SVM_EXIT_WRITE_CR0] = "CR0_WRITE",
		[SVM_EXIT_WRITE_CR2] = "CR2_WRITE",
		[SVM_EXIT_WRITE_CR3] = "CR3_WRITE",
		[SVM_EXIT_WRITE_CR4] = "CR4_WRITE",
		[SVM_EXIT_WRITE_CR8] = "CR8_WRITE",
		[SVM_EXIT_INTR] = "INTR",
		[SVM_EXIT_NMI] = "NMI",
		[SVM_EXIT_SMI] = "SMI",
		[SVM_EXIT_INIT] = "INIT",
		[SVM_EXIT_VINTR] = "VINTR",
		[SVM_EXIT_CR0_SEL_WRITE] = "CR0_SEL_WRITE",
		[SVM_EXIT_IDTR_READ] = "IDTR_READ",
		[SVM_EXIT_GDTR_READ] = "GDTR_READ",
		[SVM_EXIT_LDTR_READ] = "LDTR_READ",
		[SVM_EXIT_TR_READ] = "TR_READ",
		[SVM_EXIT_IDTR_WRITE] = "IDTR_WRITE",
		[SVM_EXIT_GDTR_WRITE] = "GDTR_WRITE",
		[SVM_EXIT_LDTR_WRITE] = "LDTR_WRITE",
		[SVM_EXIT_TR_WRITE] = "TR_WRITE",
		[SVM_EXIT_RDTSC] = "RDTSC",
		[SVM_EXIT_RDPMC] = "RDPMC",
		[SVM_EXIT_PUSHF] = "PUSHF",
		[SVM_EXIT_POPF] = "POPF",
		[SVM_EXIT_CPUID] = "CPUID",
		[SVM_EXIT_RSM] = "RSM",
		[SVM_EXIT_IRET] = "IRET",
		[SVM_EXIT_SWINT] = "SWINT",
		[SVM_EXIT_INVD] = "INVD",
		[SVM_EXIT_PAUSE] = "PAUSE",
		[SVM_EXIT_HLT] = "HLT",
		[SVM_EXIT_INVLPG] = "INVLPG",
		[SVM_EXIT_INVLPGA] = "INVLPGA",
		[SVM_EXIT_IOIO] = "IOIO",
		[SVM_EXIT_MSR] = "MSR",
		[SVM_EXIT_TASK_SWITCH] = "TASK_SWITCH",
		[SVM_EXIT_FERR_FREEZE] = "FERR_FREEZE",
		[SVM_EXIT_SHUTDOWN] = "SHUTDOWN",
		[SVM_EXIT_VMRUN] = "VMRUN",
		[SVM_EXIT_VMMCALL] = "VMMCALL",
		[SVM_EXIT_VMLOAD] = "VMLOAD",
		[SVM_EXIT_VMSAVE] = "VMSAVE",
		[SVM_EXIT_STGI] = "STGI",
		[SVM_EXIT_CLGI] = "CLGI",
		[SVM_EXIT_SKINIT] = "SKINIT",
		[SVM_EXIT_RDTSCP] = "RDTSCP",
		[SVM_EXIT_ICEBP] = "ICEBP",
		[SVM_EXIT_WBINVD] = "WBINVD",
		[SVM_EXIT_MONITOR] = "MONITOR",
		[SVM_EXIT_MWAIT] = "MWAIT",
		[SVM_EXIT_MWAIT_COND] = "MWAIT_CONDITIONAL",
		[SVM_EXIT_XSETBV] = "XSETBV",
		[SVM_EXIT_RDPRU] = "RDPRU",
		[SVM_EXIT_INVPCID] = "INVPCID",
		[SVM_EXIT_NPF] = "NPF",
	};
	static PER_CPU(char, text[32]);
	char *name = this_cpu(text);

	if (exitcode == SVM_EXIT_INVALID)
		return "INVALID";
	/* Some hypervisors write only the lower half. */
	if (exitcode == (u32)SVM_EXIT_INVALID)
		return "INVALID with 0 in its upper half";
	if (exitcode < ARRAY_SIZE(names) && names[exitcode])
		return names[exitcode];
	if (exitcode >= SVM_EXIT_READ_DR0 && exitcode <= SVM_EXIT_READ_DR7)
		snprintf(name, sizeof(text), "DR%lu_READ", exitcode - SVM_EXIT_READ_DR0);
	else if (exitcode >= SVM_EXIT_WRITE_DR0 && exitcode <= SVM_EXIT_WRITE_DR7)
		snprintf(name, sizeof(text), "DR%lu_WRITE", exitcode - SVM_EXIT_WRITE_DR0);
	else if (exitcode >= SVM_EXIT_EXCP_BASE && exitcode <= SVM_EXIT_LAST_EXCP)
		snprintf(name, sizeof(text), "exception %lu (%s)", exitcode - SVM_EXIT_EXCP_BASE,
			 exception_mnemonic(exitcode - SVM_EXIT_EXCP_BASE));
	else
		snprintf(name, sizeof(text), "0x%lx", exitcode);
	return name;
}

const char *l2_exit_text(const struct l2 *l2)
{
	const struct vmcb_control_area *control = &l2->vmcb->control;
	char *text = this_cpu(exit_text);

	snprintf(text, EXIT_TEXT_MAX,
		 "%s at rip 0x%lx, rax 0x%lx, EXITINFO1 0x%lx, EXITINFO2 0x%lx, EXITINTINFO 0x%lx",
		 l2_exit_name(control->exitcode), l2->vmcb->save.rip, l2->vmcb->save.rax,
		 control->exitinfo1, control->exitinfo2, control->exitintinfo);
	return text;
}
