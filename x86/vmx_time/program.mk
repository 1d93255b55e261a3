# SPDX-License-Identifier: GPL-2.0-or-later
vmx_time_links := $(wildcard x86/nested/time*.c)
