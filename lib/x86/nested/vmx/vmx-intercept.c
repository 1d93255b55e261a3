// SPDX-License-Identifier: GPL-2.0-or-later
/* Bit maps that say what exits, and the VMCS's MSR areas (Intel SDM volume 3, 25.6 to 25.8). */
#include "nested/vmx/vmx.h"
#include "alloc_page.h"

#define MSR_AREA_ENTRIES (PAGE_SIZE / sizeof(struct vmx_msr_entry))

/* The MSR bit map has reads of two ranges of 0x2000 MSRs, then writes of these (25.6.9). */
#define MSR_BITMAP_RANGE       0x2000
#define MSR_BITMAP_RANGE_BYTES 0x400
#define MSR_BITMAP_WRITES      0x800
#define MSR_BITMAP_HIGH_RANGE  0xc0000000

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
