// SPDX-License-Identifier: GPL-2.0-or-later
/* The GDT, the TSS and the IDT. See desc.h. */
#include "desc.h"
#include "percpu.h"
#include "processor.h"

#define IDT_INTERRUPT_GATE 0x8e /* present, DPL 0, type 14 */
#define TSS64_AVAILABLE	   0x89 /* present, DPL 0, type 9 */

extern char exception_entries[256][16];

static idt_entry_t idt[256] __aligned(16);

static PER_CPU(u64, gdt[GDT_ENTRIES]);
static PER_CPU(tss64_t, tss);

u64 *this_gdt(void)
{
	return this_cpu(gdt);
}

tss64_t *this_tss(void)
{
	return &this_cpu(tss);
}

tss64_t *cpu_tss(int cpu)
{
	return cpu_ptr(tss, cpu);
}

void set_idt_entry(int vector, void *address, int dpl)
{
	u64 offset = (u64)address;

	idt[vector] = (idt_entry_t){
		.offset0 = offset,
		.selector = KERNEL_CS,
		.ist = idt[vector].ist,
		.type_attributes = IDT_INTERRUPT_GATE | dpl << 5,
		.offset1 = offset >> 16,
		.offset2 = offset >> 32,
	};
}

void set_idt_ist(int vector, int ist)
{
	idt[vector].ist = ist;
}

void setup_idt(void)
{
	for (int vector = 0; vector < 256; vector++)
		set_idt_entry(vector, exception_entries[vector], 0);
}

void enable_ist(void)
{
	set_idt_ist(DF_VECTOR, IST_DF);
	set_idt_ist(NMI_VECTOR, IST_NMI);
	set_idt_ist(MC_VECTOR, IST_MC);
}

static void fill_gdt(u64 *table, u64 tss_base)
{
	static const u64 segments[] = {
		[KERNEL_CS / 8] = 0x00af9b000000ffff,	[KERNEL_DS / 8] = 0x00cf93000000ffff,
		[NP_SEL / 8] = 0x00af1b000000ffff,	[KERNEL_CS32 / 8] = 0x00cf9b000000ffff,
		[KERNEL_CS16 / 8] = 0x008f9b000000ffff, [KERNEL_DS16 / 8] = 0x008f93000000ffff,
		[USER_CS32 / 8] = 0x00cffb000000ffff,	[USER_DS / 8] = 0x00cff3000000ffff,
		[USER_CS64 / 8] = 0x00affb000000ffff,
	};
	u64 limit = sizeof(tss64_t) - 1;

	memcpy(table, segments, sizeof(segments));
	table[TSS_MAIN / 8] = limit | (tss_base & 0xffffff) << 16 | (u64)TSS64_AVAILABLE << 40 |
			      (tss_base >> 24 & 0xff) << 56;
	table[TSS_MAIN / 8 + 1] = tss_base >> 32;
}

void load_descriptors(int cpu)
{
	u64 *table = *cpu_ptr(gdt, cpu);
	tss64_t *its_tss = cpu_tss(cpu);
	struct descriptor_table_ptr gdt_pointer = { sizeof(gdt) - 1, (u64)table };
	struct descriptor_table_ptr idt_pointer = { sizeof(idt) - 1, (u64)idt };

	fill_gdt(table, (u64)its_tss);
	its_tss->io_bitmap = sizeof(*its_tss);
	lgdt(&gdt_pointer);
	/* The selectors mean the same as in the boot GDT, so they need not be loaded again. */
	write_fs(0);
	write_gs(0);
	wrmsr(MSR_GS_BASE, percpu_offsets[cpu]);
	ltr(TSS_MAIN);
	lidt(&idt_pointer);
}
