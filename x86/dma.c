// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that devices write, and a disk, while the VM is moved.
 *
 * What must be true of any hypervisor: a request that a driver has made available to a device
 * is carried out once, is returned once, and what the device wrote for it is in memory as a
 * whole, whether the VM was moved meanwhile or not; a write that was returned is what a later
 * read gives, and after a flush it is on the disk (VIRTIO 1.2, 2.7 "Split Virtqueues", 4.1
 * "Virtio Over PCI Bus", 5.2 "Block Device", 5.4 "Entropy Device"). If the driver asked for
 * an interrupt, one comes after the request was returned (2.7.7, 4.1.5.3 and 4.1.5.4).
 *
 * A broken one does not log the pages that its devices write, or logs them where they are
 * mapped and not where they are written; lets a device write after it has sent the last pages;
 * forgets requests that it has taken from a ring and not returned, or takes them again; moves
 * the indices of a ring at another time than the ring; loses an interrupt that it has raised,
 * a level that is high, a pending bit of MSI-X; lets both sides write one disk, or reads on the
 * other side what it has cached from before.
 *
 * The tests see it because every sector of the disk carries its number, a generation and a
 * checksum, all buffers hold a poison of their own before a device gets them, and each queue's
 * driver keeps notes of what every sector has to hold. While the VM is moved requests are in
 * flight all the time. Once it was moved, all have to be returned: each with its status, its
 * length and its whole buffer; indices have to agree; then the whole disk is read, flushed,
 * and told to the host, which compares the image. Where interrupts are used nobody looks at a
 * ring before one has come, so that a lost one leaves its queue standing still.
 *
 * What they cannot tell apart: who lost a write, a device that did not log it or a stream that
 * did not carry it; a request that was not carried out, and one whose return was lost, but for
 * what ring and interrupts tell; a disk that lost a write, and one that has it and reads what
 * was there before (the host's comparison can). A VMM finishes the requests that its disk
 * works at before it lets the VM go: what it has taken from the ring and not yet returned is
 * only moved along where it is the entropy device's.
 *
 * On the command line: `seed=N`; and break=WHAT, to spoil the guest on purpose after its
 * first move in each test:
 *
 * buffer    the last words of a page that the device has written are as they were before
 * sector    a sector is written behind the notes' back
 * twice     an element of the used ring is looked at a second time
 * interrupt an interrupt is not noticed
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "atomic.h"
#include "barrier.h"
#include "console.h"
#include "disk-sector.h"
#include "ioapic.h"
#include "processor.h"
#include "smp.h"
#include "virtio.h"
#include "vm.h"

#define MOST_LANES     2
#define MOVES_PER_TEST 2

/* A request's data is a page of the disk, and a page of memory. */
#define CHUNK_SECTORS (PAGE_SIZE / DISK_SECTOR_SIZE)
#define CHUNK_WORDS   (PAGE_SIZE / sizeof(u64))

/* Of the disk, all lanes together; less if it is smaller. */
#define MOST_CHUNKS 256

#define MOST_REQUESTS	    64
#define DESCRIPTORS_A_CHAIN 3
#define QUEUE_SIZE	    256

/* Every so many requests one is a flush. */
#define FLUSH_EVERY 16

/* In one turn: the CPU that waits for the host has to look for its answer. */
#define REQUESTS_PER_TURN 4

/* For a device to return what it has. */
#define RETURN_MS 60000

/* Of one lane: the rest would only say the same. */
#define MOST_COMPLAINTS 3

#define BLK_VECTOR 0x60
#define RNG_VECTOR 0x68

#define STATUS_UNTOUCHED 0xff

/* ---- what a driver knows ---- */

struct request {
	u64 number; /* of the lane, from 1 */
	u32 type;   /* VIRTIO_BLK_T_* */
	bool in_flight, unchecked;
	u64 chunk, generation;
	u64 *buffer;
	struct virtio_blk_req *header;
	volatile u8 *status;
};

/* How requests are made. */
struct kind {
	enum virtio_interface interface;
	enum virtio_interrupts interrupts;
	/* Buffers, a power of two, and how many are with the device at a time, at most. */
	unsigned requests, depth;
	/* A buffer is looked at only when it is its turn again, or after the move. */
	bool untouched;
};

/* A queue, its CPU, and its part of the disk. */
struct lane {
	const struct kind *kind;
	struct virtqueue queue;
	int cpu;
	struct request requests[MOST_REQUESTS];
	void *buffers, *headers, *statuses;
	u64 first_chunk, chunks, multiplier, seed;
	u64 made, returned; /* requests */
	int interrupts_seen;
	unsigned wrong;
	bool stuck;
	/* What break= does when it can. */
	bool spoil_buffer, spoil_return, spoil_interrupt;
};

static struct virtio_device disk;
static struct lane lanes[MOST_LANES];
static int lane_count;
static atomic_t stop;

/* What each chunk holds, and is known to; 0: nobody knows. */
static u64 generations[MOST_CHUNKS];

static bool broken(const char *what)
{
	const char *given = argument("break");

	return given && !strcmp(given, what);
}

/* Vigna's splitmix64: any number into one that has nothing to do with it. */
static u64 scramble(u64 x)
{
	x += 0x9e3779b97f4a7c15ul;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ x >> 27) * 0x94d049bb133111ebul;
	return x ^ x >> 31;
}

/* Above all that were; no two boots' are alike, so that a sector of the last one is known. */
static u64 new_generation(void)
{
	u64 highest = current_boot() * 1000000;

	for (int i = 0; i < MOST_CHUNKS; i++)
		highest = MAX(highest, generations[i]);
	return highest + 1;
}

FEATURE(VIRTIO_BLK, "a virtio-blk device")
{
	return virtio_find(VIRTIO_ID_BLOCK) != PCIDEVADDR_INVALID;
}

FEATURE(VIRTIO_RNG, "a virtio-rng device")
{
	return virtio_find(VIRTIO_ID_RNG) != PCIDEVADDR_INVALID;
}

/* ---- what is wrong ---- */

static const char *type_name(u32 type)
{
	return type == VIRTIO_BLK_T_IN ? "read" : type == VIRTIO_BLK_T_OUT ? "write" : "flush";
}

static unsigned descriptor_of(const struct lane *lane, const struct request *request)
{
	return (request - lane->requests) * DESCRIPTORS_A_CHAIN;
}

static __printf(3, 4) void complain(struct lane *lane, const struct request *request,
				    const char *format, ...)
{
	char what[256], of[160] = "";
	va_list arguments;

	if (++lane->wrong > MOST_COMPLAINTS)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (request && request->type == VIRTIO_BLK_T_FLUSH)
		snprintf(of, sizeof(of), ", request %lu (flush, descriptor %u)", request->number,
			 descriptor_of(lane, request));
	else if (request)
		snprintf(of, sizeof(of),
			 ", request %lu (%s of sectors %lu-%lu, descriptor %u, buffer at physical "
			 "0x%lx)",
			 request->number, type_name(request->type), request->chunk * CHUNK_SECTORS,
			 request->chunk * CHUNK_SECTORS + CHUNK_SECTORS - 1,
			 descriptor_of(lane, request), virt_to_phys(request->buffer));
	report_fail("%s queue %d%s: %s", disk.name, lane->queue.index, of, what);
}

static u64 poison(const struct request *request)
{
	return 0xdead000000000000ul | request->number;
}

/* By string instructions: what emulates instructions does these in one go. */
static void fill_words(u64 *at, u64 count, u64 value)
{
	asm volatile("rep stosq" : "+D"(at), "+c"(count) : "a"(value) : "memory");
}

/* The first of these that is not VALUE, or NULL. */
static const u64 *unlike(const u64 *at, u64 count, u64 value)
{
	bool equal;

	asm volatile("repe scasq" : "+D"(at), "+c"(count), "=@cce"(equal) : "a"(value) : "memory");
	return equal ? NULL : at - 1;
}

static void fill_sector(u64 *words, u64 number, u64 generation)
{
	words[DISK_SECTOR_MAGIC_WORD] = DISK_SECTOR_MAGIC;
	words[DISK_SECTOR_NUMBER_WORD] = number;
	words[DISK_SECTOR_GENERATION_WORD] = generation;
	fill_words(words + DISK_SECTOR_FIRST_DATA_WORD, DISK_SECTOR_DATA_WORDS,
		   disk_sector_data(number, generation));
	words[DISK_SECTOR_CHECKSUM_WORD] = disk_sector_checksum(number, generation);
}

static bool is_sector(const u64 *words, u64 number, u64 generation)
{
	return words[DISK_SECTOR_MAGIC_WORD] == DISK_SECTOR_MAGIC &&
	       words[DISK_SECTOR_NUMBER_WORD] == number &&
	       words[DISK_SECTOR_GENERATION_WORD] == generation &&
	       words[DISK_SECTOR_CHECKSUM_WORD] == disk_sector_checksum(number, generation) &&
	       !unlike(words + DISK_SECTOR_FIRST_DATA_WORD, DISK_SECTOR_DATA_WORDS,
		       disk_sector_data(number, generation));
}

/* "generation 7 of sector 12, whole", "the poison of request 5: nothing was written here" */
static const char *describe(const u64 *sector, u64 held, char *text, size_t size)
{
	if (held >> 48 == 0xdead)
		snprintf(text, size, "the poison of request %lu: nothing was written here",
			 held & 0xffffffffffff);
	else if (disk_sector_is_whole(sector))
		snprintf(text, size, "generation %lu of sector %lu, whole",
			 sector[DISK_SECTOR_GENERATION_WORD], sector[DISK_SECTOR_NUMBER_WORD]);
	else
		snprintf(text, size, "in a sector that is not whole");
	return text;
}

static bool check_buffer(struct lane *lane, const struct request *request)
{
	u64 wanted[DISK_SECTOR_WORDS];
	char text[100];

	for (unsigned i = 0; i < CHUNK_SECTORS; i++) {
		const u64 *sector = request->buffer + i * DISK_SECTOR_WORDS;
		u64 number = request->chunk * CHUNK_SECTORS + i;
		unsigned n;

		if (likely(is_sector(sector, number, request->generation)))
			continue;
		fill_sector(wanted, number, request->generation);
		for (n = 0; n < DISK_SECTOR_WORDS - 1 && sector[n] == wanted[n]; n++)
			;
		complain(lane, request,
			 "sector %lu, word %u (physical 0x%lx): held 0x%lx (%s), may hold only "
			 "0x%lx, of generation %lu",
			 number, n, virt_to_phys(&sector[n]), sector[n],
			 describe(sector, sector[n], text, sizeof(text)), wanted[n],
			 request->generation);
		return false;
	}
	return true;
}

/* ---- requests ---- */

static u64 chunk_at(const struct lane *lane, u64 position)
{
	return lane->first_chunk +
	       ((position * lane->multiplier + lane->seed) & (lane->chunks - 1));
}

static void check_if_due(struct lane *lane, struct request *request)
{
	if (!request->unchecked)
		return;
	request->unchecked = false;
	check_buffer(lane, request);
}

static struct request *next_request(struct lane *lane)
{
	struct request *request = &lane->requests[lane->made % lane->kind->requests];

	if (request->in_flight || lane->made - lane->returned >= lane->kind->depth)
		return NULL;
	check_if_due(lane, request);
	return request;
}

static void set_descriptor(struct virtq_desc *desc, const volatile void *memory, u32 length,
			   u16 flags, u16 next)
{
	*desc = (struct virtq_desc){ virt_to_phys((const void *)memory), length, flags, next };
}

/* Header, data and status each in a descriptor of their own, as the legacy interface wants it. */
static void make_available(struct lane *lane, struct request *request, u32 type, u64 chunk,
			   u64 generation)
{
	u16 head = descriptor_of(lane, request);
	struct virtq_desc *desc = &lane->queue.desc[head];

	request->number = ++lane->made;
	request->type = type;
	request->chunk = chunk;
	request->generation = generation;
	request->in_flight = true;
	*request->status = STATUS_UNTOUCHED;
	*request->header = (struct virtio_blk_req){
		.type = type, .sector = type == VIRTIO_BLK_T_FLUSH ? 0 : chunk * CHUNK_SECTORS
	};
	if (type == VIRTIO_BLK_T_OUT)
		for (unsigned i = 0; i < CHUNK_SECTORS; i++)
			fill_sector(request->buffer + i * DISK_SECTOR_WORDS,
				    chunk * CHUNK_SECTORS + i, generation);
	else if (type == VIRTIO_BLK_T_IN)
		fill_words(request->buffer, CHUNK_WORDS, poison(request));
	set_descriptor(&desc[0], request->header, sizeof(*request->header), VIRTQ_DESC_F_NEXT,
		       type == VIRTIO_BLK_T_FLUSH ? head + 2 : head + 1);
	set_descriptor(&desc[1], request->buffer, PAGE_SIZE,
		       VIRTQ_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VIRTQ_DESC_F_WRITE : 0),
		       head + 2);
	set_descriptor(&desc[2], request->status, 1, VIRTQ_DESC_F_WRITE, 0);
	virtqueue_add(&lane->queue, head);
}

static void on_return(struct lane *lane, const struct virtq_used_elem *element)
{
	unsigned slot = element->id / DESCRIPTORS_A_CHAIN;
	struct request *request = &lane->requests[slot];
	u32 length;

	if (element->id % DESCRIPTORS_A_CHAIN || slot >= lane->kind->requests ||
	    !request->in_flight) {
		complain(lane, slot < lane->kind->requests ? request : NULL,
			 "used element %u (physical 0x%lx) returns descriptor %u, which the device "
			 "does not have: a second time, or never given",
			 (u16)(lane->queue.last_used_idx - 1),
			 virt_to_phys((const void *)&lane->queue.used
					      ->ring[(u16)(lane->queue.last_used_idx - 1) %
						     lane->queue.size]),
			 element->id);
		return;
	}
	request->in_flight = false;
	lane->returned++;
	length = request->type == VIRTIO_BLK_T_IN ? PAGE_SIZE + 1 : 1;
	if (*request->status != VIRTIO_BLK_S_OK)
		complain(lane, request, "status (physical 0x%lx) held 0x%x%s, may hold only 0",
			 virt_to_phys((const void *)request->status), *request->status,
			 *request->status == STATUS_UNTOUCHED ? ", as it did before" : "");
	else if (element->len != length)
		complain(lane, request, "the device says that it wrote %u bytes, not %u",
			 element->len, length);
	if (request->type != VIRTIO_BLK_T_IN)
		return;
	request->unchecked = true;
	if (lane->spoil_buffer) {
		lane->spoil_buffer = false;
		request->buffer[CHUNK_WORDS - 1] = poison(request);
	}
	if (!lane->kind->untouched)
		check_if_due(lane, request);
}

/* What the device has returned; not before an interrupt told so, if one is to come. */
static void take_returned(struct lane *lane)
{
	struct virtq_used_elem element;
	int interrupts = atomic_read(&lane->queue.interrupts);

	if (lane->kind->interrupts != VIRTIO_POLLED) {
		if (interrupts == lane->interrupts_seen)
			return;
		lane->interrupts_seen = interrupts;
		if (lane->spoil_interrupt) {
			lane->spoil_interrupt = false;
			return;
		}
	}
	while (virtqueue_get(&lane->queue, &element)) {
		on_return(lane, &element);
		if (lane->spoil_return) {
			lane->spoil_return = false;
			on_return(lane, &element);
		}
	}
}

static struct lane *spoiled_lane(void)
{
	return &lanes[lane_count - 1];
}

/* ---- the mix of them ---- */

/*
 * Request N of the lane: a write to the next chunk, then a read of one that was written a
 * while ago, and so on. A chunk's last request has been returned when its next one is made:
 * between the two lie more requests than there are buffers.
 */
static void make_next(struct lane *lane, struct request *request)
{
	u64 n = lane->made - lane->made / FLUSH_EVERY;
	u64 position = n / 2, chunk;

	if (lane->made % FLUSH_EVERY == FLUSH_EVERY - 1) {
		make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	} else if (n % 2 == 0) {
		chunk = chunk_at(lane, position);
		make_available(lane, request, VIRTIO_BLK_T_OUT, chunk, ++generations[chunk]);
	} else {
		chunk = chunk_at(lane, position - lane->kind->requests);
		make_available(lane, request, VIRTIO_BLK_T_IN, chunk, generations[chunk]);
	}
}

static void turn(struct lane *lane)
{
	struct request *request;
	unsigned made = 0;

	take_returned(lane);
	while (made < REQUESTS_PER_TURN && (request = next_request(lane))) {
		make_next(lane, request);
		made++;
	}
	if (made)
		virtqueue_kick(&lane->queue);
}

static void turn_until_stop(void *data)
{
	while (!atomic_read(&stop)) {
		turn(data);
		/* An emulator that has one thread for all CPUs would stay for 100 ms with this. */
		pause();
	}
}

static void turn_of_first(void)
{
	turn(&lanes[0]);
}

/* Which request the device still has, or keeps to itself that it has returned it. */
static void complain_of_missing(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;
	struct request *request = NULL;
	u16 used = queue->used->idx;

	lane->stuck = true;
	for (unsigned i = 0; i < lane->kind->requests && !request; i++)
		if (lane->requests[i].in_flight)
			request = &lane->requests[i];
	complain(lane, request,
		 "not returned: avail idx %u, used idx %u (physical 0x%lx), of which %u were seen; "
		 "%s; %d interrupts; device status 0x%x",
		 queue->avail_idx, used, virt_to_phys((const void *)&queue->used->idx),
		 queue->last_used_idx,
		 used != queue->last_used_idx ? "it was, and no interrupt told so"
					      : "the device still has it",
		 atomic_read(&queue->interrupts), virtio_status(&disk));
}

static void wait_for_returns(struct lane *lane)
{
	if (lane->stuck)
		return;
	if (!wait_until((take_returned(lane), lane->made == lane->returned), RETURN_MS))
		complain_of_missing(lane);
}

/* Nothing is with the device: then both have counted the same. */
static void compare_rings(struct lane *lane)
{
	struct virtqueue *queue = &lane->queue;

	if (lane->stuck)
		return;
	if (queue->used->idx != queue->avail_idx || queue->avail->idx != queue->avail_idx)
		complain(lane, NULL,
			 "all was returned, but avail idx is %u (physical 0x%lx) and used idx %u "
			 "(physical 0x%lx), and both may only be %u",
			 queue->avail->idx, virt_to_phys(&queue->avail->idx), queue->used->idx,
			 virt_to_phys((const void *)&queue->used->idx), queue->avail_idx);
	for (unsigned i = 0; i < lane->kind->requests; i++)
		check_if_due(lane, &lane->requests[i]);
}

/* One kind of request for each chunk of a lane, in order; GENERATION is what is written. */
static void make_for_all_chunks(struct lane *lane, u32 type, u64 generation)
{
	u64 done = 0;
	struct request *request;
	struct deadline deadline;

	deadline_start(&deadline, RETURN_MS);
	while (done < lane->chunks && !lane->stuck) {
		u64 chunk = lane->first_chunk + done;

		if (deadline_passed(&deadline))
			complain_of_missing(lane);
		take_returned(lane);
		request = next_request(lane);
		if (!request)
			continue;
		if (type == VIRTIO_BLK_T_OUT)
			generations[chunk] = generation;
		make_available(lane, request, type, chunk, generations[chunk]);
		virtqueue_kick(&lane->queue);
		deadline_start(&deadline, RETURN_MS);
		done++;
	}
	wait_for_returns(lane);
	compare_rings(lane);
}

static void flush(struct lane *lane)
{
	struct request *request = next_request(lane);

	if (!request)
		return;
	make_available(lane, request, VIRTIO_BLK_T_FLUSH, 0, 0);
	virtqueue_kick(&lane->queue);
	wait_for_returns(lane);
}

/* ---- what the host is told ---- */

static void tell_host(const struct lane *lane, u64 generation)
{
	mark("disk", "sector=%lu count=%lu generation=%lu", lane->first_chunk * CHUNK_SECTORS,
	     lane->chunks * CHUNK_SECTORS, generation);
}

/* All chunks of each lane hold one generation, and were flushed. */
static void let_host_compare(void)
{
	char answer[128];

	for (int i = 0; i < lane_count; i++)
		tell_host(&lanes[i], generations[lanes[i].first_chunk]);
	if (host_ask("disk", answer, sizeof(answer)) && answer_number(answer, "wrong"))
		report_fail("%s: the host finds %lu sectors of the image wrong, the first %lu",
			    disk.name, answer_number(answer, "wrong"),
			    answer_number(answer, "first"));
}

/* ---- a test ---- */

static void new_lane(struct lane *lane, const struct kind *kind, int index, u64 chunks)
{
	unsigned order = 0;

	*lane = (struct lane){ .kind = kind,
			       .cpu = index,
			       .chunks = chunks,
			       .first_chunk = chunks * index,
			       .seed = scramble(argument_number("seed", 1) * 256 + index) };
	lane->multiplier = lane->seed | 1;
	virtqueue_open(&disk, &lane->queue, index, QUEUE_SIZE, index, BLK_VECTOR + index);
	assert(kind->requests * DESCRIPTORS_A_CHAIN <= lane->queue.size);
	assert(2 * kind->requests <= chunks);
	while (1u << order < kind->requests)
		order++;
	lane->buffers = alloc_pages(order);
	lane->headers = alloc_page();
	lane->statuses = alloc_page();
	for (unsigned i = 0; i < kind->requests; i++) {
		lane->requests[i].buffer = lane->buffers + i * PAGE_SIZE;
		lane->requests[i].header = (struct virtio_blk_req *)lane->headers + i;
		lane->requests[i].status = (u8 *)lane->statuses + i;
	}
}

static void free_lane(struct lane *lane)
{
	free_pages(lane->buffers);
	free_page(lane->headers);
	free_page(lane->statuses);
}

static u64 power_of_two_below(u64 n)
{
	while (n & (n - 1))
		n &= n - 1;
	return n;
}

/* False, with a skip, if this machine's disk cannot be driven so. */
static bool open_disk(const struct kind *kind)
{
	pcidevaddr_t pci = virtio_find(VIRTIO_ID_BLOCK);
	u64 chunks;

	if (!virtio_has_interface(pci, kind->interface) ||
	    !virtio_has_interrupts(pci, kind->interrupts)) {
		report_skip("the disk has not this interface, or no such interrupts");
		return false;
	}
	virtio_open(&disk, pci, kind->interface, kind->interrupts,
		    BIT(VIRTIO_BLK_F_FLUSH) | BIT(VIRTIO_BLK_F_MQ));
	lane_count = 1;
	if (disk.features & BIT(VIRTIO_BLK_F_MQ))
		lane_count = MIN((u64)cpu_count(),
				 virtio_config_read(&disk, VIRTIO_BLK_CONFIG_NUM_QUEUES, 2));
	lane_count = MIN(lane_count, MOST_LANES);
	chunks = virtio_config_read(&disk, VIRTIO_BLK_CONFIG_CAPACITY, 8) / CHUNK_SECTORS;
	chunks = power_of_two_below(MIN(chunks, scaled_count(MOST_CHUNKS, 1)) / lane_count);
	chunks = MAX(chunks, 2ul * kind->requests);
	for (int i = 0; i < lane_count; i++)
		new_lane(&lanes[i], kind, i, chunks);
	virtio_driver_ok(&disk);
	return true;
}

static void close_disk(void)
{
	virtio_close(&disk);
	for (int i = 0; i < lane_count; i++)
		free_lane(&lanes[i]);
}

/* All chunks at one generation, that none of them ever had. */
static void write_all(void)
{
	u64 generation = new_generation();

	for (int i = 0; i < lane_count; i++) {
		tell_host(&lanes[i], 0);
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_OUT, generation);
	}
}

static void check_all(void)
{
	for (int i = 0; i < lane_count; i++)
		make_for_all_chunks(&lanes[i], VIRTIO_BLK_T_IN, 0);
}

/* All lanes at work; returns when all requests have been returned, after the move. */
static void work_and_be_moved(void)
{
	atomic_set(&stop, 0);
	for (int i = 1; i < lane_count; i++)
		on_cpu_async(lanes[i].cpu, turn_until_stop, &lanes[i]);
	migrate_quiet_while(turn_of_first);
	atomic_set(&stop, 1);
	for (int i = 1; i < lane_count; i++)
		on_cpu_wait(lanes[i].cpu);
}

static u64 sum_of_wrong(void)
{
	u64 wrong = 0;

	for (int i = 0; i < lane_count; i++)
		wrong += lanes[i].wrong;
	return wrong;
}

static void spoil_something(void)
{
	struct lane *lane = spoiled_lane();

	lane->spoil_buffer = broken("buffer");
	lane->spoil_return = broken("twice");
	lane->spoil_interrupt = broken("interrupt");
	if (broken("sector"))
		generations[lane->first_chunk + 1]++;
}

static void run(const struct kind *kind)
{
	u64 made = 0;
	int interrupts = 0;

	if (!open_disk(kind))
		return;
	write_all();
	for (int move = 0; move < MOVES_PER_TEST; move++) {
		work_and_be_moved();
		if (move == 0)
			spoil_something();
		for (int i = 0; i < lane_count; i++) {
			wait_for_returns(&lanes[i]);
			compare_rings(&lanes[i]);
		}
		check_all();
	}
	write_all();
	for (int i = 0; i < lane_count; i++) {
		flush(&lanes[i]);
		made += lanes[i].made;
		interrupts += atomic_read(&lanes[i].queue.interrupts);
	}
	if (!sum_of_wrong())
		let_host_compare();
	report(!sum_of_wrong(), "%s: %d moves, %d queues, %lu requests, %d interrupts: %lu times "
	       "something wrong",
	       disk.name, MOVES_PER_TEST, lane_count, made, interrupts, sum_of_wrong());
	close_disk();
}

TEST(blk_modern_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_modern_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, modern interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_MODERN, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_polled, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, polled: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_POLLED, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_intx, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, INTx: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_INTX, 16, 16, false };

	run(&kind);
}

TEST(blk_legacy_msix, .needs = VIRTIO_BLK,
     .about = "virtio-blk, legacy interface, MSI-X: nothing lost, doubled or torn")
{
	static const struct kind kind = { VIRTIO_LEGACY, VIRTIO_MSIX, 16, 16, false };

	run(&kind);
}
