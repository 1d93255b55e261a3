// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the contents of registers at the beginning of a boot. See machine-state.h.
 *
 * The values after a reset are in Intel SDM volume 3, "Processor State After Reset" and "Local APIC
 * State After Power-Up or Reset"; AMD APM volume 2, "Processor Initialization State". KVM's and
 * Hyper-V's MSRs are 0, or as Linux Documentation/virt/kvm/x86/msr.rst and the TLFS say. Firmware
 * and library change some registers, but in the same way at each boot.
 *
 * Some registers are left out: those that count by themselves (the TSC is printed in multiples of
 * TSC_AHEAD), those that say where the program is (CR2, CR3, GS, descriptor tables), and those that
 * keep their contents over a reset by design (machine check banks, microcode revision).
 */
#include "machine-state.h"
#include "apic.h"
#include "console.h"
#include "hyperv.h"
#include "processor.h"
#include "pvclock.h"
#include "smp.h"
#include "tsc.h"
#include "xsave.h"

struct msr {
	const char *name;
	u32 index;
};

static const struct msr architectural[] = {
	{ "efer", MSR_EFER },
	{ "apicbase", MSR_IA32_APICBASE },
	{ "feat_ctl", MSR_IA32_FEAT_CTL },
	{ "tsc_adjust", MSR_IA32_TSC_ADJUST },
	{ "spec_ctrl", MSR_IA32_SPEC_CTRL },
	{ "sysenter_cs", MSR_IA32_SYSENTER_CS },
	{ "sysenter_esp", MSR_IA32_SYSENTER_ESP },
	{ "sysenter_eip", MSR_IA32_SYSENTER_EIP },
	{ "misc_enable", MSR_IA32_MISC_ENABLE },
	{ "debugctl", MSR_IA32_DEBUGCTLMSR },
	{ "pat", MSR_IA32_CR_PAT },
	{ "mtrr_def_type", MSR_MTRRdefType },
	{ "tsc_deadline", MSR_IA32_TSC_DEADLINE },
	{ "xss", MSR_IA32_XSS },
	{ "star", MSR_STAR },
	{ "lstar", MSR_LSTAR },
	{ "cstar", MSR_CSTAR },
	{ "syscall_mask", MSR_SYSCALL_MASK },
	{ "fs_base", MSR_FS_BASE },
	{ "kernel_gs_base", MSR_KERNEL_GS_BASE },
	{ "tsc_aux", MSR_TSC_AUX },
	{},
};

static const struct msr svm[] = {
	{ "tsc_ratio", MSR_AMD64_TSC_RATIO },
	{ "vm_cr", MSR_VM_CR },
	{ "vm_hsave_pa", MSR_VM_HSAVE_PA },
	{},
};

static const struct msr kvm[] = {
	{ "kvm_wall_clock", MSR_KVM_WALL_CLOCK },
	{ "kvm_system_time", MSR_KVM_SYSTEM_TIME },
	{ "kvm_wall_clock_new", MSR_KVM_WALL_CLOCK_NEW },
	{ "kvm_system_time_new", MSR_KVM_SYSTEM_TIME_NEW },
	{ "kvm_async_pf_en", MSR_KVM_ASYNC_PF_EN },
	{ "kvm_async_pf_int", MSR_KVM_ASYNC_PF_INT },
	{ "kvm_steal_time", MSR_KVM_STEAL_TIME },
	{ "kvm_pv_eoi_en", MSR_KVM_PV_EOI_EN },
	{ "kvm_poll_control", MSR_KVM_POLL_CONTROL },
	{ "kvm_migration_control", MSR_KVM_MIGRATION_CONTROL },
	{},
};

static const struct msr hyperv[] = {
	{ "hv_guest_os_id", HV_X64_MSR_GUEST_OS_ID },
	{ "hv_hypercall", HV_X64_MSR_HYPERCALL },
	{ "hv_reference_tsc", HV_X64_MSR_REFERENCE_TSC },
	{ "hv_vp_assist_page", HV_X64_MSR_VP_ASSIST_PAGE },
	{ "hv_scontrol", HV_X64_MSR_SCONTROL },
	{ "hv_siefp", HV_X64_MSR_SIEFP },
	{ "hv_simp", HV_X64_MSR_SIMP },
	{ "hv_reenlightenment_control", HV_X64_MSR_REENLIGHTENMENT_CONTROL },
	{ "hv_tsc_emulation_control", HV_X64_MSR_TSC_EMULATION_CONTROL },
	{},
};

static const struct {
	const char *name;
	u32 reg;
} apic_registers[] = {
	{ "apic_tpr", APIC_TASKPRI }, { "apic_ldr", APIC_LDR },	  { "apic_svr", APIC_SPIV },
	{ "apic_lvtt", APIC_LVTT },   { "apic_lvt0", APIC_LVT0 }, { "apic_lvt1", APIC_LVT1 },
	{ "apic_tmict", APIC_TMICT }, { "apic_tdcr", APIC_TDCR },
};

/* The CPUs use it one after the other. */
static struct {
	size_t length;
	char text[4096];
} line;

/* Adds " NAME=0xVALUE". printf() would be slow on a host that emulates instructions. */
static void tell(const char *name, u64 value)
{
	static const char digits[] = "0123456789abcdef";
	size_t length = strlen(name);
	int shift = 60;

	assert_msg(line.length + length + sizeof(" =0x0123456789abcdef") < sizeof(line.text),
		   "the machine line is too long");
	line.text[line.length++] = ' ';
	memcpy(line.text + line.length, name, length);
	line.length += length;
	memcpy(line.text + line.length, "=0x", 3);
	line.length += 3;
	while (shift && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		line.text[line.length++] = digits[value >> shift & 0xf];
	line.text[line.length] = '\0';
}

/* An MSR that faults is left out. The comparison of two boots shows that, too. */
static void tell_msr(const char *name, u32 index)
{
	u64 value;

	if (!rdmsr_safe(index, &value))
		tell(name, value);
}

static void tell_msrs(const struct msr *msr)
{
	for (; msr->name; msr++)
		tell_msr(msr->name, msr->index);
}

static void tell_fpu(void)
{
	if (this_cpu_has(X86_FEATURE_XSAVE))
		tell("xsave_size", xsave_enabled_size());
	tell("mxcsr", read_mxcsr());
}

static void tell_control(void)
{
	tell("cr0", read_cr0());
	tell("cr4", read_cr4());
	tell("cr8", read_cr8());
	tell("dr0", read_dr0());
	tell("dr1", read_dr1());
	tell("dr2", read_dr2());
	tell("dr3", read_dr3());
	tell("dr6", read_dr6());
	tell("dr7", read_dr7());
}

/* How many of the 256 bits of ISR or IRR are set. It should be none. */
static int count_bits(u32 reg)
{
	int count = 0;

	for (int word = 0; word < 8; word++)
		for (u32 bits = apic_read(reg + word * 0x10); bits; bits &= bits - 1)
			count++;
	return count;
}

static void tell_apic(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(apic_registers); i++)
		tell(apic_registers[i].name, apic_read(apic_registers[i].reg));
	tell("apic_in_service", count_bits(APIC_ISR));
	tell("apic_requested", count_bits(APIC_IRR));
}

static void tell_numbered(const char *format, int number, u32 index)
{
	char name[32];

	snprintf(name, sizeof(name), format, number);
	tell_msr(name, index);
}

#define MTRR_COUNT(capabilities) ((capabilities)&0xff)
#define MTRR_FIXED		 BIT(8)

static void tell_mtrrs(void)
{
	u64 capabilities;

	if (rdmsr_safe(MSR_MTRRcap, &capabilities))
		return;
	for (unsigned i = 0; i < MTRR_COUNT(capabilities); i++) {
		tell_numbered("mtrr_physbase%d", i, MSR_MTRRphysBase0 + 2 * i);
		tell_numbered("mtrr_physmask%d", i, MSR_MTRRphysMask0 + 2 * i);
	}
	if (!(capabilities & MTRR_FIXED))
		return;
	tell_msr("mtrr_fix64k", MSR_MTRRfix64K_00000);
	for (int i = 0; i < 2; i++)
		tell_numbered("mtrr_fix16k_%d", i, MSR_MTRRfix16K_80000 + i);
	for (int i = 0; i < 8; i++)
		tell_numbered("mtrr_fix4k_%d", i, MSR_MTRRfix4K_C0000 + i);
}

static void tell_hyperv(void)
{
	struct cpuid features = hv_features();

	tell_msrs(hyperv);
	if (features.a & HV_MSR_SYNIC_AVAILABLE)
		for (int sint = 0; sint < HV_SYNIC_SINT_COUNT; sint++)
			tell_numbered("hv_sint%d", sint, HV_X64_MSR_SINT0 + sint);
	if (features.a & HV_MSR_SYNTIMER_AVAILABLE)
		for (int timer = 0; timer < HV_SYNIC_STIMER_COUNT; timer++) {
			tell_numbered("hv_stimer%d_config", timer,
				      HV_X64_MSR_STIMER0_CONFIG + 2 * timer);
			tell_numbered("hv_stimer%d_count", timer,
				      HV_X64_MSR_STIMER0_COUNT + 2 * timer);
		}
}

/*
 * A reset sets the TSC to 0, and then the library adds TSC_AHEAD, which is far more than any boot
 * takes. So this is the same at each boot, unless the TSC has survived the reset.
 */
static void tell_tsc(void)
{
	if (TSC_IS_AHEAD[0]->present())
		tell("tsc_over_ahead", rdtsc() / TSC_AHEAD);
}

static void tell_cpu(void *data)
{
	line.length = 0;
	tell_control();
	tell_fpu();
	tell_msrs(architectural);
	tell_mtrrs();
	tell_tsc();
	tell_apic();
	if (this_cpu_has(X86_FEATURE_SVM))
		tell_msrs(svm);
	if (hypervisor_leaf(KVM_SIGNATURE))
		tell_msrs(kvm);
	if (hypervisor_leaf(HV_SIGNATURE))
		tell_hyperv();
	machine_line("machine", "cpu=%d%s", smp_id(), line.text);
}

void machine_state_tell(void)
{
	int cpu;

	for_each_cpu (cpu)
		on_cpu(cpu, tell_cpu, NULL);
	device_state_tell();
}
