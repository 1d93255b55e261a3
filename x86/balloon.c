// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * balloon: a virtio memory balloon while the guest is migrated.
 *
 * Specification: VIRTIO 1.2, 5.5 "Traditional Memory Balloon Device". The driver gives pages to the
 * device and takes them back, and tells in `actual` how many the device has. The device keeps a
 * buffer with statistics of the guest, returns it when the host wants new ones, and gets it again.
 *
 * A broken hypervisor loses the buffer of statistics that its device holds, so that the host never
 * gets statistics any more. It forgets `actual`, or discards other memory than the pages that the
 * driver has given. The tests look at how the buffer comes back, at `actual`, and at pages that lie
 * between those of the balloon. They cannot tell which of source and destination has discarded a
 * page, and nothing can be said of what a page of the balloon holds.
 *
 * On the command line: break=page, which damages a page beside the balloon.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "argument.h"
#include "deadline.h"
#include "migrate.h"
#include "random.h"
#include "test.h"
#include "virtio.h"
#include "vm.h"
#include "words.h"

#define VECTOR	   0x60
#define QUEUE_SIZE 64
#define RETURN_MS  10000

/* The VMM asks for statistics each second. */
#define STATISTICS_MS 20000

/* 5.5.2 "Virtqueues" */
enum { INFLATEQ, DEFLATEQ, STATSQ, QUEUES };

#define PAGES	   128 /* every second one goes into the balloon */
#define PAGE_WORDS (PAGE_SIZE / sizeof(u64))

FEATURE(BALLOON, "a virtio-balloon device")
{
	return virtio_find(VIRTIO_ID_BALLOON) != PCIDEVADDR_INVALID;
}

static struct virtio_device balloon;
static struct virtqueue queues[QUEUES];

static bool open_balloon(enum virtio_interface interface, u64 features)
{
	bool statistics = features & BIT(VIRTIO_BALLOON_F_STATS_VQ);

	if (!virtio_open(&balloon, virtio_find(VIRTIO_ID_BALLOON), interface, VIRTIO_POLLED,
			 features, 0))
		return false;
	for (int i = INFLATEQ; i < (statistics ? QUEUES : STATSQ); i++)
		virtqueue_open(&balloon, &queues[i], i, QUEUE_SIZE, 0, VECTOR + i);
	virtio_driver_ok(&balloon);
	return true;
}

/* ---- pages ---- */

/* Gives the pages whose frame numbers are listed to a queue, and waits until the device has seen
 * it. */
static bool tell(int queue, const u32 *frames, u32 count)
{
	const struct virtq_part part = { frames, count * sizeof(*frames), false };
	struct virtq_used_elem element;
	char where[200];

	virtqueue_add(&queues[queue], 0, &part, 1);
	virtqueue_kick(&queues[queue]);
	return report_if_failed(wait_until(virtqueue_get(&queues[queue], &element), RETURN_MS),
				"the balloon returns what it was told: %s",
				virtqueue_describe(&queues[queue], where, sizeof(where)));
}

static u32 actual(void)
{
	return virtio_config_read(&balloon, VIRTIO_BALLOON_CONFIG_ACTUAL, 4);
}

static void set_actual(u32 pages)
{
	virtio_config_write(&balloon, VIRTIO_BALLOON_CONFIG_ACTUAL, pages);
}

static u64 pattern(int page)
{
	return scramble(page);
}

/* Pages that are in the balloon may hold anything. */
static void check_pages(const u8 *memory, bool all, const char *when)
{
	for (int page = 0; page < PAGES; page += all ? 1 : 2) {
		const u64 *words = (const u64 *)(memory + page * PAGE_SIZE);
		const u64 *unlike = first_unlike(words, PAGE_WORDS, pattern(page));

		report_if_failed(!unlike, "%s, page %d: physical 0x%lx holds 0x%lx, not 0x%lx",
				 when, page, unlike ? virt_to_phys(unlike) : 0,
				 unlike ? *unlike : 0, pattern(page));
	}
}

static void run_pages(enum virtio_interface interface)
{
	u8 *memory;
	u32 *frames;

	if (!open_balloon(interface, 0))
		return;
	memory = alloc_pages(page_order(PAGES * PAGE_SIZE));
	frames = alloc_page();
	for (int page = 0; page < PAGES; page++)
		fill_words((u64 *)(memory + page * PAGE_SIZE), PAGE_WORDS, pattern(page));
	for (int page = 1; page < PAGES; page += 2)
		frames[page / 2] = virt_to_phys(memory + page * PAGE_SIZE) / PAGE_SIZE;
	if (tell(INFLATEQ, frames, PAGES / 2)) {
		set_actual(PAGES / 2);
		migrate_quiet();
		if (broken("page"))
			memory[2 * PAGE_SIZE] ^= 1;
		report(actual() == PAGES / 2, "actual is %u, and the balloon has %u pages",
		       actual(), PAGES / 2);
		check_pages(memory, false, "beside the balloon");
		tell(DEFLATEQ, frames, PAGES / 2);
		set_actual(0);
		for (int page = 1; page < PAGES; page += 2)
			fill_words((u64 *)(memory + page * PAGE_SIZE), PAGE_WORDS, pattern(page));
		migrate_quiet();
		check_pages(memory, true, "with an empty balloon");
		report(actual() == 0, "actual is %u, and the balloon is empty", actual());
	}
	virtio_close(&balloon);
	free_pages(memory);
	free_page(frames);
}

TEST(pages_modern, .needs = BALLOON,
     .about =
	     "pages in a balloon, those beside it, and the count of them survive a migration: modern")
{
	run_pages(VIRTIO_MODERN);
}

TEST(pages_legacy, .needs = BALLOON,
     .about =
	     "pages in a balloon, those beside it, and the count of them survive a migration: legacy")
{
	run_pages(VIRTIO_LEGACY);
}

/* ---- statistics ---- */

/* 5.5.6.3 "Memory Statistics" */
static struct statistic {
	u16 tag;
	u64 value;
} __packed *statistics;

static u32 asked; /* how often the device has returned the buffer */

static void give_statistics(void)
{
	const struct virtq_part part = { statistics, sizeof(*statistics), false };

	statistics->tag = VIRTIO_BALLOON_S_MEMFREE;
	statistics->value = asked * PAGE_SIZE;
	virtqueue_add(&queues[STATSQ], 0, &part, 1);
	virtqueue_kick(&queues[STATSQ]);
}

static void take_statistics(void)
{
	struct virtq_used_elem element;

	if (!virtqueue_get(&queues[STATSQ], &element))
		return;
	asked++;
	give_statistics();
}

TEST(statistics_asked, .needs = BALLOON,
     .about = "a host that asks for statistics each second goes on after an action")
{
	char where[200];
	u32 before;

	if (!open_balloon(VIRTIO_MODERN, BIT(VIRTIO_BALLOON_F_STATS_VQ)))
		return;
	statistics = alloc_page();
	asked = 0;
	give_statistics();
	if (!wait_until((take_statistics(), asked), STATISTICS_MS)) {
		report_skip("this host does not ask for statistics");
	} else {
		migrate_quiet_while(take_statistics);
		before = asked;
		report(wait_until((take_statistics(), asked - before >= 2), STATISTICS_MS),
		       "after the action, the host has asked %u times: %s", asked - before,
		       virtqueue_describe(&queues[STATSQ], where, sizeof(where)));
	}
	virtio_close(&balloon);
	free_page(statistics);
}
