/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI's commands and codes. Those that the C library's <scsi/scsi.h> has, too, have the same names
 * here, and tests/unit/constants.c compares them. Source: SAM-5 (status), SPC-5 (INQUIRY, TEST UNIT
 * READY, MODE SELECT (10), MODE SENSE (10), sense data), MMC-6 (START STOP UNIT, PREVENT ALLOW
 * MEDIUM REMOVAL), SBC-4 (the other commands, the caching mode page).
 */
#ifndef X86_SCSI_DEFS_H
#define X86_SCSI_DEFS_H

#define TEST_UNIT_READY	     0x00
#define INQUIRY		     0x12
#define START_STOP	     0x1b
#define ALLOW_MEDIUM_REMOVAL 0x1e
#define READ_CAPACITY	     0x25
#define READ_10		     0x28
#define WRITE_10	     0x2a
#define SYNCHRONIZE_CACHE    0x35
#define MODE_SELECT_10	     0x55
#define MODE_SENSE_10	     0x5a

/* SAM-5, 5.3.1 "Status codes". The C library's codes are shifted right by one bit. */
#define SCSI_GOOD	     0x00
#define SCSI_CHECK_CONDITION 0x02

/* Sense data in the fixed format: where the key, the additional code and its qualifier are. */
#define SENSE_KEY_AT  2
#define SENSE_ASC_AT  12
#define SENSE_ASCQ_AT 13
#define SENSE_KEY     0x0f

#define NOT_READY	0x02
#define ILLEGAL_REQUEST 0x05
#define UNIT_ATTENTION	0x06
/* Additional sense codes: power on, reset, or bus device reset occurred; medium not present; medium
 * removal failed. */
#define ASC_RESET	   0x29
#define ASC_NO_MEDIUM	   0x3a
#define ASC_REMOVAL_FAILED 0x53

/* INQUIRY: the type of device is in these bits of byte 0. */
#define INQUIRY_TYPE 0x1f
#define TYPE_ROM     0x05 /* a CD or DVD drive */

/* Byte 4 of START STOP UNIT: open or close the tray. Of PREVENT ALLOW MEDIUM REMOVAL: lock it. */
#define START_STOP_START 0x01 /* with LOEJ: close */
#define START_STOP_LOEJ	 0x02
#define PREVENT_REMOVAL	 0x01

/* The caching mode page. A bit in its byte 2 (WCE) says whether the write cache is enabled. */
#define MODE_PAGE_CACHING	 0x08
#define MODE_PAGE_CACHING_LENGTH 20
#define CACHING_FLAGS_AT	 2
#define CACHING_WCE		 0x04
/* Byte 0 of a page has the page's number. Another bit says whether the disk can save the page. */
#define MODE_PAGE_NUMBER 0x3f
/* For MODE SELECT: the pages have the standard's format. */
#define MODE_SELECT_PF 0x10
/* For MODE SENSE: the disk returns no block descriptors. */
#define MODE_SENSE_DBD 0x08
/* The header before the pages. */
#define MODE_HEADER_10_LENGTH 8

#endif
