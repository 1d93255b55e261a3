// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Virtio over PCI: VIRTIO 1.2, 4.1.3 to 4.1.5. For the legacy interface see 4.1.4.8 and 4.1.5.1.1
 * to 4.1.5.1.3. See virtio.h.
 */
#include "virtqueue.h"
#include "alloc_page.h"
#include "barrier.h"
#include "deadline.h"
#include "io.h"
#include "iommu.h"
#include "isr.h"
#include "report.h"
#include "smp.h"
#include "vm.h"

#define MOST_COMPLAINTS 3

#define RESET_MS 10000

/* The user of each vector: a device with INTx, a queue with MSI-X. */
static struct virtio_device *devices_by_vector[256];
static struct virtqueue *queues_by_vector[256];

/* ---- finding ---- */

pcidevaddr_t virtio_find_next(u16 id, pcidevaddr_t previous)
{
	pcidevaddr_t device = previous;

	while ((device = pci_next_dev(device)) != PCIDEVADDR_INVALID) {
		u16 pci_id = pci_config_readw(device, PCI_DEVICE_ID);

		if (pci_config_readw(device, PCI_VENDOR_ID) != PCI_VENDOR_ID_VIRTIO ||
		    pci_id < VIRTIO_PCI_FIRST_DEVICE || pci_id > VIRTIO_PCI_LAST_DEVICE)
			continue;
		if (pci_id == VIRTIO_PCI_FIRST_MODERN_DEVICE + id ||
		    (pci_id < VIRTIO_PCI_FIRST_MODERN_DEVICE &&
		     pci_config_readw(device, PCI_SUBSYSTEM_ID) == id))
			break;
	}
	return device;
}

pcidevaddr_t virtio_find(u16 id)
{
	return virtio_find_next(id, PCIDEVADDR_INVALID);
}

/* The offset of the virtio capability of this type, or 0. */
static u8 find_structure(pcidevaddr_t pci, u8 type)
{
	u8 at = 0;

	while ((at = pci_next_cap(pci, PCI_CAP_ID_VNDR, at)))
		if (pci_config_readb(pci, at + VIRTIO_CAP_CFG_TYPE) == type)
			break;
	return at;
}

static bool has_interface(pcidevaddr_t pci, enum virtio_interface interface)
{
	if (interface == VIRTIO_MODERN)
		return find_structure(pci, VIRTIO_CAP_COMMON_CFG);
	return pci_config_readw(pci, PCI_DEVICE_ID) < VIRTIO_PCI_FIRST_MODERN_DEVICE;
}

static bool has_interrupts(pcidevaddr_t pci, enum virtio_interrupts interrupts)
{
	switch (interrupts) {
	case VIRTIO_MSIX:
		return pci_find_cap(pci, PCI_CAP_ID_MSIX);
	case VIRTIO_INTX:
		return pci_has_intx(pci);
	case VIRTIO_POLLED:
		break;
	}
	return true;
}

/* ---- registers ---- */

static void find_structures(struct virtio_device *device)
{
	volatile u8 **const structures[] = {
		[VIRTIO_CAP_COMMON_CFG] = &device->common,
		[VIRTIO_CAP_NOTIFY_CFG] = &device->notify,
		[VIRTIO_CAP_ISR_CFG] = &device->isr,
		[VIRTIO_CAP_DEVICE_CFG] = &device->config,
	};
	u8 at;

	for (u8 type = VIRTIO_CAP_COMMON_CFG; type <= VIRTIO_CAP_DEVICE_CFG; type++) {
		at = find_structure(device->pci, type);
		if (!at && type != VIRTIO_CAP_DEVICE_CFG)
			report_abort("%s has no structure of type %d", device->name, type);
		if (!at)
			continue;
		*structures[type] =
			(volatile u8 *)(pci_memory_bar(device->pci,
						       pci_config_readb(device->pci,
									at + VIRTIO_CAP_BAR)) +
					pci_config_readl(device->pci, at + VIRTIO_CAP_OFFSET));
		if (type == VIRTIO_CAP_NOTIFY_CFG)
			device->notify_off_multiplier =
				pci_config_readl(device->pci, at + VIRTIO_CAP_NOTIFY_MULT);
	}
}

void virtio_complain(struct virtio_device *device, const char *format, ...)
{
	char what[300];
	va_list arguments;

	if (++device->complaints > MOST_COMPLAINTS)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	report_fail("%s: %s", device->name, what);
}

u8 virtio_status(const struct virtio_device *device)
{
	return device->interface == VIRTIO_LEGACY
		       ? inb(device->ports + VIRTIO_LEGACY_DEVICE_STATUS)
		       : readb(device->common + VIRTIO_COMMON_DEVICE_STATUS);
}

static void set_status(const struct virtio_device *device, u8 status)
{
	if (device->interface == VIRTIO_LEGACY)
		outb(status, device->ports + VIRTIO_LEGACY_DEVICE_STATUS);
	else
		writeb(status, device->common + VIRTIO_COMMON_DEVICE_STATUS);
}

u8 virtio_isr(const struct virtio_device *device)
{
	return device->interface == VIRTIO_LEGACY ? inb(device->ports + VIRTIO_LEGACY_ISR_STATUS)
						  : readb(device->isr);
}

static unsigned legacy_config(const struct virtio_device *device)
{
	return device->ports + (device->interrupts == VIRTIO_MSIX ? VIRTIO_LEGACY_CONFIG_WITH_MSIX
								  : VIRTIO_LEGACY_CONFIG);
}

u64 virtio_config_read(const struct virtio_device *device, unsigned offset, unsigned size)
{
	u64 value = 0;

	for (unsigned i = 0; i < size; i++) {
		u8 byte = device->interface == VIRTIO_LEGACY
				  ? inb(legacy_config(device) + offset + i)
				  : readb(device->config + offset + i);

		value |= (u64)byte << 8 * i;
	}
	return value;
}

void virtio_config_write(const struct virtio_device *device, unsigned offset, u32 value)
{
	if (device->interface == VIRTIO_LEGACY)
		outl(value, legacy_config(device) + offset);
	else
		writel(value, device->config + offset);
}

void virtio_reset(struct virtio_device *device)
{
	set_status(device, 0);
	wait_for(virtio_status(device) == 0, RESET_MS, "%s to be reset", device->name);
}

/* ---- setting up ---- */

void (*virtio_after_write)(void);

static void wrote(void)
{
	if (virtio_after_write)
		virtio_after_write();
}

static u64 negotiate_modern(struct virtio_device *device, u64 wanted)
{
	volatile u8 *common = device->common;
	u64 offered;

	writel(0, common + VIRTIO_COMMON_DEVICE_FEATURE_SELECT);
	wrote();
	offered = readl(common + VIRTIO_COMMON_DEVICE_FEATURE);
	writel(1, common + VIRTIO_COMMON_DEVICE_FEATURE_SELECT);
	wrote();
	offered |= (u64)readl(common + VIRTIO_COMMON_DEVICE_FEATURE) << 32;
	wanted = (wanted | BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM)) & offered;
	/* Such a device finds memory as the platform says (6 "Reserved Feature Bits"). */
	if (wanted & BIT(VIRTIO_F_ACCESS_PLATFORM) && iommu_present())
		iommu_enable();
	writel(0, common + VIRTIO_COMMON_DRIVER_FEATURE_SELECT);
	wrote();
	writel(wanted, common + VIRTIO_COMMON_DRIVER_FEATURE);
	wrote();
	writel(1, common + VIRTIO_COMMON_DRIVER_FEATURE_SELECT);
	wrote();
	writel(wanted >> 32, common + VIRTIO_COMMON_DRIVER_FEATURE);
	wrote();
	set_status(device, virtio_status(device) | VIRTIO_CONFIG_S_FEATURES_OK);
	wrote();
	if (!(virtio_status(device) & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    !(wanted & BIT(VIRTIO_F_VERSION_1)))
		report_abort("%s offers features 0x%lx and refuses 0x%lx", device->name, offered,
			     wanted);
	return wanted;
}

static u64 negotiate_legacy(struct virtio_device *device, u64 wanted)
{
	wanted &= inl(device->ports + VIRTIO_LEGACY_DEVICE_FEATURES);
	outl(wanted, device->ports + VIRTIO_LEGACY_DRIVER_FEATURES);
	wrote();
	return wanted;
}

static void name_device(struct virtio_device *device)
{
	static const char *const interrupts[] = { "polled", "INTx", "MSI-X" };
	char at[8];

	snprintf(device->name, sizeof(device->name), "%s %s (%s%s, %s)",
		 device->id == VIRTIO_ID_BLOCK	   ? "virtio-blk"
		 : device->id == VIRTIO_ID_RNG	   ? "virtio-rng"
		 : device->id == VIRTIO_ID_NET	   ? "virtio-net"
		 : device->id == VIRTIO_ID_BALLOON ? "virtio-balloon"
		 : device->id == VIRTIO_ID_CONSOLE ? "virtio-serial"
		 : device->id == VIRTIO_ID_SCSI	   ? "virtio-scsi"
						   : "virtio device",
		 pci_name(device->pci, at),
		 device->interface == VIRTIO_LEGACY ? "legacy" : "modern",
		 device->features & BIT(VIRTIO_F_RING_PACKED) ? ", packed" : "",
		 interrupts[device->interrupts]);
}

bool virtio_open(struct virtio_device *device, pcidevaddr_t pci, enum virtio_interface interface,
		 enum virtio_interrupts interrupts, u64 needed, u64 wanted)
{
	u16 id = pci_config_readw(pci, PCI_DEVICE_ID);

	if (!has_interface(pci, interface) || !has_interrupts(pci, interrupts)) {
		report_skip("the device does not have this interface, or not these interrupts");
		return false;
	}
	*device = (struct virtio_device){ .pci = pci,
					  .interface = interface,
					  .interrupts = interrupts };
	device->id = id < VIRTIO_PCI_FIRST_MODERN_DEVICE ? pci_config_readw(pci, PCI_SUBSYSTEM_ID)
							 : id - VIRTIO_PCI_FIRST_MODERN_DEVICE;
	name_device(device);
	pci_enable(pci);
	pci_no_interrupts(pci);
	if (interface == VIRTIO_LEGACY)
		device->ports = pci_bar(pci, 0).address;
	else
		find_structures(device);
	virtio_reset(device);
	if (interrupts == VIRTIO_MSIX)
		device->msix_entries = pci_use_msix(pci);
	set_status(device, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	wrote();
	set_status(device, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	wrote();
	device->features = interface == VIRTIO_LEGACY ? negotiate_legacy(device, needed | wanted)
						      : negotiate_modern(device, needed | wanted);
	/* Now it is known which rings the device has. */
	name_device(device);
	if (!(needed & ~device->features))
		return true;
	report_skip("%s does not offer features 0x%lx", device->name, needed & ~device->features);
	virtio_close(device);
	return false;
}

void virtio_driver_ok(struct virtio_device *device)
{
	set_status(device, virtio_status(device) | VIRTIO_CONFIG_S_DRIVER_OK);
}

u64 virtio_dma_address(const struct virtio_device *device, const volatile void *memory)
{
	u64 physical = virt_to_phys((const void *)memory);

	return device->features & BIT(VIRTIO_F_ACCESS_PLATFORM) && iommu_enabled()
		       ? physical + IOMMU_OFFSET
		       : physical;
}

static void write_address(const struct virtio_device *device, volatile u8 *at,
			  const volatile void *memory)
{
	u64 address = virtio_dma_address(device, memory);

	writel(address, at);
	wrote();
	writel(address >> 32, at + 4);
	wrote();
}

static void open_modern(struct virtqueue *queue, u16 size)
{
	struct virtio_device *device = queue->device;
	volatile u8 *common = device->common;
	u16 most;

	writew(queue->index, common + VIRTIO_COMMON_QUEUE_SELECT);
	wrote();
	most = readw(common + VIRTIO_COMMON_QUEUE_SIZE);
	queue->size = MIN(most, size);
	if (!queue->size)
		report_abort("%s has no queue %d", device->name, queue->index);
	writew(queue->size, common + VIRTIO_COMMON_QUEUE_SIZE);
	wrote();
	queue->ops->lay_out(queue);
	write_address(device, common + VIRTIO_COMMON_QUEUE_DESC, queue->desc);
	write_address(device, common + VIRTIO_COMMON_QUEUE_DRIVER, queue->avail);
	write_address(device, common + VIRTIO_COMMON_QUEUE_DEVICE, queue->used);
	queue->notify = device->notify + readw(common + VIRTIO_COMMON_QUEUE_NOTIFY_OFF) *
						 device->notify_off_multiplier;
	if (device->interrupts == VIRTIO_MSIX) {
		writew(queue->index, common + VIRTIO_COMMON_QUEUE_MSIX_VECTOR);
		wrote();
		if (readw(common + VIRTIO_COMMON_QUEUE_MSIX_VECTOR) != queue->index)
			report_abort("%s gives queue %d no MSI-X vector", device->name,
				     queue->index);
	}
	writew(1, common + VIRTIO_COMMON_QUEUE_ENABLE);
	wrote();
}

static void open_legacy(struct virtqueue *queue)
{
	struct virtio_device *device = queue->device;
	u16 ports = device->ports;

	outw(queue->index, ports + VIRTIO_LEGACY_QUEUE_SELECT);
	wrote();
	queue->size = inw(ports + VIRTIO_LEGACY_QUEUE_SIZE);
	if (!queue->size)
		report_abort("%s has no queue %d", device->name, queue->index);
	queue->ops->lay_out(queue);
	outl(virt_to_phys(queue->memory) / VIRTIO_LEGACY_ALIGN,
	     ports + VIRTIO_LEGACY_QUEUE_ADDRESS);
	wrote();
	if (device->interrupts == VIRTIO_MSIX) {
		outw(queue->index, ports + VIRTIO_LEGACY_QUEUE_MSIX_VECTOR);
		wrote();
		if (inw(ports + VIRTIO_LEGACY_QUEUE_MSIX_VECTOR) != queue->index)
			report_abort("%s gives queue %d no MSI-X vector", device->name,
				     queue->index);
	}
}

static void on_msix(isr_regs_t *regs)
{
	atomic_inc(&queues_by_vector[regs->vector]->interrupts);
}

static void on_config_msix(isr_regs_t *regs)
{
	atomic_inc(&devices_by_vector[regs->vector]->config_interrupts);
}

/* Reading the ISR status lowers the line, so that it is low when EOI is sent. */
static void on_intx(isr_regs_t *regs)
{
	struct virtio_device *device = devices_by_vector[regs->vector];
	u8 isr = virtio_isr(device);

	if (!isr)
		atomic_inc(&device->spurious);
	if (isr & VIRTIO_ISR_CONFIG)
		atomic_inc(&device->config_interrupts);
	if (!(isr & VIRTIO_ISR_QUEUE))
		return;
	for (int i = 0; i < VIRTIO_MOST_QUEUES; i++)
		if (device->queues[i])
			atomic_inc(&device->queues[i]->interrupts);
}

void virtqueue_open(struct virtio_device *device, struct virtqueue *queue, int index, u16 size,
		    int cpu, u8 vector)
{
	bool first = true;

	assert(index < VIRTIO_MOST_QUEUES);
	*queue = (struct virtqueue){ .device = device,
				     .ops = device->features & BIT(VIRTIO_F_RING_PACKED)
						    ? &packed_ring
						    : &split_ring,
				     .index = index,
				     .cpu = cpu,
				     .vector = vector };
	for (int i = 0; i < VIRTIO_MOST_QUEUES; i++)
		first &= !device->queues[i];
	device->queues[index] = queue;
	if (device->interrupts == VIRTIO_MSIX) {
		queues_by_vector[vector] = queue;
		handle_irq_eoi(vector, on_msix);
		pci_set_msix(device->pci, index, cpu, vector);
	} else if (device->interrupts == VIRTIO_INTX && first) {
		devices_by_vector[vector] = device;
		handle_irq_eoi(vector, on_intx);
		if (!pci_use_intx(device->pci, cpu, vector))
			report_abort("%s: where its INTx leads to is not known", device->name);
	}
	if (device->interface == VIRTIO_LEGACY)
		open_legacy(queue);
	else
		open_modern(queue, size);
	if (device->interrupts == VIRTIO_POLLED)
		queue->ops->disable_interrupts(queue);
}

u16 virtio_config_msix_entry(const struct virtio_device *device)
{
	return device->interface == VIRTIO_LEGACY
		       ? inw(device->ports + VIRTIO_LEGACY_CONFIG_MSIX_VECTOR)
		       : readw(device->common + VIRTIO_COMMON_CONFIG_MSIX_VECTOR);
}

void virtio_open_config(struct virtio_device *device, int cpu, u8 vector)
{
	u16 entry = device->msix_entries - 1;

	if (device->interrupts != VIRTIO_MSIX)
		return;
	device->config_open = true;
	device->config_entry = entry;
	device->config_cpu = cpu;
	device->config_vector = vector;
	devices_by_vector[vector] = device;
	handle_irq_eoi(vector, on_config_msix);
	pci_set_msix(device->pci, entry, cpu, vector);
	if (device->interface == VIRTIO_LEGACY)
		outw(entry, device->ports + VIRTIO_LEGACY_CONFIG_MSIX_VECTOR);
	else
		writew(entry, device->common + VIRTIO_COMMON_CONFIG_MSIX_VECTOR);
	wrote();
}

static void forget_config(void *data)
{
	struct virtio_device *device = data;

	unhandle_irq(device->config_vector);
	devices_by_vector[device->config_vector] = NULL;
}

static void forget_vector(void *data)
{
	struct virtqueue *queue = data;

	unhandle_irq(queue->vector);
	devices_by_vector[queue->vector] = NULL;
	queues_by_vector[queue->vector] = NULL;
}

void virtio_close(struct virtio_device *device)
{
	virtio_reset(device);
	pci_no_interrupts(device->pci);
	if (device->config_open)
		on_cpu(device->config_cpu, forget_config, device);
	device->config_open = false;
	for (int i = 0; i < VIRTIO_MOST_QUEUES; i++) {
		struct virtqueue *queue = device->queues[i];

		if (!queue)
			continue;
		/* An interrupt may still be pending. */
		if (devices_by_vector[queue->vector] == device ||
		    queues_by_vector[queue->vector] == queue)
			on_cpu(queue->cpu, forget_vector, queue);
		free_pages(queue->memory);
		device->queues[i] = NULL;
	}
}

/* ---- telling the device ---- */

void virtqueue_kick(struct virtqueue *queue)
{
	/* The request must be written before the device's wish is read. x86 does not order that. */
	smp_mb();
	if (!queue->ops->wants_notification(queue))
		return;
	if (queue->device->interface == VIRTIO_LEGACY)
		outw(queue->index, queue->device->ports + VIRTIO_LEGACY_QUEUE_NOTIFY);
	else
		writew(queue->index, queue->notify);
}
