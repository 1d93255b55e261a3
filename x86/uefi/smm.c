// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The memory of system-management mode, which firmware has closed: Intel's data sheet of the 3
 * Series Chipset (317607), 5.1 "Device 0", registers SMRAM and ESMRAMC. OVMF uses the TSEG, the
 * last MiBs of RAM below 4 GiB, and sets D_LCK, so that nobody opens it until the next reset. From
 * outside of SMM it reads as all ones, and writes go nowhere (QEMU's hw/pci-host/q35.c).
 *
 * A broken VMM loses the lock or the mapping when it restores the chipset, so that the guest reads
 * the firmware's secrets or writes its code. The test reads and writes there, and tries to turn
 * the lock off. The test does not see a write that reaches SMRAM but cannot be read back. What SMM
 * does next would show it.
 */
#include "libcflat.h"
#include "cmos.h"
#include "efi/efi.h"
#include "efi/efi-runtime.h"
#include "io.h"
#include "pci.h"
#include "vm.h"

#define HOST_BRIDGE	   PCI_DEVADDR(0, 0, 0)
#define SMRAM		   0x9d
#define SMRAM_D_OPEN	   BIT(6)
#define SMRAM_D_LCK	   BIT(4)
#define SMRAM_G_SMRAME	   BIT(3)
#define ESMRAMC		   0x9e
#define ESMRAMC_T_EN	   BIT(0)
#define ESMRAMC_SIZE_SHIFT 1
#define EXT_TSEG_MBYTES	   0x50

#define ALL_ONES 0xffffffff

/* TSEG is read and written in steps of this. */
#define STEP (64 * 1024ul)

FEATURE(SMRAM_LOCKED, "SMRAM that firmware has locked (--firmware uefi-secure)")
{
	return efi_started() && pci_config_readb(HOST_BRIDGE, SMRAM) & SMRAM_D_LCK &&
	       pci_config_readb(HOST_BRIDGE, ESMRAMC) & ESMRAMC_T_EN;
}

/* QEMU: CMOS bytes 0x34 and 0x35 count the 64 KiB of RAM from 16 MiB on, below 4 GiB. */
static u64 low_ram_end(void)
{
	u64 count = cmos_read(0x35) << 8;

	return (16ul << 20) + (count | cmos_read(0x34)) * (64ul << 10);
}

/* In MiB. QEMU has a size of its own for what the data sheet reserves. */
static u64 tseg_mib(void)
{
	static const u8 sizes[] = { 1, 2, 8 };
	unsigned code = pci_config_readb(HOST_BRIDGE, ESMRAMC) >> ESMRAMC_SIZE_SHIFT & 3;

	return code < ARRAY_SIZE(sizes) ? sizes[code]
					: pci_config_readw(HOST_BRIDGE, EXT_TSEG_MBYTES);
}

static void check_closed(const char *when)
{
	u64 end = low_ram_end() - (broken("smram") ? tseg_mib() << 20 : 0);
	u64 start = end - (tseg_mib() << 20), open = 0;
	u8 smram;

	report_prefix_push(when);
	for (u64 at = start; at < end; at += STEP)
		open += readl(phys_to_virt(at)) != ALL_ONES;
	report(!open, "%lu of %lu places in SMRAM, 0x%lx to 0x%lx, can be read", open,
	       (end - start) / STEP, start, end);
	open = 0;
	for (u64 at = start; at < end; at += STEP) {
		volatile u32 *place = phys_to_virt(at + 8);

		writel(0, place);
		open += readl(place) != ALL_ONES;
	}
	report(!open, "%lu places in SMRAM can be written", open);

	smram = pci_config_readb(HOST_BRIDGE, SMRAM);
	report(smram & SMRAM_D_LCK, "SMRAM is locked (0x%x)", smram);
	pci_config_writeb(HOST_BRIDGE, SMRAM, SMRAM_D_OPEN | SMRAM_G_SMRAME);
	pci_config_writeb(HOST_BRIDGE, ESMRAMC, 0);
	report(pci_config_readb(HOST_BRIDGE, SMRAM) == smram &&
		       pci_config_readb(HOST_BRIDGE, ESMRAMC) & ESMRAMC_T_EN,
	       "the lock cannot be opened: SMRAM 0x%x, ESMRAMC 0x%x",
	       pci_config_readb(HOST_BRIDGE, SMRAM), pci_config_readb(HOST_BRIDGE, ESMRAMC));
	report_prefix_pop();
}

/* One byte; UEFI Specification 2.10, 3.3 "Globally Defined Variables". */
static void check_global(const u16 *name, const char *what, u8 wanted)
{
	static const struct efi_guid global = {
		0x8be4df61, 0x93ca, 0x11d2, { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c }
	};
	u8 value = 0xff;
	u64 size = sizeof(value);
	efi_status status = efi_runtime()->get_variable(name, &global, NULL, &size, &value);

	report(status == EFI_SUCCESS && value == wanted, "the variable %s is %u (status 0x%lx)",
	       what, value, status);
}

TEST(secure_boot_is_on, .needs = SMRAM_LOCKED,
     .about = "UEFI firmware says before and after an action that Secure Boot is on, with a key")
{
	static const u16 secure[] = { 'S', 'e', 'c', 'u', 'r', 'e', 'B', 'o', 'o', 't', 0 };
	static const u16 setup[] = { 'S', 'e', 't', 'u', 'p', 'M', 'o', 'd', 'e', 0 };

	check_global(secure, "SecureBoot", 1);
	check_global(setup, "SetupMode", 0);
	migrate();
	check_global(secure, "SecureBoot", 1);
	check_global(setup, "SetupMode", 0);
}

TEST(smram_stays_locked, .needs = SMRAM_LOCKED,
     .about = "SMRAM that firmware has locked cannot be read, written or opened after an action")
{
	check_closed("before");
	migrate();
	check_closed("after");
}
