// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ahci: a CD drive behind an AHCI controller. A part of the program ahci: see ahci.c.
 *
 * A CD drive gets its commands in packets (ATA8-ACS, 7.18 "PACKET"; MMC-5, 6.23 "READ (10)"). A
 * long read is carried out in several parts, by DMA or by PIO. A broken VMM stops between two parts
 * and does not go on, or brings a part twice or not at all. The tests see a read that does not end,
 * and parts of the buffer that nothing was written to. The image holds only zeros, so they cannot
 * tell a part from another.
 */
#include "alloc_page.h"
#include "deadline.h"
#include "migrate.h"
#include "scsi-defs.h"
#include "words.h"
#include "x86/ahci/ahci.h"

#define SIGNATURE_PACKET  0xeb140101
#define ATA_PACKET	  0xa0
#define PACKET_DMA	  BIT(0)  /* in the command's features */
#define PACKET_BYTE_COUNT 0xf800u /* of each transfer by PIO */
#define CD_SECTOR_BYTES	  2048
#define POISON		  0xdead000000000000ul

FEATURE(CD_DRIVE, "an AHCI controller with a CD drive at its port 0")
{
	return drive_signature() == SIGNATURE_PACKET;
}

#define CD_READS 2 /* at a time */

/* How a test reads. */
struct reading {
	u8 features; /* of the command */
	u32 bytes;   /* of each read */
	/* Making and checking a read takes long. So only one of so many turns does it. */
	u32 turns;
};

static const struct reading *reading;
static u8 *cd_buffers[CD_READS];
static u8 cd_packets[CD_READS][PACKET_BYTES];
static bool cd_busy[CD_READS];
static u64 reads;
static u32 calls;

static void read_cd(int n)
{
	const u32 sectors = reading->bytes / CD_SECTOR_BYTES;
	u8 *packet = cd_packets[n];
	struct command command = { .code = ATA_PACKET,
				   .features = reading->features,
				   .lba = PACKET_BYTE_COUNT << 8,
				   .buffer = cd_buffers[n],
				   .bytes = reading->bytes,
				   .packet = packet };

	memset(packet, 0, PACKET_BYTES);
	packet[0] = READ_10;
	packet[7] = sectors >> 8;
	packet[8] = sectors & 0xff;
	fill_words((u64 *)cd_buffers[n], reading->bytes / sizeof(u64), POISON);
	cd_busy[n] = true;
	issue(n, &command);
}

/* The image holds only zeros. */
static bool finish_cd_read(int n)
{
	const u64 *words = (const u64 *)cd_buffers[n];
	const u64 *unlike;

	if (!cd_busy[n])
		return true;
	if (!is_over(n))
		return false;
	cd_busy[n] = false;
	reads++;
	unlike = first_unlike(words, reading->bytes / sizeof(u64), 0);
	report_if_failed(!unlike, "read %d: word %lu holds 0x%lx, not what is on the CD", n,
			 unlike ? (u64)(unlike - words) : 0, unlike ? *unlike : 0);
	return true;
}

static void cd_turn(void)
{
	if (calls++ % reading->turns)
		return;
	for (int n = 0; n < CD_READS; n++)
		if (finish_cd_read(n))
			read_cd(n);
}

static bool cd_reads_over(void)
{
	bool over = true;

	for (int n = 0; n < CD_READS; n++)
		over &= finish_cd_read(n);
	return over;
}

static void read_cd_through_actions(const struct reading *wanted)
{
	reading = wanted;
	reads = calls = 0;
	if (!start_port())
		return;
	for (int n = 0; n < CD_READS; n++)
		cd_buffers[n] = alloc_pages(page_order(reading->bytes));
	for (int round = 0; round < ROUNDS; round++) {
		cd_turn();
		migrate_quiet_while(cd_turn);
		if (!commands_end(cd_reads_over))
			break;
	}
	report(!(read_reg(PORT_TFD) & TFD_ERROR), "%lu reads; PxTFD is %#x at the end", reads,
	       read_reg(PORT_TFD));
	end_port();
	for (int n = 0; n < CD_READS; n++)
		free_pages(cd_buffers[n]);
}

TEST(cd_reads, .needs = CD_DRIVE,
     .about = "no long read of a CD is lost or torn by an action: by DMA")
{
	static const struct reading by_dma = { .features = PACKET_DMA,
					       .bytes = 256 * 1024,
					       .turns = 16 };

	read_cd_through_actions(&by_dma);
}

/* A read is nearly always in flight, so that an action meets one. */
TEST(cd_reads_pio, .needs = CD_DRIVE,
     .about = "no long read of a CD is lost or torn by an action: by PIO")
{
	static const struct reading by_pio = { .bytes = 512 * 1024, .turns = 1 };

	read_cd_through_actions(&by_pio);
}
