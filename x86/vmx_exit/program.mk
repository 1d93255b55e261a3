# SPDX-License-Identifier: GPL-2.0-or-later
vmx_exit_links := $(wildcard x86/nested/instructions*.c)
