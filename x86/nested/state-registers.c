// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Registers of L2 and L1, each with a value that no other has. L2 reads them before a migration and
 * after it. See svm_state.c and vmx_state.c for the manuals and for what L1 sees of them.
 *
 * On the command line: with break=registers, L2 finds L1's values after the migration.
 */
#include "x86/nested/state.h"
#include "alloc_page.h"
#include "desc.h"
#include "migrate.h"
#include "processor.h"
#include "vm.h"

MSR_ACCESS(, efer, MSR_EFER)
MSR_ACCESS(, star, MSR_STAR)
MSR_ACCESS(, lstar, MSR_LSTAR)
MSR_ACCESS(, cstar, MSR_CSTAR)
MSR_ACCESS(, sfmask, MSR_SYSCALL_MASK)
MSR_ACCESS(, fs_base, MSR_FS_BASE)
MSR_ACCESS(, kernel_gs_base, MSR_KERNEL_GS_BASE)
MSR_ACCESS(, sysenter_cs, MSR_IA32_SYSENTER_CS)
MSR_ACCESS(, sysenter_esp, MSR_IA32_SYSENTER_ESP)
MSR_ACCESS(, sysenter_eip, MSR_IA32_SYSENTER_EIP)

#define TABLE_ACCESS(name, load, store)                                                            \
	u64 read_##name(void)                                                                      \
	{                                                                                          \
		struct descriptor_table_ptr table;                                                 \
                                                                                                   \
		store(&table);                                                                     \
		return table.base;                                                                 \
	}                                                                                          \
	void write_##name(u64 value)                                                               \
	{                                                                                          \
		struct descriptor_table_ptr table;                                                 \
                                                                                                   \
		store(&table);                                                                     \
		table.base = value;                                                                \
		load(&table);                                                                      \
	}

TABLE_ACCESS(gdt_base, lgdt, sgdt)
TABLE_ACCESS(idt_base, lidt, sidt)

struct state_register *find_register(const char *name)
{
	for (unsigned i = 0; i < register_count; i++)
		if (!strcmp(registers[i].name, name))
			return &registers[i];
	assert_msg(false, "no register %s", name);
	return NULL;
}

struct tables fill_values(void)
{
	struct tables tables = { alloc_page(), alloc_page(), alloc_page() };

	assert(register_count <= MOST_REGISTERS);
	memcpy(tables.page_table, current_page_table(), PAGE_SIZE);
	memcpy(tables.gdt, this_gdt(), GDT_ENTRIES * 8);
	memcpy(tables.idt, (void *)read_idt_base(), PAGE_SIZE);
	find_register("CR0")->value = read_cr0() ^ (X86_CR0_MP | X86_CR0_AM);
	find_register("CR3")->value = virt_to_phys(tables.page_table);
	find_register("CR4")->value = read_cr4() ^ (X86_CR4_DE | X86_CR4_PCE);
	find_register("EFER")->value = rdmsr(MSR_EFER) ^ EFER_SCE;
	find_register("GDTR.base")->value = (u64)tables.gdt;
	find_register("IDTR.base")->value = (u64)tables.idt;
	for (unsigned i = 0; i < register_count; i++) {
		struct state_register *reg = &registers[i];

		reg->there = !reg->condition || reg->condition();
		if (reg->there)
			reg->own = reg->read();
	}
	return tables;
}

void free_tables(struct tables *tables)
{
	free_page(tables->page_table);
	free_page(tables->gdt);
	free_page(tables->idt);
}

void read_registers(u64 *values)
{
	for (unsigned i = 0; i < register_count; i++)
		values[i] = registers[i].there ? registers[i].read() : registers[i].value;
}

static void write_values(void)
{
	for (unsigned i = 0; i < register_count; i++)
		if (registers[i].there)
			registers[i].write(registers[i].value);
}

static void spoil_registers(void)
{
	for (unsigned i = 0; broken("registers") && i < register_count; i++)
		if (registers[i].there)
			registers[i].write(registers[i].own);
}

void state_in_l2(void *data)
{
	struct reading *reading = data;

	if (reading->write)
		write_values();
	read_registers(reading->values[0]);
	migrate_quiet();
	spoil_registers();
	read_registers(reading->values[1]);
	l2_call(1);
	read_registers(reading->values[0]);
}

void check_reading(const u64 *values, const char *when)
{
	for (unsigned i = 0; i < register_count; i++) {
		const struct state_register *reg = &registers[i];

		report_if_failed(values[i] == reg->value, "L2's %s %s is 0x%lx and was 0x%lx",
				 reg->name, when, values[i], reg->value);
	}
	report(true, "%u registers of L2 %s", register_count, when);
}
