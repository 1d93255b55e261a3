/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the program dma share: the disk, its queues, and the requests in them. The head
 * of dma.c explains the tests.
 */
#ifndef DMA_H
#define DMA_H

#include "libcflat.h"
#include "atomic.h"
#include "disk-sector.h"
#include "virtio.h"

#define MOST_LANES	 2
#define ACTIONS_PER_TEST 2

/* The data of a request is a chunk: a page of memory, and as much of the disk. */
#define CHUNK_SECTORS (PAGE_SIZE / DISK_SECTOR_SIZE)
#define CHUNK_WORDS   (PAGE_SIZE / sizeof(u64))

/* How much of the disk all lanes use together, at most. */
#define MOST_CHUNKS 256

#define MOST_REQUESTS	    64
#define DESCRIPTORS_A_CHAIN 3
#define QUEUE_SIZE	    256

/* How long a device may take to return what it has. */
#define RETURN_MS 20000

/* Further complaints of a lane say nothing new, so they are only counted. */
#define MOST_COMPLAINTS 3

#define BLK_VECTOR	    0x60
#define RNG_VECTOR	    0x68
#define EDU_VECTOR	    0x69
#define BLK_CONFIG_VECTOR   0x6a
#define SCSI_CONTROL_VECTOR 0x6b
#define FAULT_VECTOR	    0x6c

/* What each byte of an answer holds before the device writes it. */
#define ANSWER_UNTOUCHED 0xff

struct request {
	u64 number; /* in its lane, counted from 1 */
	u32 type;   /* VIRTIO_BLK_T_*, for a SCSI disk, too */
	bool in_flight, unchecked;
	u64 chunk, generation;
	u64 *buffer;
	/* What the device reads before the data, and what it writes as its answer. */
	void *header;
	volatile void *answer;
};

struct lane;

/* A type of disk: where its queues are, and how its requests and its answers look in memory. */
struct disk_type {
	u16 id;		 /* VIRTIO_ID_* */
	u64 features;	 /* what the driver wants of them */
	int first_queue; /* of those that take requests */
	unsigned header_size, answer_size;
	int (*count_queues)(void);
	/* The disk's size in sectors, when the device is driven: it may be asked for that. */
	u64 (*count_sectors)(struct lane *lane);
	/* Fills the header. Returns how many parts the request has. */
	int (*compose)(struct request *request, struct virtq_part parts[DESCRIPTORS_A_CHAIN]);
	/* Complains if the answer, or the length that the device says it wrote, is wrong. */
	void (*check_answer)(struct lane *lane, const struct request *request, u32 length);
};

extern const struct disk_type blk_disk, scsi_disk;

/* How a test makes its requests. */
struct kind {
	const struct disk_type *disk; /* blk_disk if it is NULL */
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	/* How many buffers there are (a power of two), and how many the device has at most. */
	unsigned requests, depth;
	/* A buffer is not looked at before its next use, or before the action is over. */
	bool untouched;
	/* Interrupts and notifications are asked for by entry (VIRTIO_F_EVENT_IDX). */
	bool event_idx;
	/* The rings are packed (VIRTIO_F_RING_PACKED). */
	bool packed;
	/* Of a SCSI disk: the control queue is open, too. */
	bool control;
	/* The bits of further features that the test needs. */
	u64 needs;
};

/* A queue, the CPU that drives it, and its part of the disk. */
struct lane {
	const struct kind *kind;
	struct virtqueue queue;
	int cpu;
	struct request requests[MOST_REQUESTS];
	void *buffers, *headers, *answers;
	u64 first_chunk, chunks, multiplier, seed;
	u64 made, returned; /* requests */
	int interrupts_seen;
	unsigned wrong; /* complaints */
	bool stuck;
	bool unpublished; /* requests are put into the ring, but its index stays as it is */
	/* Damage that break= asks for, to be done at the next chance. */
	bool spoil_buffer, spoil_return, spoil_interrupt;
};

/* The disk that is open, and its type. Its first `lane_count` lanes are in use. */
extern struct virtio_device disk;
extern const struct disk_type *disk_type;
extern struct lane lanes[MOST_LANES];
extern int lane_count;

/* Which generation each chunk holds, by the driver's notes. 0: not known. */
extern u64 generations[MOST_CHUNKS];

DECLARE_FEATURE(VIRTIO_BLK);
DECLARE_FEATURE(VIRTIO_SCSI);

/* ---- requests: dma.c ---- */

/* Fails the test: REQUEST is wrong, or the lane as a whole if it is NULL. */
__printf(3, 4) void complain(struct lane *lane, const struct request *request, const char *format,
			     ...);

/* The next request to use, or NULL if the device has to return some first. */
struct request *next_request(struct lane *lane);
/* Puts a request into the ring. TYPE is VIRTIO_BLK_T_*. The caller notifies the device. */
void make_available(struct lane *lane, struct request *request, u32 type, u64 chunk,
		    u64 generation);
/*
 * Takes and checks what the device has returned. If interrupts are used, only after one has come.
 */
void take_returned(struct lane *lane);
/* Checks what a read has brought. Complains and returns false if it is wrong. */
bool check_buffer(struct lane *lane, const struct request *request);
/* Calls check_buffer() if that has been put off. */
void check_if_due(struct lane *lane, struct request *request);

/* ---- many requests: mix.c ---- */

/* All lanes make requests until the host has answered a request to migrate. */
void work_and_migrate(void);
void wait_for_returns(struct lane *lane);
/* Checks that driver and device have counted the same, when no request is in flight. */
void compare_rings(struct lane *lane);
/* Makes one request for each chunk of the lane, in order. A write writes GENERATION. */
void make_for_all_chunks(struct lane *lane, u32 type, u64 generation);
void flush(struct lane *lane);

/* ---- what tests of both types of disk do ---- */

/* Checks that requests in flight during actions are carried out, once each: blk.c. */
void run_blk(const struct kind *kind);
/* Checks rings and buffers that only the device touches during an action: blk.c. */
void run_unseen(const struct kind *kind, bool all_at_once);
/* Asks for an action after each write that sets the device up: set-up.c. */
void run_set_up(const struct kind *kind);
/* Resets the device right after an action, with requests in flight: reset.c. */
void run_reset(const struct kind *kind);

/* ---- commands of a SCSI disk: scsi-disk.c ---- */

/* What a command has come to. Without an error the sense is 0. */
struct scsi_answer {
	u8 response, status; /* VIRTIO_SCSI_S_*, and SAM's status: 0 is GOOD */
	u8 key, asc, ascq;   /* the sense: its key, and its additional code and qualifier */
};

/* How much of a CDB the functions below read. Unused bytes are 0. */
#define CDB_LENGTH 10

/*
 * Makes the disk carry out one command, and waits for it. No other request of the lane may be in
 * flight. The data is the buffer of the lane's first request, of which LENGTH bytes are used. If no
 * answer comes, it complains, and the response is ANSWER_UNTOUCHED.
 */
struct scsi_answer scsi_command(struct lane *lane, const u8 *cdb, unsigned length,
				bool device_writes);
/* Asks the disk with TEST UNIT READY. If it is not ready, ANSWER says why. */
bool scsi_is_ready(struct lane *lane, struct scsi_answer *answer);
/* open_disk() calls it if a kind has `control`. */
void scsi_open_control(void);
/*
 * Makes the disk forget all commands (LOGICAL UNIT RESET), and returns the device's response. The
 * control queue must be open. The disk has a unit attention then: it refuses its next command.
 */
u8 scsi_reset_unit(void);

/* ---- the disk: disk.c ---- */

/* Opens the disk and makes its lanes. False, with a skip, if it cannot be driven like this. */
bool open_disk(const struct kind *kind);
void close_disk(void);
/* Frees the buffers of a lane. */
void free_lane(struct lane *lane);

/* Writes all chunks, with a generation that none of them ever had, and flushes them. */
void write_all(void);
/* Reads and checks all chunks. */
void check_all(void);
/* Waits until no request is in flight, compares the rings, and then checks all chunks. */
void settle_and_check(void);

/* Makes the host compare the image with what write_all() has written. No write may lie between. */
void let_host_compare(void);

/* How many complaints there were in all lanes. */
u64 sum_of_wrong(void);
/* Arranges the damage that break= asks for. */
void spoil_something(void);

#endif
