// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: a disk's write cache that the driver has turned off or on (VIRTIO 1.2, 5.2.5.2 and 5.2.6.2,
 * "writeback"; SBC-4, 6.5.6 "Caching mode page"). A part of the program dma: see dma.c.
 *
 * Without a write cache a write that is returned is on the disk, so the driver sends no flushes. A
 * broken VMM turns the cache on again in a migration. The driver does not know that, and the guest
 * loses data if the host loses power. The tests turn the cache off and on, ask for an action each
 * time, and read the setting back. They cannot tell whether the VMM follows the setting that it
 * shows.
 */
#include "scsi-defs.h"
#include "vm.h"
#include "x86/dma/dma.h"

static const char *on_or_off(bool on)
{
	return on ? "on" : "off";
}

/*
 * SET writes the setting, and GET reads it back. If GET returns what was SET, it has to return the
 * same after an action. If it does not, this cache cannot be turned on or off, and the test skips.
 */
static void run_write_cache(const struct kind *kind, void (*set)(bool on), bool (*get)(void))
{
	if (!open_disk(kind))
		return;
	for (int action = 0; action < ACTIONS_PER_TEST; action++) {
		const bool on = action % 2;
		bool is;

		set(on);
		is = get();
		/* Not every disk can do this. But one that can do it before an action can do it
		 * after. */
		if (is != on && action == 0) {
			report_skip("%s: its write cache cannot be turned %s", disk.name,
				    on_or_off(on));
			break;
		}
		report(is == on, "%s: the write cache was turned %s, and is %s", disk.name,
		       on_or_off(on), on_or_off(is));
		migrate_quiet();
		is = get();
		report(is == on,
		       "%s: the write cache was turned %s before an action, and is %s after it",
		       disk.name, on_or_off(on), on_or_off(is));
	}
	close_disk();
}

static void set_blk_cache(bool on)
{
	virtio_config_write(&disk, VIRTIO_BLK_CONFIG_WRITEBACK, on);
}

static bool get_blk_cache(void)
{
	return virtio_config_read(&disk, VIRTIO_BLK_CONFIG_WRITEBACK, 1);
}

TEST(blk_write_cache, .needs = VIRTIO_BLK,
     .about = "a virtio-blk disk's write cache that is turned off or on stays so over an action")
{
	static const struct kind kind = { .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 16,
					  .depth = 16,
					  .needs = BIT(VIRTIO_BLK_F_CONFIG_WCE) };

	run_write_cache(&kind, set_blk_cache, get_blk_cache);
}

/* ---- SCSI ---- */

#define PAGE_AT	    MODE_HEADER_10_LENGTH
#define MODE_LENGTH (MODE_HEADER_10_LENGTH + MODE_PAGE_CACHING_LENGTH)

/* Reads the header and the caching mode page into the buffer of the first request. Returns it. */
static u8 *sense_mode(void)
{
	static const u8 cdb[CDB_LENGTH] = { MODE_SENSE_10, MODE_SENSE_DBD,
					    MODE_PAGE_CACHING, [8] = MODE_LENGTH };
	struct lane *lane = &lanes[0];
	struct scsi_answer answer = scsi_command(lane, cdb, MODE_LENGTH, true);
	u8 *mode = (u8 *)lane->requests[0].buffer;

	if (answer.response != VIRTIO_SCSI_S_OK || answer.status != SCSI_GOOD)
		complain(
			lane, NULL,
			"MODE SENSE has response 0x%x, status 0x%x, sense %x/%02x/%02x, which may only be zeros",
			answer.response, answer.status, answer.key, answer.asc, answer.ascq);
	return mode;
}

static bool get_scsi_cache(void)
{
	return sense_mode()[PAGE_AT + CACHING_FLAGS_AT] & CACHING_WCE;
}

static void set_scsi_cache(bool on)
{
	static const u8 cdb[CDB_LENGTH] = { MODE_SELECT_10, MODE_SELECT_PF, [8] = MODE_LENGTH };
	u8 *mode = sense_mode();

	memset(mode, 0, MODE_HEADER_10_LENGTH);
	mode[PAGE_AT] &= MODE_PAGE_NUMBER;
	mode[PAGE_AT + CACHING_FLAGS_AT] &= ~CACHING_WCE;
	if (on)
		mode[PAGE_AT + CACHING_FLAGS_AT] |= CACHING_WCE;
	scsi_command(&lanes[0], cdb, MODE_LENGTH, false);
}

TEST(scsi_write_cache, .needs = VIRTIO_SCSI,
     .about = "a SCSI disk's write cache that is turned off or on stays so over an action")
{
	static const struct kind kind = { .disk = &scsi_disk,
					  .interface = VIRTIO_MODERN,
					  .interrupts = VIRTIO_POLLED,
					  .requests = 16,
					  .depth = 16 };

	run_write_cache(&kind, set_scsi_cache, get_scsi_cache);
}
