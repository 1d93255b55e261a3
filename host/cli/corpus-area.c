// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of areas. See corpus-area.h. */
#include <string.h>

#include "cli/corpus-area.h"

#define NESTED_SVM "nested SVM"
#define NESTED_VMX "nested VMX"
#define NESTED	   "nested state"
#define HYPERV	   "Hyper-V"
#define CLOCKS	   "kvmclock and TSC"
#define TIMERS	   "timers and interrupt controllers"
#define MEMORY	   "memory and its dirty log"
#define SNAPSHOTS  "background snapshot and post-copy"
#define DEVICES	   "virtio and disks"
#define OLD	   "RTC, fw_cfg, ACPI and serial port"
#define REGISTERS  "registers and MSRs"
#define RESET	   "reset"

const char *const corpus_areas[] = {
	NESTED_SVM, NESTED_VMX, NESTED, HYPERV,	   CLOCKS, TIMERS, MEMORY,
	SNAPSHOTS,  DEVICES,	OLD,	REGISTERS, RESET,  NULL,
};

/* How the names begin. The longest beginning decides. */
static const struct {
	const char *prefix, *area;
} beginnings[] = {
	{ "svm_", NESTED_SVM },
	{ "vmx_", NESTED_VMX },
	{ "hv_", HYPERV },
	{ "kvmclock_", CLOCKS },
	{ "tsc_", CLOCKS },
	{ "steal_time_", CLOCKS },
	{ "apic_", TIMERS },
	{ "ioapic_", TIMERS },
	{ "pic_", TIMERS },
	{ "pit_", TIMERS },
	{ "rtc_", TIMERS },
	{ "mem_", MEMORY },
	{ "mmu_", MEMORY },
	{ "async_pf_", MEMORY },
	{ "x86_", REGISTERS },
	{ "qemu_nested_", NESTED },
	{ "qemu_hv_", HYPERV },
	{ "qemu_kvmclock_", CLOCKS },
	{ "qemu_msr_kvmclock_", CLOCKS },
	{ "qemu_msr_steal_time_", CLOCKS },
	{ "qemu_tsc_", CLOCKS },
	{ "qemu_tsc_deadline_", TIMERS },
	{ "qemu_virtual_clock_", TIMERS },
	{ "qemu_lapic_", TIMERS },
	{ "qemu_ioapic_", TIMERS },
	{ "qemu_pic_", TIMERS },
	{ "qemu_pit_", TIMERS },
	{ "qemu_hpet_", TIMERS },
	{ "qemu_dirty_", MEMORY },
	{ "qemu_slot_", MEMORY },
	{ "qemu_bar_", MEMORY },
	{ "qemu_multifd_", MEMORY },
	{ "qemu_xbzrle_", MEMORY },
	{ "qemu_zero_page_", MEMORY },
	{ "qemu_bgsnapshot_", SNAPSHOTS },
	{ "qemu_postcopy_", SNAPSHOTS },
	{ "qemu_virtio_", DEVICES },
	{ "qemu_blk_", DEVICES },
	{ "qemu_disk_", DEVICES },
	{ "qemu_net_", DEVICES },
	{ "qemu_balloon_", DEVICES },
	{ "qemu_ahci_", DEVICES },
	{ "qemu_scsi_", DEVICES },
	{ "qemu_ide_", DEVICES },
	{ "qemu_iommu_", DEVICES },
	{ "qemu_fw_cfg_", OLD },
	{ "qemu_kbd_", OLD },
	{ "qemu_ps2_", OLD },
	{ "qemu_vmgenid_", OLD },
	{ "qemu_rtc_", OLD },
	{ "qemu_pm_", OLD },
	{ "qemu_chipset_", OLD },
	{ "qemu_shadowed_memory_", OLD },
	{ "qemu_serial_", OLD },
	{ "qemu_tco_", OLD },
	{ "qemu_msr_", REGISTERS },
	{ "qemu_cr8_", REGISTERS },
	{ "qemu_debug_", REGISTERS },
	{ "qemu_dr6_", REGISTERS },
	{ "qemu_events_", REGISTERS },
	{ "qemu_halt_", REGISTERS },
	{ "qemu_mp_state_", REGISTERS },
	{ "qemu_nmi_", REGISTERS },
	{ "qemu_xcr0_", REGISTERS },
	{ "qemu_xsave_", REGISTERS },
	{ "qemu_reset_", RESET },
};

const char *corpus_area_of(const char *patch)
{
	const char *area = NULL;
	gsize longest = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(beginnings); i++) {
		gsize length = strlen(beginnings[i].prefix);

		if (length > longest && g_str_has_prefix(patch, beginnings[i].prefix)) {
			longest = length;
			area = beginnings[i].area;
		}
	}
	return area;
}
