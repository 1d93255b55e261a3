// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Compares the guests' constants with the kernel's UAPI headers, and for SCSI with the C library's.
 * The compiler reports a macro that two headers define with different values, so most of the test
 * is done once this file compiles.
 */
#include <asm/svm.h>
#include <asm/vmx.h>
#include <glib.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <scsi/scsi.h>
#include <stddef.h>

/* With this our headers define only macros, so no declaration collides with the kernel's. */
#define __ASSEMBLER__
#include "lib/x86/nested/svm/svm-defs.h"
#include "lib/x86/scsi-defs.h"
#include "lib/x86/virtio-defs.h"
#include "lib/x86/nested/vmx/vmx-defs.h"

static void test_svm_exit_codes(void)
{
	g_assert_cmpint(SVM_EXIT_READ_CR0, ==, 0);
	g_assert_cmpint(SVM_EXIT_NPF, ==, 0x400);
	g_assert_cmpint(SVM_EXIT_ERR, ==, -1);
}

/* Linux has other names for these constants, so the compiler cannot compare them. */
static void test_virtio(void)
{
	g_assert_cmpint(VIRTIO_ID_BLOCK, ==, 2);
	g_assert_cmpint(VIRTQ_DESC_F_NEXT, ==, VRING_DESC_F_NEXT);
	g_assert_cmpint(VIRTQ_DESC_F_WRITE, ==, VRING_DESC_F_WRITE);
	g_assert_cmpint(VIRTQ_AVAIL_F_NO_INTERRUPT, ==, VRING_AVAIL_F_NO_INTERRUPT);
	g_assert_cmpint(VIRTQ_USED_F_NO_NOTIFY, ==, VRING_USED_F_NO_NOTIFY);
	g_assert_cmpint(VIRTQ_DESC_F_AVAIL, ==, VRING_PACKED_DESC_F_AVAIL);
	g_assert_cmpint(VIRTQ_DESC_F_USED, ==, VRING_PACKED_DESC_F_USED);
	g_assert_cmpint(RING_EVENT_FLAGS_ENABLE, ==, VRING_PACKED_EVENT_FLAG_ENABLE);
	g_assert_cmpint(RING_EVENT_FLAGS_DISABLE, ==, VRING_PACKED_EVENT_FLAG_DISABLE);
	g_assert_cmpint(RING_EVENT_FLAGS_DESC, ==, VRING_PACKED_EVENT_FLAG_DESC);
	g_assert_cmpint(RING_EVENT_WRAP, ==, VRING_PACKED_EVENT_F_WRAP_CTR);
	g_assert_cmpint(VIRTIO_BLK_CONFIG_CAPACITY, ==,
			offsetof(struct virtio_blk_config, capacity));
	g_assert_cmpint(VIRTIO_BALLOON_CONFIG_ACTUAL, ==,
			offsetof(struct virtio_balloon_config, actual));
	g_assert_cmpint(VIRTIO_CONSOLE_CONFIG_COLS, ==,
			offsetof(struct virtio_console_config, cols));
	g_assert_cmpint(VIRTIO_CONSOLE_CONFIG_ROWS, ==,
			offsetof(struct virtio_console_config, rows));
	g_assert_cmpint(VIRTIO_CONSOLE_CONFIG_MAX_NR_PORTS, ==,
			offsetof(struct virtio_console_config, max_nr_ports));
	g_assert_cmpint(VIRTIO_CONSOLE_CONFIG_EMERG_WR, ==,
			offsetof(struct virtio_console_config, emerg_wr));
	g_assert_cmpint(VIRTIO_BLK_CONFIG_WRITEBACK, ==, offsetof(struct virtio_blk_config, wce));
	g_assert_cmpint(VIRTIO_BLK_CONFIG_NUM_QUEUES, ==,
			offsetof(struct virtio_blk_config, num_queues));
	g_assert_cmpint(VIRTIO_SCSI_CONFIG_NUM_QUEUES, ==,
			offsetof(struct virtio_scsi_config, num_queues));
	g_assert_cmpint(VIRTIO_NET_CONFIG_STATUS, ==, offsetof(struct virtio_net_config, status));

	g_assert_cmpint(VIRTIO_CAP_CFG_TYPE, ==, VIRTIO_PCI_CAP_CFG_TYPE);
	g_assert_cmpint(VIRTIO_CAP_BAR, ==, VIRTIO_PCI_CAP_BAR);
	g_assert_cmpint(VIRTIO_CAP_OFFSET, ==, VIRTIO_PCI_CAP_OFFSET);
	g_assert_cmpint(VIRTIO_CAP_NOTIFY_MULT, ==, VIRTIO_PCI_NOTIFY_CAP_MULT);
	g_assert_cmpint(VIRTIO_CAP_COMMON_CFG, ==, VIRTIO_PCI_CAP_COMMON_CFG);
	g_assert_cmpint(VIRTIO_CAP_NOTIFY_CFG, ==, VIRTIO_PCI_CAP_NOTIFY_CFG);
	g_assert_cmpint(VIRTIO_CAP_ISR_CFG, ==, VIRTIO_PCI_CAP_ISR_CFG);
	g_assert_cmpint(VIRTIO_CAP_DEVICE_CFG, ==, VIRTIO_PCI_CAP_DEVICE_CFG);

	g_assert_cmpint(VIRTIO_COMMON_DEVICE_FEATURE_SELECT, ==, VIRTIO_PCI_COMMON_DFSELECT);
	g_assert_cmpint(VIRTIO_COMMON_DEVICE_FEATURE, ==, VIRTIO_PCI_COMMON_DF);
	g_assert_cmpint(VIRTIO_COMMON_DRIVER_FEATURE_SELECT, ==, VIRTIO_PCI_COMMON_GFSELECT);
	g_assert_cmpint(VIRTIO_COMMON_DRIVER_FEATURE, ==, VIRTIO_PCI_COMMON_GF);
	g_assert_cmpint(VIRTIO_COMMON_CONFIG_MSIX_VECTOR, ==, VIRTIO_PCI_COMMON_MSIX);
	g_assert_cmpint(VIRTIO_COMMON_DEVICE_STATUS, ==, VIRTIO_PCI_COMMON_STATUS);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_SELECT, ==, VIRTIO_PCI_COMMON_Q_SELECT);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_SIZE, ==, VIRTIO_PCI_COMMON_Q_SIZE);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_MSIX_VECTOR, ==, VIRTIO_PCI_COMMON_Q_MSIX);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_ENABLE, ==, VIRTIO_PCI_COMMON_Q_ENABLE);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_NOTIFY_OFF, ==, VIRTIO_PCI_COMMON_Q_NOFF);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_DESC, ==, VIRTIO_PCI_COMMON_Q_DESCLO);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_DRIVER, ==, VIRTIO_PCI_COMMON_Q_AVAILLO);
	g_assert_cmpint(VIRTIO_COMMON_QUEUE_DEVICE, ==, VIRTIO_PCI_COMMON_Q_USEDLO);

	g_assert_cmpint(VIRTIO_LEGACY_DEVICE_FEATURES, ==, VIRTIO_PCI_HOST_FEATURES);
	g_assert_cmpint(VIRTIO_LEGACY_DRIVER_FEATURES, ==, VIRTIO_PCI_GUEST_FEATURES);
	g_assert_cmpint(VIRTIO_LEGACY_QUEUE_ADDRESS, ==, VIRTIO_PCI_QUEUE_PFN);
	g_assert_cmpint(VIRTIO_LEGACY_QUEUE_SIZE, ==, VIRTIO_PCI_QUEUE_NUM);
	g_assert_cmpint(VIRTIO_LEGACY_QUEUE_SELECT, ==, VIRTIO_PCI_QUEUE_SEL);
	g_assert_cmpint(VIRTIO_LEGACY_QUEUE_NOTIFY, ==, VIRTIO_PCI_QUEUE_NOTIFY);
	g_assert_cmpint(VIRTIO_LEGACY_DEVICE_STATUS, ==, VIRTIO_PCI_STATUS);
	g_assert_cmpint(VIRTIO_LEGACY_ISR_STATUS, ==, VIRTIO_PCI_ISR);
	g_assert_cmpint(VIRTIO_LEGACY_CONFIG_MSIX_VECTOR, ==, VIRTIO_MSI_CONFIG_VECTOR);
	g_assert_cmpint(VIRTIO_LEGACY_QUEUE_MSIX_VECTOR, ==, VIRTIO_MSI_QUEUE_VECTOR);
	g_assert_cmpint(VIRTIO_LEGACY_CONFIG, ==, VIRTIO_PCI_CONFIG_OFF(0));
	g_assert_cmpint(VIRTIO_LEGACY_CONFIG_WITH_MSIX, ==, VIRTIO_PCI_CONFIG_OFF(1));
}

static void test_vmx_exit_reasons(void)
{
	g_assert_cmpint(EXIT_REASON_EXCEPTION_NMI, ==, 0);
	g_assert_cmpint(EXIT_REASON_NOTIFY, ==, 75);
	g_assert_cmpint(VMX_EXIT_REASONS_FAILED_VMENTRY, ==, 0x80000000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/constants/svm-exit-codes", test_svm_exit_codes);
	g_test_add_func("/constants/virtio", test_virtio);
	g_test_add_func("/constants/vmx-exit-reasons", test_vmx_exit_reasons);
	return g_test_run();
}
