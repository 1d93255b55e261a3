// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of devices. Finds the device that an access is for. See device.h. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "device.h"
#include "options.h"
#include "vcpu.h"

extern const struct device routes_device, serial_device, debug_exit_device, pm_timer_device,
	hyperv_testdev_device, fw_cfg_device, pc_testdev_device, pc_testdev_lines_device,
	keyboard_device, fast_reset_device, reset_control_device, sentence_device;

const struct device *const devices[] = {
	&routes_device,
	&serial_device,
	&debug_exit_device,
	&pm_timer_device,
	&hyperv_testdev_device,
	&fw_cfg_device,
	&pc_testdev_device,
	&pc_testdev_lines_device,
	&keyboard_device,
	&fast_reset_device,
	&reset_control_device,
	&sentence_device,
	NULL,
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const struct device *find(uint16_t port)
{
	for (const struct device *const *device = devices; *device; device++)
		if (port >= (*device)->port && port - (*device)->port < (*device)->ports)
			return *device;
	return NULL;
}

void device_access(struct machine *machine, bool write, uint16_t port, unsigned size,
		   unsigned count, uint8_t *data)
{
	const struct device *device = find(port);
	unsigned offset = device ? port - device->port : 0;

	pthread_mutex_lock(&lock);
	for (; count; count--, data += size) {
		uint32_t value = 0xffffffff;

		if (write) {
			value = 0;
			memcpy(&value, data, size);
			if (device && device->out)
				device->out(machine, offset, size, value);
		} else {
			if (device && device->in)
				value = device->in(machine, offset, size);
			memcpy(data, &value, size);
		}
	}
	if (device && device->access_over)
		device->access_over(machine);
	pthread_mutex_unlock(&lock);
}

static const struct device *find_mmio(uint64_t address, unsigned size)
{
	for (const struct device *const *device = devices; *device; device++)
		if (address >= (*device)->mmio &&
		    address - (*device)->mmio + size <= (*device)->mmio_bytes)
			return *device;
	return NULL;
}

void device_mmio(struct machine *machine, bool write, uint64_t address, unsigned size,
		 uint8_t *data)
{
	const struct device *device = find_mmio(address, size);
	uint64_t value = ~0ull;

	devices_lock();
	if (write) {
		value = 0;
		memcpy(&value, data, size);
		if (device)
			device->write(machine, address - device->mmio, size, value);
	} else {
		if (device)
			value = device->read(machine, address - device->mmio, size);
		memcpy(data, &value, size);
	}
	devices_unlock();
}

void devices_lock(void)
{
	pthread_mutex_lock(&lock);
}

void devices_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* Read before each entry, so without the lock. */
static atomic_bool wanted[MOST_CPUS];

void device_wants_cpu(struct machine *machine, unsigned cpu)
{
	atomic_store(&wanted[cpu], true);
	vcpu_kick(machine, cpu);
}

void devices_before_run(struct machine *machine, unsigned cpu)
{
	if (!atomic_load(&wanted[cpu]))
		return;
	devices_lock();
	atomic_store(&wanted[cpu], false);
	for (const struct device *const *device = devices; *device; device++)
		if ((*device)->before_run)
			(*device)->before_run(machine, cpu);
	devices_unlock();
}

void devices_reset(struct machine *machine)
{
	pthread_mutex_lock(&lock);
	for (const struct device *const *device = devices; *device; device++)
		if ((*device)->reset)
			(*device)->reset(machine);
	pthread_mutex_unlock(&lock);
}

void devices_clear(void)
{
	pthread_mutex_lock(&lock);
	for (const struct device *const *device = devices; *device; device++)
		if ((*device)->state_size)
			memset((*device)->state, 0, (*device)->state_size);
	pthread_mutex_unlock(&lock);
}

bool device_is_polled(uint16_t port)
{
	const struct device *device = find(port);

	return device && device->is_polled && device->is_polled(port - device->port);
}
