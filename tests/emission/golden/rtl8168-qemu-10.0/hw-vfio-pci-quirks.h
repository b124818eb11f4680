/* SPDX-License-Identifier: GPL-2.0-or-later */

void vfio_rtl8168_bar_quirks(VFIOPCIDevice *vdev, int nr);
