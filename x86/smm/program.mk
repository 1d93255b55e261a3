# SPDX-License-Identifier: GPL-2.0-or-later
smm_links := x86/async_pf/missing-pages.c
