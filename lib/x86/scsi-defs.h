/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI's commands and codes, by their names in the C library's <scsi/scsi.h> where it has one. The
 * project's own tests compare them. Source: SAM-5 (status), SPC-5 (TEST UNIT READY, MODE SELECT
 * (10), MODE SENSE (10), sense data), SBC-4 (the other commands, the caching mode page).
 */
#ifndef X86_SCSI_DEFS_H
#define X86_SCSI_DEFS_H

#define TEST_UNIT_READY	  0x00
#define READ_CAPACITY	  0x25
#define READ_10		  0x28
#define WRITE_10	  0x2a
#define SYNCHRONIZE_CACHE 0x35
#define MODE_SELECT_10	  0x55
#define MODE_SENSE_10	  0x5a

/* SAM-5, 5.3.1 "Status codes". The C library's codes are shifted. */
#define SCSI_GOOD	     0x00
#define SCSI_CHECK_CONDITION 0x02

/* Sense data in the fixed format: where the key, the additional code and its qualifier are. */
#define SENSE_KEY_AT  2
#define SENSE_ASC_AT  12
#define SENSE_ASCQ_AT 13
#define SENSE_KEY     0x0f

#define UNIT_ATTENTION 0x06
/* An additional sense code: power on, reset, or bus device reset occurred. */
#define ASC_RESET 0x29

/* The caching mode page. In its byte 2 is whether the write cache is enabled. */
#define MODE_PAGE_CACHING	 0x08
#define MODE_PAGE_CACHING_LENGTH 20
#define CACHING_FLAGS_AT	 2
#define CACHING_WCE		 0x04
/* In byte 0 of a page: its number. Another bit says whether the disk can save it. */
#define MODE_PAGE_NUMBER 0x3f
/* MODE SELECT: the pages have the format that the standard says. */
#define MODE_SELECT_PF 0x10
/* MODE SENSE: without block descriptors. */
#define MODE_SENSE_DBD 0x08
/* The header before the pages. */
#define MODE_HEADER_10_LENGTH 8

#endif
