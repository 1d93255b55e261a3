// SPDX-License-Identifier: GPL-2.0-or-later
/* See legacy-mode.h. The switch itself is in legacy-switch.S. */
#include "legacy-mode.h"
#include "alloc_page.h"
#include "deadline.h"
#include "desc.h"
#include "efi/efi.h"
#include "processor.h"
#include "smp.h"
#include "vm.h"

#define ARRIVAL_MS 2000

extern char legacy_start[], legacy_end[], legacy_magic[];
extern char legacy_entry32[], legacy_entry16[], legacy_entry_real[];
void legacy_switch(void);

enum paging { UNPAGED, PAGES_32BIT, PAGES_PAE, LONG_MODE };

struct legacy_mode {
	const char *name;
	const char *entry;
	enum paging paging;
	bool has_ldt; /* segments may be loaded from the LDT */
	bool is_real; /* segments are loaded as in real mode */
};

const struct legacy_mode legacy_protected = {
	.name = "protected mode without paging",
	.entry = legacy_entry32,
	.has_ldt = true,
};
const struct legacy_mode legacy_paged = {
	.name = "protected mode with 32-bit page tables",
	.entry = legacy_entry32,
	.paging = PAGES_32BIT,
	.has_ldt = true,
};
const struct legacy_mode legacy_pae = {
	.name = "protected mode with PAE paging",
	.entry = legacy_entry32,
	.paging = PAGES_PAE,
	.has_ldt = true,
};
const struct legacy_mode legacy_code16 = {
	.name = "16-bit protected mode",
	.entry = legacy_entry16,
	.has_ldt = true,
};
const struct legacy_mode legacy_real = {
	.name = "real mode",
	.entry = legacy_entry_real,
	.is_real = true,
};
const struct legacy_mode legacy_compatibility = {
	.name = "compatibility mode in ring 0",
	.entry = legacy_entry32,
	.paging = LONG_MODE,
	.has_ldt = true,
};

FEATURE(LEGACY_MODES, "memory at 0x10000 that no firmware needs")
{
	return !efi_started();
}

static volatile u32 *data_at(u32 offset)
{
	return (volatile u32 *)(u64)(LEGACY_DATA + offset);
}

static volatile u32 *at(u32 address)
{
	return (volatile u32 *)(u64)address;
}

volatile u32 *legacy_mode_turns(void)
{
	return data_at(LEGACY_TURNS);
}

/* What is at the beginning of each segment. */
static const struct {
	const char *name;
	u32 at, found, magic;
} segments[] = {
	{ "ES", 0x100, LEGACY_ES, 0xe5e5e5e5 },
	{ "FS", 0x200, LEGACY_FS, 0xf5f5f5f5 },
	{ "GS", 0x300, LEGACY_GS, 0x65656565 },
	{ "SS", 0x400, LEGACY_SS, 0x55555555 },
	{ "FS beyond 64 KiB", 0x200 + LEGACY_FAR_AT, LEGACY_FAR, 0xfafafafa },
};

/* ---- descriptors ---- */

#define DATA_TYPE   0x93ul
#define CODE_TYPE   0x9bul
#define LDT_TYPE    0x82ul
#define IS_32BIT    BIT(54)
#define IS_64BIT    BIT(53)
#define GRANULARITY BIT(55)

static u64 descriptor(u32 base, u32 limit, u64 type, u64 bits)
{
	return (limit & 0xffff) | (u64)(limit & 0xf0000) << 32 | (u64)(base & 0xffffff) << 16 |
	       (u64)(base & 0xff000000) << 32 | type << 40 | bits;
}

/* Where paging has another linear address for the data. */
#define ALIAS 0xc0000000u

static void fill_tables(const struct legacy_mode *mode)
{
	bool has_alias = mode->paging == PAGES_32BIT || mode->paging == PAGES_PAE;
	u64 *gdt = (u64 *)LEGACY_GDT, *ldt = (u64 *)LEGACY_LDT;
	struct descriptor_table_ptr *pointer = (void *)LEGACY_GDTR;

	gdt[LEGACY_CODE64 / 8] = descriptor(0, 0xfffff, CODE_TYPE, GRANULARITY | IS_64BIT);
	gdt[LEGACY_DATA32 / 8] = descriptor(0, 0xfffff, DATA_TYPE, GRANULARITY | IS_32BIT);
	gdt[LEGACY_FLAT_CODE / 8] = descriptor(0, 0xfffff, CODE_TYPE, GRANULARITY | IS_32BIT);
	gdt[LEGACY_CODE32_SEL / 8] = descriptor(LEGACY_CODE, 0xffff, CODE_TYPE, IS_32BIT);
	gdt[LEGACY_CODE16_SEL / 8] = descriptor(LEGACY_CODE, 0xffff, CODE_TYPE, 0);
	gdt[LEGACY_DS_SEL / 8] = descriptor(LEGACY_DATA, 0xfff, DATA_TYPE, IS_32BIT);
	gdt[LEGACY_FS_SEL / 8] =
		descriptor(LEGACY_DATA + 0x200, 0xfffff, DATA_TYPE, GRANULARITY | IS_32BIT);
	gdt[LEGACY_GS_SEL / 8] =
		descriptor((has_alias ? ALIAS : LEGACY_DATA) + 0x300, 0x3f, DATA_TYPE, IS_32BIT);
	gdt[LEGACY_SS32_SEL / 8] = descriptor(LEGACY_DATA + 0x400, 0xff, DATA_TYPE, IS_32BIT);
	gdt[LEGACY_SS16_SEL / 8] = descriptor(LEGACY_DATA + 0x400, 0xff, DATA_TYPE, 0);
	gdt[LEGACY_LDT_SEL / 8] = descriptor(LEGACY_LDT, 0x1f, LDT_TYPE, 0);
	ldt[LEGACY_ES_SEL / 8] = descriptor(LEGACY_DATA + 0x100, 0xff, DATA_TYPE, IS_32BIT);
	*pointer = (struct descriptor_table_ptr){ LEGACY_LDT_SEL + 15, LEGACY_GDT };
	pointer = (void *)LEGACY_IDTR;
	/* An IDT that has no entry makes each fault a reset of the machine. */
	*pointer = (struct descriptor_table_ptr){ 0 };
}

/* ---- page tables ---- */

/* They begin with the same address. ALIAS leads to the data. */
#define BITS	    (PT_PRESENT_MASK | PT_WRITABLE_MASK)
#define PDPT_OFFSET 0x20 /* a PDPT of PAE needs no page of its own */

static u8 *tables;

static void make_32bit(void)
{
	u32 *directory = (u32 *)tables, *table = (u32 *)(tables + PAGE_SIZE);

	directory[0] = BITS | PT_PAGE_SIZE_MASK;
	directory[ALIAS >> 22] = (u32)(u64)table | BITS;
	table[0] = LEGACY_DATA | BITS;
	*at(LEGACY_NEW_CR3) = (u64)directory;
}

static void make_pae(void)
{
	u64 *pdpt = (u64 *)(tables + PDPT_OFFSET), *low = (u64 *)(tables + PAGE_SIZE);
	u64 *high = (u64 *)(tables + 2 * PAGE_SIZE), *table = (u64 *)(tables + 3 * PAGE_SIZE);

	pdpt[0] = (u64)low | PT_PRESENT_MASK;
	pdpt[ALIAS >> 30] = (u64)high | PT_PRESENT_MASK;
	low[0] = BITS | PT_PAGE_SIZE_MASK;
	high[0] = (u64)table | BITS;
	table[0] = LEGACY_DATA | BITS;
	*at(LEGACY_NEW_CR3) = (u64)pdpt;
}

/* ---- there and back ---- */

#define CR4_OF_LONG_MODE (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | X86_CR4_LA57)

static void prepare(const struct legacy_mode *mode)
{
	u32 cr0 = read_cr0() & ~X86_CR0_PG, cr4 = read_cr4() & ~CR4_OF_LONG_MODE;

	memcpy((void *)LEGACY_CODE, legacy_start, legacy_end - legacy_start);
	memset((void *)LEGACY_DATA, 0, PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		*data_at(segments[i].at) = segments[i].magic;
	*data_at(LEGACY_HAS_LDT) = mode->has_ldt;
	fill_tables(mode);
	tables = alloc_pages(2);
	if (mode->paging == PAGES_32BIT) {
		make_32bit();
		cr0 |= X86_CR0_PG;
		cr4 |= X86_CR4_PSE;
	} else if (mode->paging == PAGES_PAE) {
		make_pae();
		cr0 |= X86_CR0_PG;
		cr4 |= X86_CR4_PAE;
	}
	*at(LEGACY_NEW_CR0) = cr0;
	*at(LEGACY_NEW_CR4) = cr4;
	*at(LEGACY_STAY_LONG) = mode->paging == LONG_MODE;
	*at(LEGACY_ENTRY) = mode->entry - legacy_start + LEGACY_CODE;
	*(u64 *)LEGACY_OLD_CR0 = read_cr0();
	*(u64 *)LEGACY_OLD_CR3 = read_cr3();
	*(u64 *)LEGACY_OLD_CR4 = read_cr4();
	*(u64 *)LEGACY_OLD_EFER = rdmsr(MSR_EFER);
}

static void go_there_and_back(void)
{
	int cpu = smp_id();

	irq_disable();
	legacy_switch();
	load_descriptors(cpu);
	irq_enable();
	free_pages(tables);
}

static void run(void *data)
{
	prepare(data);
	go_there_and_back();
}

void legacy_mode_visit(const struct legacy_mode *mode)
{
	prepare(mode);
	*data_at(LEGACY_LEAVE) = 1;
	go_there_and_back();
}

static bool goes_on(void)
{
	u32 before = *legacy_mode_turns();

	return wait_until(*legacy_mode_turns() != before, ARRIVAL_MS);
}

void legacy_mode_begin(int cpu, const struct legacy_mode *mode)
{
	*legacy_mode_turns() = 0;
	on_cpu_async(cpu, run, (void *)mode);
	if (!report_if_failed(wait_until(*legacy_mode_turns(), ARRIVAL_MS) && goes_on(),
			      "CPU %d runs in %s", cpu, mode->name))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
}

/* ---- what it has found ---- */

static void check(const struct legacy_mode *mode, const char *what, u32 is, u32 was)
{
	report_if_failed(is == was, "%s: %s is 0x%x, should be 0x%x", mode->name, what, is, was);
}

static void check_registers(const struct legacy_mode *mode)
{
	u32 kept = LEGACY_BITS_KEPT | X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_NT;

	check(mode, "EBX", *data_at(LEGACY_EBX), 0xb1b2b3b4);
	check(mode, "ECX", *data_at(LEGACY_ECX), 0xc1c2c3c4);
	check(mode, "EDX", *data_at(LEGACY_EDX), 0xd1d2d3d4);
	check(mode, "EDI", *data_at(LEGACY_EDI), 0xe1e2e3e4);
	check(mode, "EBP", *data_at(LEGACY_EBP), 0xf1f2f3f4);
	check(mode, "ESP", *data_at(LEGACY_ESP), LEGACY_SP);
	check(mode, "EFLAGS, of ID, AC, NT, DF, IF and TF,", *data_at(LEGACY_FLAGS) & kept,
	      LEGACY_BITS_KEPT);
	if (mode->paging == LONG_MODE) {
		check(mode, "CR0", *data_at(LEGACY_CR0), *at(LEGACY_OLD_CR0));
		check(mode, "CR3", *data_at(LEGACY_CR3), *at(LEGACY_OLD_CR3));
		check(mode, "CR4", *data_at(LEGACY_CR4), *at(LEGACY_OLD_CR4));
		return;
	}
	check(mode, "CR0", *data_at(LEGACY_CR0),
	      *at(LEGACY_NEW_CR0) & ~(u32)(mode->is_real ? X86_CR0_PE : 0));
	check(mode, "CR3", *data_at(LEGACY_CR3), *at(LEGACY_NEW_CR3));
	check(mode, "CR4", *data_at(LEGACY_CR4), *at(LEGACY_NEW_CR4));
}

static void check_selectors(const struct legacy_mode *mode)
{
	static const char *const names[] = { "CS", "DS", "ES", "FS", "GS", "SS" };
	bool is_16bit = mode->entry == legacy_entry16;
	const u32 in_protected[] = {
		is_16bit ? LEGACY_CODE16_SEL : LEGACY_CODE32_SEL,
		LEGACY_DS_SEL,
		LEGACY_ES_SEL,
		LEGACY_FS_SEL,
		LEGACY_GS_SEL,
		is_16bit ? LEGACY_SS16_SEL : LEGACY_SS32_SEL,
	};
	const u32 in_real[] = {
		LEGACY_CODE >> 4, LEGACY_DATA >> 4, (LEGACY_DATA + 0x100) >> 4,
		LEGACY_FS_SEL,	  LEGACY_GS_SEL,    (LEGACY_DATA + 0x400) >> 4,
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		check(mode, names[i], *data_at(LEGACY_SELS + 4 * i),
		      mode->is_real ? in_real[i] : in_protected[i]);
}

static void check_segments(const struct legacy_mode *mode)
{
	char what[40];

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++) {
		snprintf(what, sizeof(what), "what is read through %s", segments[i].name);
		check(mode, what, *data_at(segments[i].found), segments[i].magic);
	}
	check(mode, "what is read through CS", *data_at(LEGACY_CS), *(const u32 *)legacy_magic);
	if (!mode->has_ldt)
		return;
	check(mode, "LDTR", *data_at(LEGACY_LDTR), LEGACY_LDT_SEL);
	check(mode, "what is read through ES, loaded from the LDT again,", *data_at(LEGACY_LDT_ES),
	      segments[0].magic);
}

void legacy_mode_end(int cpu, const struct legacy_mode *mode)
{
	bool goes = goes_on();

	*data_at(LEGACY_LEAVE) = 1;
	if (!report(goes, "CPU %d goes on in %s", cpu, mode->name))
		report_abort("CPU %d, which every later test needs, does not run any more", cpu);
	on_cpu_wait(cpu);
	check_registers(mode);
	check_selectors(mode);
	check_segments(mode);
}
