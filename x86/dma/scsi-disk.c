// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dma: requests of a SCSI disk at a virtio-scsi controller, and their answers (VIRTIO 1.2, 5.6.6
 * "Device Operation"; the commands: SBC-4 and SPC-5). A part of the program dma: see dma.c.
 *
 * A request for data is a READ (10) or a WRITE (10), and a flush is a SYNCHRONIZE CACHE (10). The
 * disk is target 0, logical unit 0.
 */
#include "scsi-defs.h"
#include "vm.h"
#include "x86/dma/dma.h"

enum { CONTROL_QUEUE, EVENT_QUEUE, FIRST_REQUEST_QUEUE };

/* What READ CAPACITY (10) returns. */
#define CAPACITY_BYTES 8

/* The identifier of a single command. No request of a lane has it, since these count from 1. */
#define SINGLE_COMMAND ~0ul

/* How many unit attentions a disk may have at first. Each makes it refuse a command. */
#define MOST_ATTENTIONS 4

/* 5.6.6.1: 1, the target, and the logical unit in SAM's flat format. */
static const u8 unit[8] = { 1, 0, 0x40, 0 };

FEATURE(VIRTIO_SCSI, "a virtio-scsi controller")
{
	return virtio_find(VIRTIO_ID_SCSI) != PCIDEVADDR_INVALID;
}

static void put_big_endian(u8 bytes[4], u32 value)
{
	value = __builtin_bswap32(value);
	memcpy(bytes, &value, sizeof(value));
}

static u32 get_big_endian(const u8 bytes[4])
{
	u32 value;

	memcpy(&value, bytes, sizeof(value));
	return __builtin_bswap32(value);
}

static struct scsi_answer decode(const volatile void *memory)
{
	const volatile struct virtio_scsi_cmd_resp *response = memory;
	struct scsi_answer answer = { .response = response->response, .status = response->status };

	if (answer.response != VIRTIO_SCSI_S_OK || answer.status == SCSI_GOOD ||
	    response->sense_len <= SENSE_ASCQ_AT)
		return answer;
	answer.key = response->sense[SENSE_KEY_AT] & SENSE_KEY;
	answer.asc = response->sense[SENSE_ASC_AT];
	answer.ascq = response->sense[SENSE_ASCQ_AT];
	return answer;
}

/* ---- single commands ---- */

static struct virtqueue control;
static int control_interrupts_seen;

void scsi_open_control(void)
{
	control_interrupts_seen = 0;
	virtqueue_open(&disk, &control, CONTROL_QUEUE, QUEUE_SIZE, 0, SCSI_CONTROL_VECTOR);
}

static bool comes_back(struct virtqueue *queue, int *interrupts_seen)
{
	struct virtq_used_elem element;

	return wait_until(virtqueue_may_have_used(queue, interrupts_seen) &&
				  virtqueue_get(queue, &element),
			  RETURN_MS);
}

struct scsi_answer scsi_command(struct lane *lane, const u8 *cdb, unsigned length,
				bool device_writes)
{
	struct request *request = &lane->requests[0];
	struct virtio_scsi_cmd_req *header = request->header;
	const struct virtq_part data = { request->buffer, length, device_writes };
	struct virtq_part parts[DESCRIPTORS_A_CHAIN];
	int count = 0;

	*header = (struct virtio_scsi_cmd_req){ .id = SINGLE_COMMAND };
	memcpy(header->lun, unit, sizeof(unit));
	memcpy(header->cdb, cdb, CDB_LENGTH);
	memset((void *)request->answer, ANSWER_UNTOUCHED, scsi_disk.answer_size);
	parts[count++] = (struct virtq_part){ header, sizeof(*header), false };
	if (length && !device_writes)
		parts[count++] = data;
	parts[count++] = (struct virtq_part){ request->answer, scsi_disk.answer_size, true };
	if (length && device_writes)
		parts[count++] = data;
	virtqueue_add(&lane->queue, 0, parts, count);
	virtqueue_kick(&lane->queue);
	if (!lane->stuck && !comes_back(&lane->queue, &lane->interrupts_seen)) {
		complain(lane, NULL, "SCSI command 0x%02x was not returned", cdb[0]);
		lane->stuck = true;
	}
	return decode(request->answer);
}

bool scsi_is_ready(struct lane *lane, struct scsi_answer *answer)
{
	static const u8 cdb[CDB_LENGTH] = { TEST_UNIT_READY };

	*answer = scsi_command(lane, cdb, 0, false);
	return answer->response == VIRTIO_SCSI_S_OK && answer->status == SCSI_GOOD;
}

u8 scsi_reset_unit(void)
{
	static struct virtio_scsi_ctrl_tmf function;
	static volatile u8 response;
	const struct virtq_part parts[] = { { &function, sizeof(function), false },
					    { &response, sizeof(response), true } };

	function = (struct virtio_scsi_ctrl_tmf){ .type = VIRTIO_SCSI_T_TMF,
						  .subtype = VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET };
	memcpy(function.lun, unit, sizeof(unit));
	response = ANSWER_UNTOUCHED;
	virtqueue_add(&control, 0, parts, ARRAY_SIZE(parts));
	virtqueue_kick(&control);
	if (!comes_back(&control, &control_interrupts_seen))
		complain(&lanes[0], NULL, "a LOGICAL UNIT RESET was not returned");
	return response;
}

/* ---- the type of disk ---- */

static int count_queues(void)
{
	return virtio_config_read(&disk, VIRTIO_SCSI_CONFIG_NUM_QUEUES, 4);
}

static u64 count_sectors(struct lane *lane)
{
	static const u8 cdb[CDB_LENGTH] = { READ_CAPACITY };
	const u8 *data = (const u8 *)lane->requests[0].buffer;
	struct scsi_answer answer;

	/* A disk refuses its first command after a reset, to say that it was reset. */
	for (int i = 0; !scsi_is_ready(lane, &answer) && i < MOST_ATTENTIONS; i++)
		if (answer.key != UNIT_ATTENTION)
			break;
	answer = scsi_command(lane, cdb, CAPACITY_BYTES, true);
	if (answer.response != VIRTIO_SCSI_S_OK || answer.status != SCSI_GOOD)
		report_abort(
			"%s: the disk's size is not known: response 0x%x, status 0x%x, sense %x/%02x/%02x",
			disk.name, answer.response, answer.status, answer.key, answer.asc,
			answer.ascq);
	/* The disk returns the number of its last block, not how many blocks it has. */
	return (get_big_endian(data) + 1ul) * get_big_endian(data + 4) / DISK_SECTOR_SIZE;
}

static int compose(struct request *request, struct virtq_part parts[DESCRIPTORS_A_CHAIN])
{
	const struct virtq_part data = { request->buffer, PAGE_SIZE,
					 request->type == VIRTIO_BLK_T_IN };
	struct virtio_scsi_cmd_req *header = request->header;
	int count = 0;

	*header = (struct virtio_scsi_cmd_req){ .id = request->number };
	memcpy(header->lun, unit, sizeof(unit));
	/* A flush that begins at block 0 and has 0 blocks flushes the whole disk. */
	header->cdb[0] = SYNCHRONIZE_CACHE;
	if (request->type != VIRTIO_BLK_T_FLUSH) {
		header->cdb[0] = data.device_writes ? READ_10 : WRITE_10;
		put_big_endian(header->cdb + 2, request->chunk * CHUNK_SECTORS);
		header->cdb[8] = CHUNK_SECTORS;
	}
	parts[count++] = (struct virtq_part){ header, sizeof(*header), false };
	if (request->type == VIRTIO_BLK_T_OUT)
		parts[count++] = data;
	parts[count++] = (struct virtq_part){ request->answer, scsi_disk.answer_size, true };
	if (request->type == VIRTIO_BLK_T_IN)
		parts[count++] = data;
	return count;
}

/*
 * The length is how many bytes the device says it wrote to memory. For a WRITE, QEMU wrongly counts
 * the data in it, which it only read. So the length of a WRITE is not compared.
 */
static void check_answer(struct lane *lane, const struct request *request, u32 length)
{
	const struct scsi_answer answer = decode(request->answer);
	const u32 wanted =
		scsi_disk.answer_size + (request->type == VIRTIO_BLK_T_IN ? PAGE_SIZE : 0);

	if (answer.response != VIRTIO_SCSI_S_OK || answer.status != SCSI_GOOD)
		complain(
			lane, request,
			"response (physical 0x%lx) held 0x%x and status 0x%x (sense %x/%02x/%02x)%s, both may hold only 0",
			virt_to_phys((const void *)request->answer), answer.response, answer.status,
			answer.key, answer.asc, answer.ascq,
			answer.response == ANSWER_UNTOUCHED ? ", as they did before" : "");
	else if (request->type != VIRTIO_BLK_T_OUT && length != wanted)
		complain(lane, request, "the device says that it wrote %u bytes, not %u", length,
			 wanted);
}

const struct disk_type scsi_disk = { .id = VIRTIO_ID_SCSI,
				     .first_queue = FIRST_REQUEST_QUEUE,
				     .header_size = sizeof(struct virtio_scsi_cmd_req),
				     .answer_size = sizeof(struct virtio_scsi_cmd_resp),
				     .count_queues = count_queues,
				     .count_sectors = count_sectors,
				     .compose = compose,
				     .check_answer = check_answer };
