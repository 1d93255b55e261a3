// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a driver that sets its device up while the guest is migrated (VIRTIO 1.2, 3.1.1 "Driver
 * Requirements: Device Initialization" and 4.1.4.3 "Common configuration structure layout"). A part
 * of the program dma: see dma.c.
 *
 * A broken hypervisor forgets which queue or which half of the features is selected, half of a
 * ring's address, a queue's size or its MSI-X vector, or that of the configuration. Then the device
 * refuses its features, or uses memory as a ring that is none, or does not interrupt when the disk
 * grows. The tests ask for an action after each single write to the device, and then use it. A
 * broken device returns no request, or wrong data. The configuration's vector is only read back:
 * nothing changes the disk's configuration. The program net has a device that uses it.
 */
#include "io.h"
#include "migrate.h"
#include "x86/dma/dma.h"

/* The device has both halves of what the driver wants, and nothing else. */
static void check_features(void)
{
	for (u32 half = 0; disk.interface == VIRTIO_MODERN && half < 2; half++) {
		u32 wanted = disk.features >> 32 * half, has;

		writel(half, disk.common + VIRTIO_COMMON_DRIVER_FEATURE_SELECT);
		has = readl(disk.common + VIRTIO_COMMON_DRIVER_FEATURE);
		report(has == wanted, "%s: half %u of the driver's features is %#x, and was %#x",
		       disk.name, half, has, wanted);
	}
}

static void check_config_vector(void)
{
	u16 wanted = disk.config_entry, has = virtio_config_msix_entry(&disk);

	report(has == wanted,
	       "%s: the MSI-X vector of the configuration is %#x, and was set to %#x", disk.name,
	       has, wanted);
}

void run_set_up(const struct kind *kind)
{
	bool open;

	virtio_after_write = migrate_quiet;
	open = open_disk(kind);
	if (open)
		virtio_open_config(&disk, 0, BLK_CONFIG_VECTOR);
	virtio_after_write = NULL;
	if (!open)
		return;
	check_features();
	check_config_vector();
	write_all();
	settle_and_check();
	report(!sum_of_wrong(), "%s: set up over many actions, and used: %lu times something wrong",
	       disk.name, sum_of_wrong());
	close_disk();
}

TEST(blk_set_up_modern, .needs = VIRTIO_BLK,
     .about = "a virtio-blk device keeps what its driver has set up so far over an action: modern")
{
	static const struct kind kind = {
		.interface = VIRTIO_MODERN, .interrupts = VIRTIO_MSIX, .requests = 16, .depth = 16
	};

	run_set_up(&kind);
}

TEST(blk_set_up_legacy, .needs = VIRTIO_BLK,
     .about = "a virtio-blk device keeps what its driver has set up so far over an action: legacy")
{
	static const struct kind kind = {
		.interface = VIRTIO_LEGACY, .interrupts = VIRTIO_MSIX, .requests = 16, .depth = 16
	};

	run_set_up(&kind);
}
