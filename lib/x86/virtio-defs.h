/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Constants of virtio devices on PCI, by the sections of VIRTIO 1.2. The project's own tests
 * compare these macros with the kernel's headers.
 */
#ifndef X86_VIRTIO_DEFS_H
#define X86_VIRTIO_DEFS_H

#define PCI_VENDOR_ID_VIRTIO 0x1af4

#define VIRTIO_ID_NET	  1
#define VIRTIO_ID_BLOCK	  2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG	  4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_SCSI	  8

#define VIRTIO_CONFIG_S_ACKNOWLEDGE 1
#define VIRTIO_CONFIG_S_DRIVER	    2
#define VIRTIO_CONFIG_S_DRIVER_OK   4
#define VIRTIO_CONFIG_S_FEATURES_OK 8

#define VIRTIO_F_EVENT_IDX	 29
#define VIRTIO_F_VERSION_1	 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED	 34

#define VIRTQ_DESC_F_NEXT	   1
#define VIRTQ_DESC_F_WRITE	   2
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
#define VIRTQ_USED_F_NO_NOTIFY	   1

/* 2.8 "Packed Virtqueues": numbers of bits in the flags, and the values of event suppression. */
#define VIRTQ_DESC_F_AVAIL	 7
#define VIRTQ_DESC_F_USED	 15
#define RING_EVENT_FLAGS_ENABLE	 0
#define RING_EVENT_FLAGS_DISABLE 1
#define RING_EVENT_FLAGS_DESC	 2
#define RING_EVENT_WRAP		 15

/* 5.1 "Network Device" */
#define VIRTIO_NET_F_MAC	      5
#define VIRTIO_NET_F_MRG_RXBUF	      15
#define VIRTIO_NET_F_STATUS	      16
#define VIRTIO_NET_F_CTRL_VQ	      17
#define VIRTIO_NET_F_CTRL_RX	      18
#define VIRTIO_NET_F_CTRL_VLAN	      19
#define VIRTIO_NET_F_CTRL_RX_EXTRA    20
#define VIRTIO_NET_F_GUEST_ANNOUNCE   21
#define VIRTIO_NET_F_CTRL_MAC_ADDR    23
#define VIRTIO_NET_CTRL_RX	      0
#define VIRTIO_NET_CTRL_RX_PROMISC    0
#define VIRTIO_NET_CTRL_RX_ALLMULTI   1
#define VIRTIO_NET_CTRL_RX_ALLUNI     2
#define VIRTIO_NET_CTRL_RX_NOMULTI    3
#define VIRTIO_NET_CTRL_RX_NOBCAST    5
#define VIRTIO_NET_CTRL_MAC	      1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET  1
#define VIRTIO_NET_CTRL_VLAN	      2
#define VIRTIO_NET_CTRL_VLAN_ADD      0
#define VIRTIO_NET_CTRL_ANNOUNCE      3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK  0
#define VIRTIO_NET_S_ANNOUNCE	      2
#define VIRTIO_NET_OK		      0

/* 5.2 "Block Device" */
#define VIRTIO_BLK_F_FLUSH	9
#define VIRTIO_BLK_F_CONFIG_WCE 11
#define VIRTIO_BLK_F_MQ		12
#define VIRTIO_BLK_T_IN		0
#define VIRTIO_BLK_T_OUT	1
#define VIRTIO_BLK_T_FLUSH	4
#define VIRTIO_BLK_S_OK		0

/* Offsets in the device's configuration. */
#define VIRTIO_BLK_CONFIG_CAPACITY   0
#define VIRTIO_BLK_CONFIG_WRITEBACK  32
#define VIRTIO_BLK_CONFIG_NUM_QUEUES 34
#define VIRTIO_NET_CONFIG_STATUS     6

/* 5.3 "Console Device" */
#define VIRTIO_CONSOLE_F_MULTIPORT	   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE	   2
#define VIRTIO_CONSOLE_DEVICE_READY	   0
#define VIRTIO_CONSOLE_PORT_ADD		   1
#define VIRTIO_CONSOLE_PORT_REMOVE	   2
#define VIRTIO_CONSOLE_PORT_READY	   3
#define VIRTIO_CONSOLE_CONSOLE_PORT	   4
#define VIRTIO_CONSOLE_PORT_OPEN	   6
#define VIRTIO_CONSOLE_PORT_NAME	   7
#define VIRTIO_CONSOLE_CONFIG_COLS	   0
#define VIRTIO_CONSOLE_CONFIG_ROWS	   2
#define VIRTIO_CONSOLE_CONFIG_MAX_NR_PORTS 4
#define VIRTIO_CONSOLE_CONFIG_EMERG_WR	   8

/* 5.5 "Traditional Memory Balloon Device" */
#define VIRTIO_BALLOON_F_STATS_VQ    1
#define VIRTIO_BALLOON_S_MEMFREE     4
#define VIRTIO_BALLOON_CONFIG_ACTUAL 4

/* 5.6 "SCSI Host Device" */
#define VIRTIO_SCSI_CONFIG_NUM_QUEUES	     0
#define VIRTIO_SCSI_S_OK		     0
#define VIRTIO_SCSI_T_TMF		     0
#define VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET 5

/* 4.1.2 "PCI Device Discovery": a transitional device's kind is in its subsystem id. */
#define VIRTIO_PCI_FIRST_DEVICE	       0x1000
#define VIRTIO_PCI_FIRST_MODERN_DEVICE 0x1040
#define VIRTIO_PCI_LAST_DEVICE	       0x107f

/* 4.1.4 "Virtio Structure PCI Capabilities" */
#define VIRTIO_CAP_CFG_TYPE    3
#define VIRTIO_CAP_BAR	       4
#define VIRTIO_CAP_OFFSET      8
#define VIRTIO_CAP_NOTIFY_MULT 16
#define VIRTIO_CAP_COMMON_CFG  1
#define VIRTIO_CAP_NOTIFY_CFG  2
#define VIRTIO_CAP_ISR_CFG     3
#define VIRTIO_CAP_DEVICE_CFG  4

/* 4.1.4.5 "ISR status capability" */
#define VIRTIO_ISR_QUEUE  1
#define VIRTIO_ISR_CONFIG 2

/* 4.1.4.3 "Common configuration structure layout" */
#define VIRTIO_COMMON_DEVICE_FEATURE_SELECT 0
#define VIRTIO_COMMON_DEVICE_FEATURE	    4
#define VIRTIO_COMMON_DRIVER_FEATURE_SELECT 8
#define VIRTIO_COMMON_DRIVER_FEATURE	    12
#define VIRTIO_COMMON_CONFIG_MSIX_VECTOR    16
#define VIRTIO_COMMON_DEVICE_STATUS	    20
#define VIRTIO_COMMON_QUEUE_SELECT	    22
#define VIRTIO_COMMON_QUEUE_SIZE	    24
#define VIRTIO_COMMON_QUEUE_MSIX_VECTOR	    26
#define VIRTIO_COMMON_QUEUE_ENABLE	    28
#define VIRTIO_COMMON_QUEUE_NOTIFY_OFF	    30
#define VIRTIO_COMMON_QUEUE_DESC	    32
#define VIRTIO_COMMON_QUEUE_DRIVER	    40
#define VIRTIO_COMMON_QUEUE_DEVICE	    48

/* 4.1.4.8 "Legacy Interfaces: A Note on PCI Device Layout" */
#define VIRTIO_LEGACY_DEVICE_FEATURES	 0
#define VIRTIO_LEGACY_DRIVER_FEATURES	 4
#define VIRTIO_LEGACY_QUEUE_ADDRESS	 8
#define VIRTIO_LEGACY_QUEUE_SIZE	 12
#define VIRTIO_LEGACY_QUEUE_SELECT	 14
#define VIRTIO_LEGACY_QUEUE_NOTIFY	 16
#define VIRTIO_LEGACY_DEVICE_STATUS	 18
#define VIRTIO_LEGACY_ISR_STATUS	 19
#define VIRTIO_LEGACY_CONFIG_MSIX_VECTOR 20
#define VIRTIO_LEGACY_QUEUE_MSIX_VECTOR	 22
/* The alignment of a legacy ring. The device gets the ring's address divided by this. */
#define VIRTIO_LEGACY_ALIGN	       4096
#define VIRTIO_LEGACY_CONFIG	       20
#define VIRTIO_LEGACY_CONFIG_WITH_MSIX 24

#endif
