// SPDX-License-Identifier: GPL-2.0-or-later
/* See after-init.h. The code that stores the registers is in after-init-store.S. */
#include "after-init.h"
#include "processor.h"
#include "report.h"
#include "smp.h"
#include "vm.h"

extern char after_init_code[], after_init_end[];

static const char *const names[AFTER_INIT_COUNT] = {
	"EAX",
	"ECX",
	"EDX",
	"EBX",
	"ESP",
	"EBP",
	"ESI",
	"EDI",
	"R8",
	"R9",
	"R10",
	"R11",
	"R12",
	"R13",
	"R14",
	"R15",
	"EFLAGS",
	"CS",
	"DS",
	"ES",
	"FS",
	"GS",
	"SS",
	"what is read through CS",
	"what is read through DS",
	"what is read through ES",
	"what is read through FS",
	"what is read through GS",
	"what is read through SS",
	"CR0 without CD and NW",
	"CR2",
	"CR3",
	"CR4",
	"CR8",
	"DR0",
	"DR1",
	"DR2",
	"DR3",
	"DR6",
	"DR7",
	"EFER",
	"GDTR (limit in bits 15:0, base above)",
	"IDTR (limit in bits 15:0, base above)",
	"LDTR",
	"TR",
};

#define EDX		  (AFTER_INIT_GENERAL + 2)
#define DR6_RESERVED_ONES 0xffff0ff0
#define DR7_RESERVED_ONE  0x400
#define LIMIT_64K	  0xffff

/* What an INIT and a SIPI give to a register that does not become 0. */
static u64 expected(int slot)
{
	switch (slot) {
	case EDX:
		return cpuid(1).a;
	case AFTER_INIT_FLAGS:
		return X86_EFLAGS_FIXED;
	case AFTER_INIT_SELECTORS:
		return TRAMPOLINE_BASE >> 4;
	case AFTER_INIT_THROUGH ... AFTER_INIT_CR0 - 1:
		return AFTER_INIT_MAGIC;
	case AFTER_INIT_CR0:
		return X86_CR0_ET;
	case AFTER_INIT_DR6:
		return DR6_RESERVED_ONES;
	case AFTER_INIT_DR7:
		return DR7_RESERVED_ONE;
	case AFTER_INIT_GDTR:
	case AFTER_INIT_IDTR:
		return LIMIT_64K;
	default:
		return 0;
	}
}

static u64 *slots(void)
{
	return (u64 *)(TRAMPOLINE_BASE + AFTER_INIT_SLOTS);
}

const u8 *after_init_fxsave(void)
{
	return (const u8 *)(TRAMPOLINE_BASE + AFTER_INIT_FXSAVE);
}

void after_init_start(int cpu, const char *when)
{
	u64 held;

	memset(slots(), 0, PAGE_SIZE - AFTER_INIT_SLOTS);
	if (!report(smp_start_at(cpu, after_init_code, after_init_end - after_init_code),
		    "CPU %d has started by a SIPI %s", cpu, when))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
	/* CPUs and hypervisors differ in whether an INIT sets CR0.CD and CR0.NW. */
	slots()[AFTER_INIT_CR0] &= ~(X86_CR0_CD | X86_CR0_NW);
	for (int i = 0; i < AFTER_INIT_COUNT; i++) {
		held = slots()[i];
		report_if_failed(
			held == expected(i),
			"CPU %d, started by a SIPI %s: %s was 0x%lx; after an INIT it is 0x%lx",
			cpu, when, names[i], held, expected(i));
	}
	report_pass("CPU %d, started by a SIPI %s: %d registers were compared", cpu, when,
		    AFTER_INIT_COUNT);
}
