// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a SCSI disk at a virtio-scsi controller while the guest is migrated (VIRTIO 1.2, 5.6 "SCSI
 * Host Device"; SAM-5, 5.14 "Unit attention condition"). A part of the program dma: see dma.c.
 *
 * Most tests are those of virtio-blk with a SCSI disk in its place. A VMM has code of its own for
 * SCSI. A SCSI request that waits in the VMM goes to the destination with its command, its data and
 * the queue that it came from. A broken VMM loses the request, or returns it in another queue.
 *
 * A disk that was reset refuses the next command with a unit attention. By this the driver learns
 * that its settings are gone. A broken VMM forgets the condition. The test resets the disk, asks
 * for an action, and sees a command that succeeds. It cannot tell whether the VMM lost the
 * condition in the action, or cleared it before, when no command had asked. Nor can it tell this
 * condition from the one that each disk of a new VMM has, because it was powered on.
 */
#include "scsi-defs.h"
#include "vm.h"
#include "x86/dma/dma.h"

TEST(scsi_polled, .needs = VIRTIO_SCSI,
     .about = "no request is lost, doubled or torn by a migration: virtio-scsi, modern, polled")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 16,
					  .depth = 16 };

	run_blk(&kind);
}

TEST(scsi_intx, .needs = VIRTIO_SCSI,
     .about = "no request is lost, doubled or torn by a migration: virtio-scsi, legacy, INTx")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_LEGACY,
					  .interrupts = VIRTIO_INTX,
					  .requests = 16,
					  .depth = 16 };

	run_blk(&kind);
}

TEST(scsi_msix, .needs = VIRTIO_SCSI,
     .about = "no request is lost, doubled or torn by a migration: virtio-scsi, modern, MSI-X")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16 };

	run_blk(&kind);
}

TEST(scsi_packed, .needs = VIRTIO_SCSI,
     .about = "no request is lost, doubled or torn by a migration: virtio-scsi, packed, MSI-X")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16,
					  .packed = true };

	run_blk(&kind);
}

TEST(scsi_buffers_untouched, .needs = VIRTIO_SCSI,
     .about = "buffers that only a virtio-scsi device has touched survive a migration")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 2,
					  .untouched = true };

	run_blk(&kind);
}

TEST(scsi_rings_unseen, .needs = VIRTIO_SCSI,
     .about =
	     "a used ring and buffers that no CPU looks at survive a migration: virtio-scsi, modern")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 32,
					  .depth = 32,
					  .untouched = true };

	run_unseen(&kind, false);
}

TEST(scsi_set_up, .needs = VIRTIO_SCSI,
     .about = "a virtio-scsi device keeps what its driver has set up so far over an action")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16 };

	run_set_up(&kind);
}

TEST(scsi_reset, .needs = VIRTIO_SCSI,
     .about =
	     "a virtio-scsi device that is reset just after an action writes no more and works again")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16 };

	run_reset(&kind);
}

/* A broken hypervisor forgets that the disk has to report its reset. */
TEST(scsi_unit_attention, .needs = VIRTIO_SCSI,
     .about = "a SCSI disk that was reset before an action refuses the first command after it")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_MSIX,
					  .requests = 16,
					  .depth = 16,
					  .control = true };
	struct scsi_answer answer;
	bool ready;

	if (!open_disk(&kind))
		return;
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		u8 response = scsi_reset_unit();

		report(response == VIRTIO_SCSI_S_OK,
		       "%s: a LOGICAL UNIT RESET has the response 0x%x, which may only be 0",
		       disk.name, response);
		migrate_quiet();
		ready = scsi_is_ready(&lanes[0], &answer);
		report(!ready && answer.key == UNIT_ATTENTION && answer.asc == ASC_RESET,
		       "%s: the first command after a reset and an action has response 0x%x, status 0x%x, sense %x/%02x/%02x, which may only be 0, 2 and 6/29/xx",
		       disk.name, answer.response, answer.status, answer.key, answer.asc,
		       answer.ascq);
		ready = scsi_is_ready(&lanes[0], &answer);
		report(ready,
		       "%s: the second command has response 0x%x, status 0x%x, sense %x/%02x/%02x, which may only be zeros",
		       disk.name, answer.response, answer.status, answer.key, answer.asc,
		       answer.ascq);
	}
	close_disk();
}
