// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: the tray of a CD drive at a virtio-scsi controller (MMC-6, "START STOP UNIT Command" and
 * "PREVENT ALLOW MEDIUM REMOVAL Command"). A part of the program dma: see dma.c.
 *
 * A broken hypervisor forgets in a migration that the guest has opened the tray, or has locked it.
 * Then the drive reads from a tray that is open, or lets a user take away a CD that is in use. The
 * tests see that the drive answers a command as if the tray were in its other state. They cannot
 * tell what the VMM lets its user do.
 */
#include "scsi-defs.h"
#include "vm.h"
#include "x86/dma/dma.h"

/* A drive that has closed its tray refuses some commands, since there may be another CD in it. */
#define MOST_REFUSALS 4

static bool is_cd_drive(void)
{
	static const u8 cdb[CDB_LENGTH] = { INQUIRY, [4] = 36 };
	struct scsi_answer answer = scsi_command(&lanes[0], cdb, 36, true);
	const u8 *data = (const u8 *)lanes[0].requests[0].buffer;

	return answer.response == VIRTIO_SCSI_S_OK && answer.status == SCSI_GOOD &&
	       (data[0] & INQUIRY_TYPE) == TYPE_ROM;
}

static bool open_drive(void)
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 2,
					  .depth = 1 };

	if (!open_disk(&kind))
		return false;
	if (is_cd_drive())
		return true;
	report_skip("%s: its disk is no CD drive", disk.name);
	close_disk();
	return false;
}

static struct scsi_answer move_tray(bool open)
{
	const u8 cdb[CDB_LENGTH] = { START_STOP, [4] = START_STOP_LOEJ |
						       (open ? 0 : START_STOP_START) };

	return scsi_command(&lanes[0], cdb, 0, false);
}

static struct scsi_answer lock_tray(bool lock)
{
	const u8 cdb[CDB_LENGTH] = { ALLOW_MEDIUM_REMOVAL, [4] = lock ? PREVENT_REMOVAL : 0 };

	return scsi_command(&lanes[0], cdb, 0, false);
}

static void expect_success(const char *what, struct scsi_answer answer)
{
	report(answer.response == VIRTIO_SCSI_S_OK && answer.status == SCSI_GOOD,
	       "%s: %s has response 0x%x, status 0x%x, sense %x/%02x/%02x, may have only zeros",
	       disk.name, what, answer.response, answer.status, answer.key, answer.asc,
	       answer.ascq);
}

static void expect_refusal(const char *what, struct scsi_answer answer, u8 key, u8 asc)
{
	report(answer.status == SCSI_CHECK_CONDITION && answer.key == key && answer.asc == asc,
	       "%s: %s has response 0x%x, status 0x%x, sense %x/%02x/%02x, may have only 0, 2, %x/%02x/xx",
	       disk.name, what, answer.response, answer.status, answer.key, answer.asc, answer.ascq,
	       key, asc);
}

TEST(cd_tray, .needs = VIRTIO_SCSI,
     .about = "a CD drive's tray that the guest has opened or closed stays so over an action")
{
	struct scsi_answer answer;

	if (!open_drive())
		return;
	expect_success("a command that opens the tray", move_tray(true));
	migrate_quiet();
	scsi_is_ready(&lanes[0], &answer);
	expect_refusal("TEST UNIT READY with an open tray", answer, NOT_READY, ASC_NO_MEDIUM);
	expect_success("a command that closes the tray", move_tray(false));
	migrate_quiet();
	for (int i = 0; !scsi_is_ready(&lanes[0], &answer) && i < MOST_REFUSALS; i++)
		;
	expect_success("TEST UNIT READY with a closed tray", answer);
	close_disk();
}

TEST(cd_lock, .needs = VIRTIO_SCSI,
     .about = "a CD drive's tray that the guest has locked or unlocked stays so over an action")
{
	if (!open_drive())
		return;
	expect_success("a command that locks the tray", lock_tray(true));
	migrate_quiet();
	expect_refusal("a command that opens a locked tray", move_tray(true), ILLEGAL_REQUEST,
		       ASC_REMOVAL_FAILED);
	expect_success("a command that unlocks the tray", lock_tray(false));
	migrate_quiet();
	expect_success("a command that opens an unlocked tray", move_tray(true));
	expect_success("a command that closes the tray", move_tray(false));
	close_disk();
}
