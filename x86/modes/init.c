// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * modes: what an INIT resets of a CPU, and what it leaves (Intel SDM volume 3, "Processor State
 * After Reset"; AMD APM volume 2, "Processor Initialization State"). A part of the program modes:
 * see modes.c.
 *
 * An operating system that is started anew by kexec, or takes a CPU offline and online again, sends
 * an INIT to a CPU that has run, and then a SIPI. A broken hypervisor leaves a register as it was,
 * such as CR4, and the CPU runs wild in real mode. Or the register is right, but the hypervisor has
 * an old copy of it, which it saves when the guest is migrated while the CPU waits for the SIPI. Or
 * the INIT resets too much: it must leave x87, SSE and AVX state, XCR0, MTRRs, the TSC, and MSRs.
 *
 * CPU 1 gives its registers unusual values, and gets an INIT before or right after an action. When
 * it starts, code in real mode stores its registers. The test sees selectors and bases of
 * segments, but not their limits, and of LDTR and TR only the selector. It does not see the APIC:
 * see sipi.c.
 */
#include "libcflat.h"
#include "after-init.h"
#include "desc.h"
#include "migrate.h"
#include "processor.h"
#include "registers.h"
#include "smp.h"
#include "xsave-image.h"
#include "xsave.h"

#define ARRIVAL_MS 2000

/* ---- IA32_XSS, of whose group (feature_registers) an INIT resets other registers ---- */

static u64 make_xss(int cpu, int n, u64 own)
{
	return cpuid_indexed(CPUID_XSAVE, 1).c & ~(u64)XFEATURE_MASK_PT;
}

static const struct register_row xss_rows[] = {
	{ "IA32_XSS", MSR_IA32_XSS, .make = make_xss },
	{},
};
static const struct register_group xss_register = { .name = "XSS", .rows = xss_rows };

/* Those that an INIT leaves as they are, and those that it resets. */
static const struct register_group *const kept[] = {
	&system_call_registers,
	&memory_type_registers,
	&xss_register,
};
static const struct register_group *const lost[] = { &segment_base_registers, &control_registers };

static struct {
	struct held_registers *kept[ARRAY_SIZE(kept)], *lost[ARRAY_SIZE(lost)];
	u8 *image, *image_after; /* x87, SSE and AVX state */
	u64 mask;		 /* their bits in XCR0; 0: this CPU cannot load them */
	u32 xcr0_size;
	u64 tsc;
	volatile u32 rounds; /* the CPU makes them until the INIT comes */
} unusual;

/* ---- before the INIT ---- */

#define LDT_SEL	  FIRST_SPARE_SEL
#define LDT_LIMIT 0x17
#define LDT_TYPE  0x82ul /* present, DPL 0 */

/* Its entries are the GDT's. Nothing is loaded from it. */
static void load_ldt(void)
{
	u64 base = (u64)this_gdt();

	this_gdt()[LDT_SEL / 8] =
		LDT_LIMIT | (base & 0xffffff) << 16 | LDT_TYPE << 40 | (base >> 24 & 0xff) << 56;
	this_gdt()[LDT_SEL / 8 + 1] = base >> 32;
	lldt(LDT_SEL);
}

/* The control registers come last: CR0.TS forbids to use x87 and SSE. */
static void set_unusual(void)
{
	unusual.mask = feature_WHOLE_CPU.present() ? xsave_enable() : 0;
	unusual.xcr0_size = this_cpu_has(X86_FEATURE_XSAVE) ? xsave_enabled_size() : 0;
	if (unusual.mask) {
		xsave_fill_image(unusual.image, unusual.mask, 0x35);
		xrstor(unusual.image, unusual.mask);
	}
	load_ldt();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		registers_set(unusual.kept[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		registers_set(unusual.lost[i]);
	unusual.tsc = rdtsc();
}

static void run_until_init(void *data)
{
	set_unusual();
	after_init_spin(&unusual.rounds);
}

static void begin(int cpu)
{
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		unusual.kept[i] = registers_new(kept[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		unusual.lost[i] = registers_new(lost[i]);
	unusual.image = xsave_alloc();
	unusual.image_after = xsave_alloc();
	unusual.rounds = 0;
	on_cpu_async(cpu, run_until_init, NULL);
	wait_for(unusual.rounds, ARRIVAL_MS, "CPU %d to have unusual registers", cpu);
}

static void send_init(int cpu)
{
	smp_send_init(cpu);
	smp_forget(cpu);
}

/* ---- after it ---- */

static void check_extended_state(void)
{
	u32 size = unusual.xcr0_size ? xsave_enabled_size() : 0;

	report(size == unusual.xcr0_size,
	       "CPU %d: after the INIT the states that XCR0 enables have %u bytes, and had %u before",
	       smp_id(), size, unusual.xcr0_size);
	if (!unusual.mask)
		return;
	/* The library has changed x87 since the CPU was started. */
	if (unusual.mask & XFEATURE_MASK_YMM && xsave_enable() == unusual.mask)
		xsave(unusual.image_after, XFEATURE_MASK_YMM);
	memcpy(unusual.image_after, after_init_fxsave(), FXSAVE_SIZE);
	xsave_report_image(unusual.image_after, unusual.image, unusual.mask, "after the INIT");
}

static void check_kept(void *data)
{
	u64 tsc = rdtsc();

	report(tsc_in_order(unusual.tsc, tsc),
	       "CPU %d: the TSC is 0x%lx after the INIT, and was 0x%lx before", smp_id(), tsc,
	       unusual.tsc);
	check_extended_state();
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		registers_check(unusual.kept[i], "after the INIT");
	for (size_t i = ARRAY_SIZE(kept); i-- > 0;)
		registers_restore(unusual.kept[i]);
	lldt(0);
	this_gdt()[LDT_SEL / 8] = this_gdt()[LDT_SEL / 8 + 1] = 0;
}

static void end(int cpu, const char *when)
{
	after_init_start(cpu, when);
	on_cpu(cpu, check_kept, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		registers_free(unusual.kept[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lost); i++)
		registers_free(unusual.lost[i]);
	xsave_free(unusual.image);
	xsave_free(unusual.image_after);
}

TEST(init_then_action, .needs = SMP,
     .about =
	     "an INIT resets the registers that it has to, and no others, if an action comes before the SIPI")
{
	int cpu = cpu_count() - 1;

	begin(cpu);
	send_init(cpu);
	migrate_quiet();
	end(cpu, "after an INIT and an action");
}

TEST(action_then_init, .needs = SMP,
     .about = "right after an action, an INIT resets the registers that it has to, and no others")
{
	int cpu = cpu_count() - 1;

	begin(cpu);
	migrate_quiet();
	send_init(cpu);
	end(cpu, "after an action and an INIT");
}
