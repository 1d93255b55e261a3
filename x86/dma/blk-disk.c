// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: requests of a virtio-blk disk and their answers (VIRTIO 1.2, 5.2.6 "Device Operation"). A
 * part of the program dma: see dma.c.
 */
#include "vm.h"
#include "x86/dma/dma.h"

FEATURE(VIRTIO_BLK, "a virtio-blk device")
{
	return virtio_find(VIRTIO_ID_BLOCK) != PCIDEVADDR_INVALID;
}

static int count_queues(void)
{
	if (!(disk.features & BIT(VIRTIO_BLK_F_MQ)))
		return 1;
	return virtio_config_read(&disk, VIRTIO_BLK_CONFIG_NUM_QUEUES, 2);
}

static u64 count_sectors(struct lane *lane)
{
	return virtio_config_read(&disk, VIRTIO_BLK_CONFIG_CAPACITY, 8);
}

static int compose(struct request *request, struct virtq_part parts[DESCRIPTORS_A_CHAIN])
{
	const bool flush = request->type == VIRTIO_BLK_T_FLUSH;
	struct virtio_blk_req *header = request->header;
	int count = 0;

	*header = (struct virtio_blk_req){ .type = request->type,
					   .sector = flush ? 0 : request->chunk * CHUNK_SECTORS };
	parts[count++] = (struct virtq_part){ header, sizeof(*header), false };
	if (!flush)
		parts[count++] = (struct virtq_part){ request->buffer, PAGE_SIZE,
						      request->type == VIRTIO_BLK_T_IN };
	parts[count++] = (struct virtq_part){ request->answer, sizeof(u8), true };
	return count;
}

static void check_answer(struct lane *lane, const struct request *request, u32 length)
{
	const volatile u8 *status = request->answer;
	const u32 wanted = request->type == VIRTIO_BLK_T_IN ? PAGE_SIZE + 1 : 1;

	if (*status != VIRTIO_BLK_S_OK)
		complain(lane, request, "status (physical 0x%lx) held 0x%x%s, may hold only 0",
			 virt_to_phys((const void *)status), *status,
			 *status == ANSWER_UNTOUCHED ? ", as it did before" : "");
	else if (length != wanted)
		complain(lane, request, "the device says that it wrote %u bytes, not %u", length,
			 wanted);
}

const struct disk_type blk_disk = { .id = VIRTIO_ID_BLOCK,
				    .features = BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_MQ),
				    .header_size = sizeof(struct virtio_blk_req),
				    .answer_size = sizeof(u8),
				    .count_queues = count_queues,
				    .count_sectors = count_sectors,
				    .compose = compose,
				    .check_answer = check_answer };
