# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds build/x86/NAME.efi, which UEFI firmware starts, of the same build/x86/NAME.elf as NAME.flat. It
# is a UEFI application, lib/x86/efi/loader/, linked with the distribution's gnu-efi, that holds the
# guest's image and jumps into it. So tests, symbols and lines are those of NAME.elf. ./configure
# --target says whether they are built.

ifneq ($(filter efi both,$(GUEST_TARGET)),)

guest_efis := $(guest_programs:%=$(build)/x86/%.efi)
efi_build := $(build)/x86/efi
efi_folder := lib/x86/efi/loader

# As gnu-efi's own Make.defaults and apps/ have them.
EFI_CFLAGS := -I/usr/include/efi -I/usr/include/efi/x86_64 -I. -std=gnu11 -O2 -m64 -ffreestanding \
	-fpic -fshort-wchar -mno-red-zone -maccumulate-outgoing-args -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing \
	-DGNU_EFI_USE_MS_ABI -DHAVE_USE_MS_ABI $(WARNINGS) -Wno-strict-prototypes
EFI_LDFLAGS := -nostdlib -m64 -shared -Wl,-Bsymbolic -Wl,-z,nocombreloc -Wl,-z,noexecstack \
	-Wl,--no-warn-rwx-segments -Wl,--build-id=none
EFI_SECTIONS := $(foreach name,.text .sdata .data .rodata .dynamic .dynsym .rel* .rela* .reloc,-j '$(name)')
efi_script := $(firstword $(wildcard $(GNU_EFI)/elf_x86_64_efi.lds $(GNU_EFI)/elf_x64_efi.lds \
	$(GNU_EFI)/efi.lds))
efi_startup := $(firstword $(wildcard $(GNU_EFI)/crt0-efi-x86_64.o $(GNU_EFI)/crt0.o))
efi_command := $(CC) $(OBJCOPY) $(EFI_CFLAGS) $(EFI_LDFLAGS) $(efi_script) $(efi_startup)
$(eval $(call remember,efi,efi_command))
efi_flags := $(build)/efi.flags

$(efi_build)/loader.o: $(efi_folder)/loader.c x86/efi.mk $(efi_flags)
	@mkdir -p $(@D)
	$(say) CC $@
	$(quiet)$(CC) $(EFI_CFLAGS) -MMD -MP -c -o $@ $<

$(efi_build)/%.bin: $(build)/x86/%.elf
	@mkdir -p $(@D)
	$(quiet)$(OBJCOPY) -S -O binary $< $@

$(efi_build)/%.image.o: $(efi_folder)/image.S $(efi_build)/%.bin x86/efi.mk $(efi_flags)
	$(quiet)$(CC) -m64 -DGUEST_IMAGE='"$(efi_build)/$*.bin"' -c -o $@ $<

$(efi_build)/%.so: $(efi_build)/loader.o $(efi_build)/%.image.o
	$(quiet)$(CC) $(EFI_LDFLAGS) -Wl,-T,$(efi_script) -o $@ $(efi_startup) $^ \
		$(GNU_EFI)/libefi.a $(GNU_EFI)/libgnuefi.a

$(build)/x86/%.efi: $(efi_build)/%.so
	$(say) EFI $@
	$(quiet)$(OBJCOPY) $(EFI_SECTIONS) --output-target=efi-app-x86_64 $< $@

-include $(efi_build)/loader.d
.SECONDARY: $(efi_build)/loader.o
.INTERMEDIATE: $(foreach kind,bin image.o so,$(guest_programs:%=$(efi_build)/%.$(kind)))

endif
