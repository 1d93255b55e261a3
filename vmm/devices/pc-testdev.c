// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's pc-testdev, as kvm-unit-tests uses it: four bytes that ports read and write, a port that
 * takes a page away from KVM for a moment, a port for each ISA interrupt line, and memory that is
 * no RAM, so that KVM emulates each access.
 */
#include <string.h>
#include <sys/mman.h>

#include "device.h"
#include "machine.h"
#include "routes.h"

#define PORT	  0xe0
#define LINES	  0x2000
#define LINE_PORT 24

#define BYTES	   4
#define FLUSH_PAGE 4 /* the offset from PORT */
#define PORTS	   12

#define MMIO	   0xff000000
#define MMIO_BYTES 0x10000

static struct {
	uint8_t port[BYTES], mmio[MMIO_BYTES];
} testdev;

/* The bytes are at PORT, and once more after the port of FLUSH_PAGE. */
static uint32_t in(struct machine *machine, unsigned offset, unsigned size)
{
	uint32_t value = 0;

	if (offset >= FLUSH_PAGE && offset < FLUSH_PAGE + BYTES)
		return 0;
	for (unsigned i = 0; i < size; i++)
		value |= (uint32_t)testdev.port[(offset + i) % BYTES] << 8 * i;
	return value;
}

/*
 * When a page's protection changes, KVM drops its mapping. It maps the page again when it is used.
 */
static void flush_page(const struct machine *machine, uint64_t address)
{
	void *page = memory_to_write(&machine->memory, address & ~(PAGE_BYTES - 1), PAGE_BYTES);

	if (!page)
		return;
	mprotect(page, PAGE_BYTES, PROT_NONE);
	mprotect(page, PAGE_BYTES, PROT_READ | PROT_WRITE);
}

static void out(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	if (offset >= FLUSH_PAGE && offset < FLUSH_PAGE + BYTES) {
		flush_page(machine, value);
		return;
	}
	for (unsigned i = 0; i < size; i++)
		testdev.port[(offset + i) % BYTES] = value >> 8 * i;
}

static uint64_t mmio_read(struct machine *machine, unsigned offset, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, testdev.mmio + offset, size);
	return value;
}

static void mmio_write(struct machine *machine, unsigned offset, unsigned size, uint64_t value)
{
	memcpy(testdev.mmio + offset, &value, size);
}

static void reset(struct machine *machine)
{
	memset(&testdev, 0, sizeof(testdev));
}

const struct device pc_testdev_device = {
	.name = "pc-testdev",
	.port = PORT,
	.ports = PORTS,
	.in = in,
	.out = out,
	.mmio = MMIO,
	.mmio_bytes = MMIO_BYTES,
	.read = mmio_read,
	.write = mmio_write,
	.reset = reset,
	.state = &testdev,
	.state_size = sizeof(testdev),
};

static void out_line(struct machine *machine, unsigned offset, unsigned size, uint32_t value)
{
	set_irq_line(machine, offset, value);
}

const struct device pc_testdev_lines_device = {
	.name = "pc-testdev-lines",
	.port = LINES,
	.ports = LINE_PORT,
	.out = out_line,
};
